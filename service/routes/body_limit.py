"""A limit on the bytes of a request's body, kept while they arrive."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.types import Message, Receive


def within_limit(receive: Receive, *, max_bytes: int) -> Receive:
    """Pass the body on, up to the limit; beyond it the request ends with 413."""
    received_bytes = 0

    async def receive_within_limit() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > max_bytes:
            raise HTTPException(413)
        return message

    return receive_within_limit
