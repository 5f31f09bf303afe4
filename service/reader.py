"""From a request to the access filter of whoever sent it: the one door of the REST API.

A public index is read by everyone, as nobody in particular: no token is looked at, so that a good and a bad one give
the same answer. Every other index needs one proof of who asks (`service/tokens/`); without it there is no filter, and
without a filter no search.
"""

from __future__ import annotations

from typing import Protocol

from acl import AccessControl, ReaderClaims
from service.search import ServedIndex
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings
from service.tokens import Credentials
from vocabulary.access import AccessFilter
from vocabulary.errors import NotAllowed, QueryInvalid

_NOBODYS = "command line"  # the issuer of claims that an operator makes up where no configured one is meant


class ClaimsVerifier(Protocol):
    """Whoever can tell a good token from a bad one."""

    async def verify(self, credentials: Credentials) -> ReaderClaims:
        """Return what the credentials prove of their sender.

        Raises:
            NotAuthenticated: they prove nothing.
        """
        ...


class Readers:
    """Knows who asks, and what they may see."""

    def __init__(self, access_control: AccessControl, verifier: ClaimsVerifier) -> None:
        self._access_control = access_control
        self._verifier = verifier

    async def of_request(self, index: ServedIndex, credentials: Credentials) -> AccessFilter:
        """Build the filter for the sender of these credentials.

        Raises:
            NotAuthenticated: the index needs a reader, and there is no proof of one, or several, or a bad one.
        """
        if index.access is IndexAccess.PUBLIC:
            return await self._access_control.public_filter(index.sources)
        claims = await self._verifier.verify(credentials)
        return await self._access_control.filter_for(claims, index.identity_rules)

    async def require_administrator(self, index: ServedIndex, credentials: Credentials) -> None:
        """Let only those pass whom a source of the index lets read everything.

        Raises:
            NotAuthenticated: as in `of_request`.
            NotAllowed: the sender is nobody like that, or the index is public and so knows no senders.
        """
        if index.access is IndexAccess.PUBLIC:
            raise NotAllowed("a public index explains no scores")
        claims = await self._verifier.verify(credentials)
        if not await self._access_control.is_administrator(claims, index.identity_rules):
            raise NotAllowed("only administrators of a source are told what scores are made of")


def issuer_meant(settings: Settings, named: str | None) -> str:
    """The issuer of a token that an administrator imagines: the named one, else the only one of the settings.

    Where several are configured and none is named, it is nobody's: no identity mapping and no group counts then.

    Raises:
        QueryInvalid: no `[[tokens]]` entry has the named issuer.
    """
    configured = {entry.issuer for entry in settings.tokens}
    if named is None:
        return configured.pop() if len(configured) == 1 else _NOBODYS
    if named not in configured:
        raise QueryInvalid("issuer: no [[tokens]] entry has it")
    return named


async def named_filter(access_control: AccessControl, index: ServedIndex, claims: ReaderClaims) -> AccessFilter:
    """Build the filter for somebody whom an administrator names, as if a token had proved the claims."""
    if index.access is IndexAccess.PUBLIC:
        return await access_control.public_filter(index.sources)
    return await access_control.filter_for(claims, index.identity_rules)
