"""Who asks: the claims of a verified token, how each source looks for its user, and whom it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vocabulary.access import Person


class MatchUserBy(StrEnum):
    """Which field of a source's people the token's user is compared with."""

    EMAIL = "email"
    USERNAME = "username"


@dataclass(frozen=True, slots=True)
class ReaderClaims:
    """What a verified token says of its bearer. `groups` are the issuer's own, never a source's."""

    user: str
    groups: tuple[str, ...]
    issuer: str


@dataclass(frozen=True, slots=True)
class AdoptedGroups:
    """The one issuer whose groups a source takes for its own, and what its ids of groups begin with."""

    issuer: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class SourceIdentityRule:
    """How a token's user is found among the people of one source, and whose groups count there as the source's own."""

    source: str
    match_user_by: MatchUserBy
    adopted: AdoptedGroups | None = None


@dataclass(frozen=True, slots=True)
class KnownReader:
    """Whom each source that knows the reader takes them for, and all that they act as, in canonical spelling."""

    people: Mapping[str, Person]
    principals: frozenset[str]
