def cause_of_event(event_id: str, kind: str, created_at: str, /) -> bytes | None: ...
def end_of_job(
    customer_id: str,
    contact: str | None,
    address: str | None,
    name: object,
    cause: bytes,
    created_at: str,
    /,
) -> bytes | None: ...
