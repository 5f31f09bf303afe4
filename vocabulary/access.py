"""Who may read: principals, access control lists, and the filter that every search runs under."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NewType, TypeAlias
from urllib.parse import quote, unquote

from pyroaring import FrozenBitMap

from vocabulary.stored_text import restored, storable

AclId = NewType("AclId", int)

HIDDEN_ACL = AclId(0)  # admits nobody, not even the owner; no filter ever contains it


class PrincipalKind(StrEnum):
    """What a principal stands for within its scope."""

    USER = "user"
    GROUP = "group"
    EVERYONE = "everyone"  # every enabled person of the scope; guests are not among them
    ADMINISTRATORS = "administrators"  # those whom the scope lets read everything


@lru_cache(maxsize=1024)
def _spelled_scope(scope: str) -> str:
    return quote(scope, safe="")


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """A user or group, always scoped by the source (or token issuer) that names it.

    `str()` is the one canonical spelling, `kind:scope/id`, compared case-sensitively: whoever makes a principal takes
    the id exactly as the scope's own directory spells it. What no store holds is spelled in it as `stored_text` has it.
    """

    scope: str
    kind: PrincipalKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{_spelled_scope(self.scope)}/{storable(self.id)}"

    @classmethod
    def parse(cls, text: str) -> Principal:
        """Read the canonical spelling.

        Raises:
            ValueError: the text is not of the form `kind:scope/id`.
        """
        kind, colon, rest = text.partition(":")
        scope, slash, own_id = rest.partition("/")
        if not (colon and slash and scope):
            raise ValueError(f"not a principal: {text!r} (expected kind:scope/id)")
        return cls(unquote(scope), PrincipalKind(kind), restored(own_id))

    @classmethod
    def user(cls, scope: str, id: str) -> Principal:  # noqa: A002 - the field's own name
        return cls(scope, PrincipalKind.USER, id)

    @classmethod
    def group(cls, scope: str, id: str) -> Principal:  # noqa: A002 - the field's own name
        return cls(scope, PrincipalKind.GROUP, id)

    @classmethod
    def everyone(cls, scope: str) -> Principal:
        return cls(scope, PrincipalKind.EVERYONE)

    @classmethod
    def administrators(cls, scope: str) -> Principal:
        return cls(scope, PrincipalKind.ADMINISTRATORS)


@dataclass(frozen=True, slots=True)
class Acl:
    """One access control list of a source. An empty `allow` admits nobody but owner and administrators.

    `key` identifies the list within its source: two documents with the same key share one stored record, so that a
    change of a folder's list rewrites one record and no document. A list inherited from a folder is keyed by that
    folder (`node:<id>`); a document's own list by its entries (`entries:<hash>`).
    """

    key: str
    allow: frozenset[Principal]
    deny: frozenset[Principal] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """What one reader may see, as sets of ACL ids. There is no default: without a filter there is no search.

    A document is admitted when its ACL id is in `visible`, or when it is in `if_owner` and the document's owner is one
    of `owners`. An ACL id in neither set is hidden. `numbering` names the state that numbered the ACLs: an index
    whose rows were numbered by another state refuses the filter.
    """

    numbering: str
    visible: FrozenBitMap
    if_owner: FrozenBitMap
    owners: frozenset[str]  # canonical spellings of the reader's own user principals

    def admits(self, acl_id: AclId, owner: str | None) -> bool:
        return acl_id in self.visible or (owner in self.owners and acl_id in self.if_owner)


@dataclass(frozen=True, slots=True)
class Person:
    """A person as a source's directory names them."""

    principal: Principal
    username: str
    email: str | None
    display_name: str
    enabled: bool = True
    is_administrator: bool = False
    is_guest: bool = False


@dataclass(frozen=True, slots=True)
class Membership:
    """`member` (a person or a group) belongs directly to `group`."""

    group: Principal
    member: Principal


Identity: TypeAlias = Person | Membership
