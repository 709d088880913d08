"""Rules and filters: the checks on them, and their compilation into functions of what they read.

* Validation rules: the `names` that they may have, `check`, `logic`; `compile` makes `conditions` of them, with their
  `leaves` and the quantifiers over `order_lines` and its `references`.
* Filters of segments: their `attributes`, `check_filter`; `compile_filter` makes `filters` of them.
* Both: `operators` and `times` on `values`, and `check_operators`.
"""

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
