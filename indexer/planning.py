"""What one met document needs, by what the ledger knows of it. Pure: rows in, a plan out.

The rule behind it: content that did not change is not read again, text that did not change is not embedded again, and
a document without readable permissions is withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from indexer.extraction.blocks import Reason
from indexer.ledger import LedgerRow, comments_sha256, description_sha256
from vocabulary.access import HIDDEN_ACL, AclId
from vocabulary.documents import Document, DocumentState
from vocabulary.errors import ContentGone, TooLarge

NO_CONTENT = ""  # the ledger's version of a document that has no bytes; None there means "not known"

# Reading the same bytes again would end the same way, so they are read again only when they change.
LASTING_FAILURES = frozenset({Reason.ENCRYPTED, Reason.DAMAGED, TooLarge.reason, ContentGone.reason})


class Need(Enum):
    """The least work that brings the index up to date with a document."""

    NOTHING = auto()
    DESCRIPTION = auto()  # title, attributes, ACL or owner changed
    COMMENTS = auto()  # comments changed, perhaps the description too
    CONTENT = auto()  # new, changed or not known: read it
    WITHDRAWAL = auto()  # no reader may be named


@dataclass(frozen=True, slots=True)
class Plan:
    """What a document needs and what will be true of it afterwards."""

    need: Need
    content_version: str
    comments_sha256: str
    description_sha256: str


def plan(document: Document, acl_id: AclId, previous: LedgerRow | None, *, recipe: str) -> Plan:
    """Compare a met document with its ledger row; `HIDDEN_ACL` stands for unreadable permissions."""
    version = document.content_version if document.content_version is not None else NO_CONTENT
    comments = comments_sha256(document)
    description = description_sha256(document, acl_id)

    def needs(need: Need) -> Plan:
        return Plan(need, version, comments, description)

    if acl_id == HIDDEN_ACL:
        return needs(Need.WITHDRAWAL)
    if previous is None or not previous.in_index or previous.recipe != recipe:
        return needs(Need.CONTENT)
    if previous.content_version != version:
        return needs(Need.CONTENT)
    if previous.comments_sha256 != comments:
        return needs(Need.COMMENTS)
    if previous.description_sha256 != description:
        return needs(Need.DESCRIPTION)
    return needs(Need.NOTHING)


def lasting_failure(previous: LedgerRow | None) -> str:
    """The reason of a failure that reading the same bytes again cannot mend; empty if there is none."""
    if previous is None or previous.state is not DocumentState.FAILED:
        return ""
    return previous.reason if previous.reason in LASTING_FAILURES else ""
