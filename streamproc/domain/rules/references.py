"""References to products, SKUs and collections in the conditions of rules about order lines."""

from typing import Any

from streamproc.domain.lines import KINDS, Kind, Reference, object_id
from streamproc.domain.rules.values import BadValue


def read_references(value: Any, only: Kind | None = None) -> frozenset[Reference]:
    """Read the value of `$is` or `$from`, a reference or a list of them; raises `BadValue`.

    A reference is an id, or an object with `id` (else `source_id`) and perhaps `object`. Without `object` it stands
    for the product, the SKU and the collection of that id. `only` narrows it to one kind.
    """
    listed = value if type(value) is list else [value]
    if not listed:
        raise BadValue("the list is empty; at least one product, SKU or collection is needed")
    return frozenset((kind, found) for item in listed for kind, found in _read_reference(item) if only in {None, kind})


def _read_reference(item: Any) -> list[Reference]:
    found = object_id(item)
    if found is None:
        raise BadValue("an id, or an object with an id or a source_id, is needed")
    named = item.get("object") if type(item) is dict else None
    if named is None:
        return [(kind, found) for kind in KINDS]
    if named not in KINDS:
        raise BadValue(f"the object of a reference is one of {', '.join(KINDS)}")
    return [(named, found)]
