"""The decision on one document, pure: the reference that every filter and every backend must agree with.

Administrators of the document's source may read; else any matching deny hides; else any matching allow, or owning the
document, shows; else nobody. A deny hides a document even from its owner, as Alfresco's own search has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vocabulary.access import Acl, Principal, PrincipalKind


class Ground(StrEnum):
    """What decided."""

    NO_READABLE_ACL = "no readable ACL"  # hides from administrators too: there is nothing to trust
    UNKNOWN_READER = "unknown reader"  # nobody in the document's source: what `explain` calls holding no principal
    ADMINISTRATOR = "administrator"
    DENIED = "denied"
    ALLOWED = "allowed"
    OWNER = "owner"
    NOTHING_MATCHED = "nothing matched"

    @property
    def is_admitting(self) -> bool:
        return self in {Ground.ADMINISTRATOR, Ground.ALLOWED, Ground.OWNER}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a reader may read, and on what ground; `principal` is the entry of the list or owner that decided."""

    ground: Ground
    principal: Principal | None = None

    @property
    def allowed(self) -> bool:
        return self.ground.is_admitting

    def __str__(self) -> str:
        verdict = "may read" if self.allowed else "may not read"
        by = f" ({self.principal})" if self.principal else ""
        return f"{verdict}: {self.ground}{by}"


def decide(acl: Acl | None, owner: Principal | None, principals: frozenset[Principal], *, source: str) -> Decision:
    """Decide on one document of `source` for a reader who holds `principals`.

    A reader who is unknown in the source holds no principal there: pass an empty set. Where several entries match, the
    first in the order of principals is named.
    """
    if acl is None:
        return Decision(Ground.NO_READABLE_ACL)
    administrators = Principal.administrators(source)
    if administrators in principals:
        return Decision(Ground.ADMINISTRATOR, administrators)
    if denied := acl.deny & principals:
        return Decision(Ground.DENIED, min(denied))
    if allowed := acl.allow & principals:
        return Decision(Ground.ALLOWED, min(allowed))
    if owner is not None and _is_person(owner) and owner in principals:
        return Decision(Ground.OWNER, owner)
    return Decision(Ground.NOTHING_MATCHED)


def may_read(acl: Acl | None, owner: Principal | None, principals: frozenset[Principal], *, source: str) -> bool:
    """Say whether a reader who holds `principals` may read a document of `source`."""
    return decide(acl, owner, principals, source=source).allowed


def _is_person(owner: Principal) -> bool:
    """Groups own nothing, and an owner without an id is a cleared field, not somebody."""
    return owner.kind is PrincipalKind.USER and bool(owner.id)
