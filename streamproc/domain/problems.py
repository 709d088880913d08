"""What is wrong with a configuration record: where, a code from a closed list, and how to mend it."""

from dataclasses import dataclass
from typing import Literal

RefusalCode = Literal[
    "schema",
    "too_large",
    "duplicate_name",
    "unknown_trigger",
    "selector_required",
    "selector_not_allowed",
    "action_not_allowed",
    "channel_not_allowed",
    "unknown_rule_name",
    "rule_not_available",
    "unknown_operator",
    "bad_value",
    "bad_logic",
    "unknown_rule_key",
    "bad_placeholder",
    "bad_header",
    "attribute_not_available",
    "version_conflict",
    "already_sent",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: an error refuses the record, a warning does not.

    `path` is a JSON path (`$.rules.1.conditions.$is`, `$.channels[0].url`, `$` for the whole record);
    `message` says what is wrong and what is allowed.
    """

    path: str
    code: str
    message: str
