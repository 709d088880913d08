"""The id of a publication, made anew from its parts. Job ids: `local.recount`."""

from hashlib import blake2b


def publication_id(cause_id: str, customer_id: str, distribution_id: str, campaign_id: str) -> str:
    """Return the id of a request for a code, and of the publication that it gets."""
    text = f"{cause_id}\x1f{customer_id}\x1f{distribution_id}\x1f{campaign_id}"
    return "pub_" + blake2b(text.encode(), digest_size=16).hexdigest()
