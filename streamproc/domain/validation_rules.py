"""The form of a validation rule; what its rules may say is for `domain.rules`."""

from typing import Any

from streamproc.domain.form import Form, Id, Text


class ValidationRule(Form):
    """A named set of rules and the logic that joins them."""

    id: Id
    name: Text
    rules: dict[str, Any]
    error: dict[str, Any] | None = None
    context_type: str | None = None
