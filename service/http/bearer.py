"""The one `Authorization: Bearer` header of a request: a reader's token, or an administrator's key.

Source: RFC 6750 §2.1 and §3; of the ways that it knows, only the header is looked at: addresses end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence

from vocabulary.errors import NotAuthenticated

# Why a request is refused without a word against the token that it may bear.
_NOT_OF_A_TOKEN = frozenset({"missing", "several", "caller", "keys-unavailable"})


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


def challenge(error: NotAuthenticated) -> str:
    """Return the `WWW-Authenticate` header: a token that was looked at and not believed is called invalid.

    Programs take that as the sign to get a new one (RFC 6750 §3.1).
    """
    return "Bearer" if error.reason in _NOT_OF_A_TOKEN else 'Bearer error="invalid_token"'
