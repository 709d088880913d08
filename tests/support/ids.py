"""The derived ids, hashed as one text; the event path hashes them piece by piece."""

from hashlib import blake2b


def job_id(cause_id: str, customer_id: str, distribution_id: str, channel: str, index: int) -> str:
    """Return the id of a job."""
    return "job_" + _digest(cause_id, customer_id, distribution_id, channel, str(index))


def publication_id(cause_id: str, customer_id: str, distribution_id: str, campaign_id: str) -> str:
    """Return the id of a request for a code, and of the publication that it gets."""
    return "pub_" + _digest(cause_id, customer_id, distribution_id, campaign_id)


def _digest(*texts: str) -> str:
    return blake2b("\x1f".join(texts).encode(), digest_size=16).hexdigest()
