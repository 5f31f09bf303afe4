"""The one `Authorization: Bearer` header of a request: a reader's token, or an administrator's key.

Source: RFC 6750 §2.1; of the ways that it knows, only the header is looked at: addresses end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence

from vocabulary.errors import NotAuthenticated


def bearer_token(authorization: Sequence[str], *, wanted: str) -> str:
    """Take the token out of a request's `Authorization` headers; `wanted` says what is missing where it is.

    Raises:
        NotAuthenticated: there is none, or more than one header, or another scheme.
    """
    if not authorization:
        raise NotAuthenticated(f"send {wanted}: Authorization: Bearer …", reason="missing")
    if len(authorization) > 1:
        raise NotAuthenticated("more than one Authorization header", reason="several")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated(f"send {wanted}: Authorization: Bearer …", reason="missing")
    return token.strip()
