"""Rules: the checks on them, and their compilation into functions of `Facts`."""

from streamproc.domain.rules.check import RuleFindings, check_rules
from streamproc.domain.rules.compile import RuleCompiler
from streamproc.domain.rules.conditions import Condition

__all__ = ["Condition", "RuleCompiler", "RuleFindings", "check_rules"]
