"""Chooses, by the scheme of the `Authorization` header and by nothing else, the rules that credentials are read by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import httpx

from acl import ReaderClaims
from service.http.bearer import bearer_token
from service.tokens.config import JsonTokenConfig, TokenConfig
from service.tokens.credentials import READER_HEADER, Credentials
from service.tokens.signed import SignedTokens
from service.tokens.statements import CallerStatements
from vocabulary.errors import NotAuthenticated, SettingInvalid
from vocabulary.ports import CheckResult


class TokenVerifier:
    """Verifies readers of every configured kind. Fetches published keys when they are first needed."""

    def __init__(
        self,
        configs: Iterable[TokenConfig],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise `SettingInvalid` where two configurations name one issuer: its tokens would be read in two ways."""
        entries = tuple(configs)
        _require_distinct([entry.issuer for entry in entries])
        signed = [entry for entry in entries if not isinstance(entry, JsonTokenConfig)]
        stated = [entry for entry in entries if isinstance(entry, JsonTokenConfig)]
        self._signed = SignedTokens(signed, transport=transport, clock=clock, monotonic_s=monotonic_s)
        self._statements = CallerStatements(stated, clock=clock) if stated else None

    async def verify(self, credentials: Credentials) -> ReaderClaims:
        """Return what the credentials prove of their sender.

        Raises:
            NotAuthenticated: they prove nothing; the message may be shown to the sender.
        """
        proof = _basic_proof(credentials)
        if proof is not None and self._statements is not None:
            return self._statements.verify(proof, credentials)
        token = bearer_token(credentials.authorization, wanted="a token")
        if credentials.reader:
            raise NotAuthenticated(
                f"{READER_HEADER} is for trusted callers; a token speaks for itself", reason="several"
            )
        return await self._signed.verify(token)

    async def check(self) -> Sequence[CheckResult]:
        """Fetch the keys of every issuer that publishes them. A failure is a result, not an error."""
        return await self._signed.check()


def _require_distinct(issuers: list[str]) -> None:
    for position, issuer in enumerate(issuers):
        if issuer in issuers[:position]:
            raise SettingInvalid(f"issuer: {issuer} is configured twice")


def _basic_proof(credentials: Credentials) -> str | None:
    """What follows the scheme `Basic` in the one Authorization header; schemes have no case (RFC 9110 §11.1)."""
    if len(credentials.authorization) != 1:
        return None
    scheme, _, proof = credentials.authorization[0].partition(" ")
    return proof.strip() if scheme.lower() == "basic" else None
