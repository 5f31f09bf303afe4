"""What travels from a source to an index: documents, their passages, and the changes a crawl yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vocabulary.access import Acl, Principal

AttributeValue: TypeAlias = str | int | float | bool | datetime | tuple[str | int | float | bool | datetime, ...]
Vector: TypeAlias = npt.NDArray[np.float32]
TokenIds: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, order=True)
class DocumentId:
    """A document's identity; spelled `<source>/<the source's own id>` in answers, logs and on the command line."""

    source: str
    native_id: str

    def __str__(self) -> str:
        return f"{self.source}/{self.native_id}"

    @classmethod
    def parse(cls, text: str) -> DocumentId:
        """Read the canonical spelling.

        Raises:
            ValueError: there is no `/`, or nothing before or behind it.
        """
        source, slash, native_id = text.partition("/")
        if not (source and slash and native_id):
            raise ValueError(f"not a document id: {text!r} (expected <source>/<id>)")
        return cls(source, native_id)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment on a document: searched as a part of it, under its document's ACL."""

    native_id: str
    author: str
    text: str  # plain text; mark-up is removed by the connector
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """One file or record of a source as the crawl meets it, without its bytes.

    `content_version` changes whenever the bytes may have changed; None means that the source holds no
    content for it. `acl` is None when the source did not let the crawler read the permissions: such a document is
    hidden from everyone. `owner` reads the document unless the ACL denies it to them. `lineage` names the folders it
    lies in by the source's own ids, the outermost first; empty where the source keeps none. `searched` names the
    attributes that are searched by words. `warnings` are fixed words for what the connector could not bring of it: a
    run counts them.
    """

    id: DocumentId
    title: str
    uri: str
    path: str  # where a person finds it at the source, without the document's own name
    mime_type: str
    content_version: str | None
    size_bytes: int | None
    modified_at: datetime | None  # aware, UTC
    acl: Acl | None
    owner: Principal | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    comments: tuple[Comment, ...] = ()
    lineage: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class DocumentState(StrEnum):
    """How one scanned document ended in one run. Every scanned document ends in exactly one of them."""

    INDEXED = "indexed"  # content read, passages written
    UNCHANGED = "unchanged"  # nothing read, nothing written
    METADATA_ONLY = "metadata-only"  # title, attributes, comments or ACL written; content not read again
    FILTERED = "filtered"  # met by the crawl, outside the source's scope or rules
    NO_TEXT = "no-text"  # written with title and attributes; the content holds no text
    TRUNCATED = "truncated"  # indexed up to the limit on text
    FAILED = "failed"  # see the reason; tried again by the next run
    DELETED = "deleted"  # gone at the source, withdrawn from the index
    HIDDEN = "hidden"  # no reader may be named: permissions unreadable, or not public in a public index
    HELD = "held-back"  # toxic by its source's rule: in the index, and shown to nobody until somebody has reviewed it


@dataclass(frozen=True, slots=True)
class Upsert:
    """The document exists at the source and is in scope."""

    document: Document


@dataclass(frozen=True, slots=True)
class Skipped:
    """The document exists, but the connector does not deliver it: outside the rules, or not readable."""

    document_id: DocumentId
    state: DocumentState  # FILTERED or FAILED
    reason: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The source itself says that the document is gone."""

    document_id: DocumentId


@dataclass(frozen=True, slots=True)
class AclRead:
    """A list was read at the place that anchors it, apart from the documents that are under it.

    `changed_at` (aware, UTC) is when the source says that somebody changed who may read there; None: it does not say.
    """

    acl: Acl
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessRead:
    """Who may read a document that exists and is in scope, without anything else of it. None: not readable.

    `changed_at` is as in `AclRead`.
    """

    document_id: DocumentId
    acl: Acl | None
    owner: Principal | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the connector could not do as it was set up to, and did another way: a run reports it.

    `words` are one of a small set of fixed words: they are counted once a run and exported as a metric label.
    """

    words: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place to resume from: every change yielded before it precedes it. Opaque to all but its connector."""

    position: str


Change: TypeAlias = Upsert | Skipped | Removed | AclRead | AccessRead | Notice | Checkpoint


class BlockKind(StrEnum):
    """What a piece of extracted text is in the structure of its document."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of extracted text that belongs together. `page` counts from 1: a page, sheet or slide."""

    text: str
    kind: BlockKind = BlockKind.PARAGRAPH
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """The text of one document in reading order; `truncated` when the limit on text cut it short."""

    blocks: tuple[Block, ...]
    truncated: bool = False


class PassageKind(StrEnum):
    """Which part of its document a passage comes from."""

    BODY = "body"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of embedding and of excerpts: a run of text with its place in the document.

    `start` and `end` are character offsets into the document's extracted text (body) or into the comment. `author` and
    `written_at` (aware, UTC) are those of a comment.
    """

    ordinal: int  # from 0, unique within the document
    kind: PassageKind
    text: str
    start: int
    end: int
    token_count: int  # as the embedding model counts, without its special tokens
    page: int | None = None
    heading: str | None = None
    comment_id: str | None = None
    author: str | None = None
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToxicSpan:
    """A sentence found toxic: the characters [start, end) of its passage, and of which kind it most likely is.

    `category` is empty where the model knows no kinds.
    """

    start: int
    end: int
    score_0_1: float
    category: str = ""


@dataclass(frozen=True, slots=True)
class Toxicity:
    """How toxic a text is: the calibrated probability of its worst sentence, and the sentences that were flagged.

    Enrichment to filter by, never a permission. A text without flagged sentences has no category.
    """

    score_0_1: float
    category: str = ""  # of the worst flagged sentence
    spans: tuple[ToxicSpan, ...] = ()  # in the order of the text


CLEAN = Toxicity(0.0)


@dataclass(frozen=True, slots=True)
class ToxicityThresholds:
    """Scores from which a model's maker advises to flag a text, and from which to hold it back from readers."""

    flag: float
    hide: float


@dataclass(frozen=True, slots=True, eq=False)
class EnrichedPassage:
    """A passage with what the model says of it."""

    passage: Passage
    vector: Vector  # float32 [dimensions], unit length
    toxicity: Toxicity


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """One text as the embedding model reads it, without special tokens.

    `offsets[i]` is the character range [start, end) of token i in the text.
    """

    ids: TokenIds  # int32 [n_tokens]
    offsets: npt.NDArray[np.int32]  # [n_tokens, 2]


@dataclass(frozen=True, slots=True, eq=False)
class ReadText:
    """A text together with its tokens: what the model computes from, and where in the text that was."""

    text: str
    tokens: Tokens


@dataclass(frozen=True, slots=True, eq=False)
class Enrichment:
    """What one pass of the model says of n texts, in their order."""

    vectors: npt.NDArray[np.float32]  # [n, dimensions], unit length
    toxicity: Sequence[Toxicity]  # [n]
