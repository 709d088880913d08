"""The form of a segment."""

from typing import Literal

from streamproc.domain.form import Form, Id, Text


class Segment(Form):
    """A set of customers. Membership of an `external` one is what upstream's entered and left events say."""

    id: Id
    name: Text
    type: Literal["external"]
