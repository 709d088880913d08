"""Rules and filters: the checks on them, and their compilation into functions of what they read."""

from streamproc.domain.rules.check import RuleFindings, check_rules
from streamproc.domain.rules.check_filter import FilterFindings, check_filter
from streamproc.domain.rules.compile import RuleCompiler
from streamproc.domain.rules.compile_filter import compile_filter, count_comparisons
from streamproc.domain.rules.conditions import Condition
from streamproc.domain.rules.filters import Filter

__all__ = [
    "Condition",
    "Filter",
    "FilterFindings",
    "RuleCompiler",
    "RuleFindings",
    "check_filter",
    "check_rules",
    "compile_filter",
    "count_comparisons",
]
