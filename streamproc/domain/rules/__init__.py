"""Rules: the checks on them, and their compilation into functions of `Facts`."""

from streamproc.domain.rules.check import RuleFindings, check_rules

__all__ = ["RuleFindings", "check_rules"]
