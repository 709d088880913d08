"""How publications and customers stand in the database: 16 bytes each."""

from hashlib import blake2b
from uuid import UUID

_PREFIX = "pub_"


def publication_key(publication_id: str) -> UUID:
    """Return the key of a publication."""
    return UUID(publication_id.removeprefix(_PREFIX))


def publication_id(key: UUID) -> str:
    """Return the publication that has this key."""
    return _PREFIX + key.hex


def customer_key(customer_id: str) -> UUID:
    """Return the key of a customer; the id cannot be read from it."""
    return UUID(bytes=blake2b(customer_id.encode(), digest_size=16).digest())
