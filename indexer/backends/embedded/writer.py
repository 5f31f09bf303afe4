"""Index operations to rows, inside the caller's transaction: all of a batch or none of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.backends.embedded import codec, schema
from indexer.backends.embedded.text_rows import Heading, TextRows, stored_heading
from indexer.search.analysis import Analyzer, storable
from indexer.search.collapsing import content_key
from indexer.search.matching import (
    ADDED_FIELDS,
    TOXICITY_CATEGORY_FIELD,
    TOXICITY_FIELD,
    toxicity_fields,
    toxicity_of,
    worst_of,
)
from indexer.search.toxicity import texts_sha256
from vocabulary.access import HIDDEN_ACL, AclId
from vocabulary.documents import DocumentId, EnrichedPassage
from vocabulary.errors import NumberingMismatch
from vocabulary.indexing import (
    Delete,
    Describe,
    Description,
    Hide,
    IndexOperation,
    Put,
    Readmit,
    Refusal,
    Rescore,
    Scoring,
    document_of,
)

# A follower further behind than this reads everything anew, which is then the faster way anyhow.
_CHANGES_KEPT = 1_000_000

_FENCE_OF = "fence of "  # and the source's name: a key of the index's own state

_DESCRIBED = "source, native_id, title, title_key, uri, path, acl_id, owner, attributes, searched"
# What its passages say of a document, and what was found of them.
_CONTENT = "toxicity, content_key, passage_count, toxicity_version, toxicity_categories"
_SCORED = "UPDATE document SET (toxicity, toxicity_version, toxicity_categories) = (?, ?, ?) WHERE id = ?"
_FORGET_TOXICITY = "DELETE FROM attribute WHERE document_id = ? AND field IN (?, ?)"
_PASSAGE_SCORED = "UPDATE passage SET (toxicity, toxicity_category, toxic_spans) = (?, ?, ?) WHERE id = ?"


def apply(
    connection: Any, operations: Sequence[IndexOperation], analyzer: Analyzer, *, fence: int | None = None
) -> dict[DocumentId, Refusal]:
    """Carry out the operations in order; return the documents of which something was not done."""
    refused: dict[DocumentId, Refusal] = {}
    sources = {document_of(operation).source for operation in operations}
    closed = {source for source in sources if fence is not None and not _raise_fence(connection, source, fence)}
    text = TextRows(connection, analyzer)
    for operation in operations:
        document_id = document_of(operation)
        if document_id.source in closed:
            refused[document_id] = Refusal.SUPERSEDED
        elif (refusal := _carry_out(connection, text, operation)) is not None:
            refused[document_id] = refusal
    text.write()
    _forget_old_changes(connection)
    return refused


def _raise_fence(connection: Any, source: str, fence: int) -> bool:
    """Shut out whoever writes to the source under a lower fence; False where the writer itself is shut out."""
    key = f"{_FENCE_OF}{source}"
    highest = int(schema.read_state(connection, key) or fence)
    if fence >= highest:
        schema.write_state(connection, key, str(fence))
    return fence >= highest


def _forget_fences(connection: Any) -> None:
    """Let every writer in: what they would have written over is gone, or shown to nobody."""
    connection.execute("DELETE FROM state WHERE substr(key, 1, ?) = ?", (len(_FENCE_OF), _FENCE_OF))


def _carry_out(connection: Any, text: TextRows, operation: IndexOperation) -> Refusal | None:
    """Carry out one operation; say why it was not possible, or nothing."""
    match operation:
        case Put():
            _put(connection, text, operation)
        case Describe(description):
            return _describe(connection, text, description)
        case Readmit(document_id, acl_id, owner):
            return _readmit(connection, document_id, acl_id, owner=None if owner is None else str(owner))
        case Rescore():
            return _rescore(connection, operation)
        case Hide(document_id):
            _hide(connection, document_id)
        case Delete(document_id):
            _delete(connection, text, document_id)
    return None


def adopt(connection: Any, numbering: str) -> None:
    """Tie the index to a numbering, unless it holds documents under another."""
    if schema.read_state(connection, "numbering") == numbering:
        return
    if connection.execute("SELECT 1 FROM document LIMIT 1").fetchone():
        raise NumberingMismatch("the index holds documents under another state's numbers")
    _forget_fences(connection)
    schema.write_state(connection, "numbering", numbering)


def put_seal(connection: Any, seal: str, *, hide_all: bool) -> None:
    """Put a word on the index, and hide every document where asked."""
    if hide_all:
        connection.execute("UPDATE document SET acl_id = ?", (HIDDEN_ACL,))
        connection.execute("INSERT INTO change(document_id) SELECT id FROM document ORDER BY id")
        _forget_fences(connection)
    schema.write_state(connection, "seal", seal)


def _put(connection: Any, text: TextRows, put: Put) -> None:
    description, content = put.description, _content_of(put)
    known = _find(connection, description.document_id)
    if known is None:
        document_id = _insert_document(connection, description, content)
    else:
        document_id = known
        text.remove_passages(document_id)
        update = f"UPDATE document SET ({_CONTENT}) = (?, ?, ?, ?, ?) WHERE id = ?"  # noqa: S608 - our own columns
        connection.execute(update, (*content, document_id))
        _update_document(connection, document_id, description)
    text.put_heading(document_id, Heading.of(description))
    for each in sorted(put.passages, key=lambda enriched: enriched.passage.ordinal):
        row = codec.passage_to_row(each.passage)
        body = text.analysed(row[2])
        passage_id = _insert_passage(connection, document_id, each, row=row, terms=len(body.terms))
        text.put_passage(passage_id, body)
        connection.execute("INSERT INTO embedding VALUES(?, ?)", (passage_id, codec.vector_to_blob(each.vector)))


def _content_of(put: Put) -> tuple[float, int, int, str, str]:
    """Return what the passages say of the document, in the order of `_CONTENT`."""
    scored = _scoring(put.scoring)
    return toxicity_of(put.passages), content_key(put.passages), len(put.passages), *scored


def _scoring(scoring: Scoring) -> tuple[str, str]:
    return scoring.version, codec.names_to_json(scoring.categories)


def _rescore(connection: Any, rescore: Rescore) -> Refusal | None:
    known = _find(connection, rescore.document_id)
    if known is None:
        return Refusal.MISSING
    passages = "SELECT id, body FROM passage WHERE document_id = ? ORDER BY ordinal"
    stored = connection.execute(passages, (known,)).fetchall()
    if texts_sha256(body for _, body in stored) != rescore.texts_sha256:
        return Refusal.CHANGED
    connection.executemany(
        _PASSAGE_SCORED,
        [
            (*codec.toxicity_to_row(toxicity), passage_id)
            for (passage_id, _), toxicity in zip(stored, rescore.toxicity, strict=True)
        ],
    )
    worst, categories = worst_of(rescore.toxicity), rescore.scoring.categories
    connection.execute(_SCORED, (worst, *_scoring(rescore.scoring), known))
    connection.execute(_FORGET_TOXICITY, (known, TOXICITY_FIELD, TOXICITY_CATEGORY_FIELD))
    fields = toxicity_fields(toxicity_0_1=worst, categories=categories)
    connection.executemany("INSERT INTO attribute VALUES(?, ?, ?, ?)", codec.rows_of_fields(known, fields))
    _note_change(connection, known)
    return None


def _describe(connection: Any, text: TextRows, description: Description) -> Refusal | None:
    known = _find(connection, description.document_id)
    if known is None:
        return Refusal.MISSING
    former, heading = stored_heading(connection, known), Heading.of(description)
    _update_document(connection, known, description)
    if heading != former:
        text.put_heading(known, heading)
    return None


def _readmit(connection: Any, readmitted: DocumentId, acl_id: AclId, *, owner: str | None) -> Refusal | None:
    known = _find(connection, readmitted)
    if known is None:
        return Refusal.MISSING
    connection.execute("UPDATE document SET acl_id = ?, owner = ? WHERE id = ?", (int(acl_id), owner, known))
    _note_change(connection, known)
    return None


def _hide(connection: Any, hidden: DocumentId) -> None:
    known = _find(connection, hidden)
    if known is not None:
        connection.execute("UPDATE document SET acl_id = ? WHERE id = ?", (HIDDEN_ACL, known))
        _note_change(connection, known)


def _delete(connection: Any, text: TextRows, deleted: DocumentId) -> None:
    known = _find(connection, deleted)
    if known is None:
        return
    text.remove_passages(known)
    text.remove_heading(known)
    _remove_attributes(connection, known)
    connection.execute("DELETE FROM document WHERE id = ?", (known,))
    _note_change(connection, known)


def _find(connection: Any, document_id: DocumentId) -> int | None:
    """Return a document's row id."""
    found = connection.execute(
        "SELECT id FROM document WHERE source = ? AND native_id = ?",
        (document_id.source, document_id.native_id),
    ).fetchone()
    return None if found is None else int(found[0])


def _insert_document(connection: Any, description: Description, content: tuple[Any, ...]) -> int:
    """Insert a document's own row and its attributes; return the row id. `content` is in the order of `_CONTENT`."""
    connection.execute(
        f"INSERT INTO document({_DESCRIBED}, {_CONTENT}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*_described(description), *content),
    )
    document_id: int = connection.last_insert_rowid()
    _insert_attributes(connection, document_id, description)
    _note_change(connection, document_id)
    return document_id


def _update_document(connection: Any, document_id: int, description: Description) -> None:
    """Replace a document's own row, except what its passages say of it, and its attributes."""
    _remove_attributes(connection, document_id)
    connection.execute(
        f"UPDATE document SET ({_DESCRIBED}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?",  # noqa: S608 - our own columns
        (*_described(description), document_id),
    )
    _insert_attributes(connection, document_id, description)
    _note_change(connection, document_id)


def _described(description: Description) -> tuple[Any, ...]:
    """Return a description in the order of `_DESCRIBED`."""
    title = storable(description.title)
    return (
        description.document_id.source,
        description.document_id.native_id,
        title,
        title.casefold(),
        storable(description.uri),
        storable(description.path),
        int(description.acl_id),
        None if description.owner is None else str(description.owner),
        codec.attributes_to_json(description.attributes),
        codec.names_to_json(description.searched),
    )


def _insert_attributes(connection: Any, document_id: int, description: Description) -> None:
    """Insert what the description says, and what the document's stored row says of its passages."""
    scored = "SELECT toxicity, toxicity_categories FROM document WHERE id = ?"
    toxicity, categories = connection.execute(scored, (document_id,)).fetchone()
    marked = codec.names_from_json(categories)
    rows = codec.attribute_rows(document_id, description, toxicity_0_1=toxicity, categories=marked)
    connection.executemany("INSERT INTO attribute VALUES(?, ?, ?, ?)", rows)


def _remove_attributes(connection: Any, document_id: int) -> None:
    """Remove the attributes by their key, which the stored description names: it needs no index of its own."""
    stored = connection.execute("SELECT attributes FROM document WHERE id = ?", (document_id,)).fetchone()
    fields = {*ADDED_FIELDS, *codec.attributes_from_json(stored[0])}
    connection.executemany(
        "DELETE FROM attribute WHERE field = ? AND document_id = ?", [(field, document_id) for field in fields]
    )


def _insert_passage(
    connection: Any, document_id: int, enriched: EnrichedPassage, *, row: codec.PassageRow, terms: int
) -> int:
    connection.execute(
        f"INSERT INTO passage({codec.PASSAGE_COLUMNS}, document_id, body_terms, {codec.TOXICITY_COLUMNS})"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, document_id, terms, *codec.toxicity_to_row(enriched.toxicity)),
    )
    passage_id: int = connection.last_insert_rowid()
    return passage_id


def _note_change(connection: Any, document_id: int) -> None:
    connection.execute("INSERT INTO change(document_id) VALUES(?)", (document_id,))


def _forget_old_changes(connection: Any) -> None:
    connection.execute("DELETE FROM change WHERE sequence <= (SELECT max(sequence) FROM change) - ?", (_CHANGES_KEPT,))
