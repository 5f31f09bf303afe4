"""Identity mappings: who a token's user is in a source, said by an operator where names alone do not tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from acl.folding import fold
from vocabulary.stored_text import storable


class MappingKey(NamedTuple):
    """Whom a mapping is about: a user as an issuer names them, in one source. Case counts as in a search by name."""

    issuer: str
    user_folded: str
    source: str


@dataclass(frozen=True, slots=True, order=True)
class IdentityMapping:
    """A user of an issuer is a person of a source."""

    issuer: str
    user: str
    source: str
    person: str  # the source's own id of the person, letter by letter

    @property
    def key(self) -> MappingKey:
        return key_of(issuer=self.issuer, user=self.user, source=self.source)


def key_of(*, issuer: str, user: str, source: str) -> MappingKey:
    return MappingKey(issuer, storable(fold(user)), source)
