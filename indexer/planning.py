"""What one met document needs, by what the ledger knows of it. Pure: rows in, a plan out.

The rule behind it: content that did not change is not read again, text that did not change is not embedded again, and
a document without readable permissions is hidden. One that the index could not hold is left alone until its time comes
or any part of it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from indexer.fingerprints import comments_sha256, description_sha256
from indexer.retrying import is_due, standing_failure
from indexer.state.ledger import LedgerRow
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import Document

NO_CONTENT = ""  # the ledger's version of a document that has no bytes; None there means "not known"


class Need(Enum):
    """The least work that brings the index up to date with a document."""

    NOTHING = auto()
    ACCESS = auto()  # only ACL or owner changed
    DESCRIPTION = auto()  # title or attributes changed, perhaps ACL and owner too
    COMMENTS = auto()  # comments changed, perhaps the description too
    CONTENT = auto()  # new, changed or not known: read it
    HIDING = auto()  # no reader may be named


@dataclass(frozen=True, slots=True)
class Plan:
    """What a document needs and what will be true of it afterwards."""

    need: Need
    content_version: str
    comments_sha256: str
    description_sha256: str


def plan(document: Document, acl_id: AclId, previous: LedgerRow | None, *, recipe: str, now: float) -> Plan:
    """Compare a met document with its ledger row; `HIDDEN_ACL` stands for unreadable permissions."""
    version = document.content_version if document.content_version is not None else NO_CONTENT
    comments = comments_sha256(document)
    description = description_sha256(document)

    def needs(need: Need) -> Plan:
        return Plan(need, version, comments, description)

    if acl_id == HIDDEN_ACL:
        return needs(Need.HIDING)
    if previous is None or previous.recipe != recipe or previous.content_version != version or is_due(previous, now):
        return needs(Need.CONTENT)
    is_as_described = previous.description_sha256 == description
    is_as_permitted = is_under(previous, acl_id, document.owner)
    if not previous.in_index:
        is_as_rejected = is_as_described and is_as_permitted and previous.comments_sha256 == comments
        return needs(Need.NOTHING if is_as_rejected and standing_failure(previous) else Need.CONTENT)
    if previous.comments_sha256 != comments:
        return needs(Need.COMMENTS)
    if not is_as_described:
        return needs(Need.DESCRIPTION)
    if not is_as_permitted:
        return needs(Need.ACCESS)
    return needs(Need.NOTHING)


def is_under(previous: LedgerRow, acl_id: AclId, owner: Principal | None) -> bool:
    """Whether the index holds the document under this list and owner."""
    return previous.acl_id == acl_id and previous.owner == (str(owner) if owner is not None else None)
