"""Rows read back as they were put: for a sync, which keeps known vectors, and for copies into another index.

What is read here is read regardless of readers. The order is that of the row ids, which are never given twice: the
order in which documents were first stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from indexer.backends.embedded import codec, schema
from indexer.backends.embedded.changes import id_parameter
from indexer.search.toxicity import toxicity_from
from vocabulary.access import AclId, Principal
from vocabulary.documents import DocumentId, EnrichedPassage
from vocabulary.errors import ConfigurationError
from vocabulary.indexing import Description, Put, Scoring, StoredDocument

_DOCUMENTS = (
    "SELECT id, source, native_id, title, uri, path, acl_id, owner, attributes, searched, toxicity_version,"
    " toxicity_categories FROM document"
)
_TOXICITY = "SELECT id, toxicity FROM document WHERE id IN (SELECT value FROM carray(?))"
_TOXICITY_OF_PASSAGE = ", ".join(f"p.{column}" for column in codec.TOXICITY_COLUMNS.split(", "))
_PASSAGES = (
    f"SELECT p.document_id, {codec.PASSAGE_COLUMNS}, e.vector, {_TOXICITY_OF_PASSAGE}"  # noqa: S608 - our columns
    " FROM passage p JOIN embedding e ON e.passage_id = p.id"
)
_PASSAGES_OF_MANY = (
    f"{_PASSAGES} WHERE p.document_id IN (SELECT value FROM carray(?))"  # noqa: S608 - our columns
    " ORDER BY p.document_id, p.ordinal"
)


def stored_passages(connection: Any, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
    """Return the passages of a document in their order; empty when it is unknown."""
    rows = connection.execute(
        f"{_PASSAGES} JOIN document d ON d.id = p.document_id"
        " WHERE d.source = ? AND d.native_id = ? ORDER BY p.ordinal",
        (document_id.source, document_id.native_id),
    )
    return tuple(_passage(row) for _, *row in rows)


def stored_documents(connection: Any, *, after: str, limit: int) -> list[StoredDocument]:
    """Return documents behind a position, which is a row id, in one consistent state of the file."""
    connection.execute("BEGIN")
    rows = connection.execute(f"{_DOCUMENTS} WHERE id > ? ORDER BY id LIMIT ?", (int(after or 0), limit)).fetchall()
    return _with_passages(connection, rows)


def look_up(connection: Any, document_ids: Sequence[DocumentId]) -> list[StoredDocument]:
    """Return those of the documents that are stored, in one consistent state of the file."""
    connection.execute("BEGIN")
    found = [
        connection.execute(f"{_DOCUMENTS} WHERE source = ? AND native_id = ?", (each.source, each.native_id)).fetchone()
        for each in dict.fromkeys(document_ids)
    ]
    return _with_passages(connection, sorted((row for row in found if row is not None), key=lambda row: int(row[0])))


def take_identity(connection: Any, index_id: str) -> None:
    """Write the index's name, in the caller's transaction.

    Raises:
        ConfigurationError: the index holds documents under another name.
    """
    if schema.read_state(connection, "index_id") == index_id:
        return
    if connection.execute("SELECT 1 FROM document LIMIT 1").fetchone():
        raise ConfigurationError("the index holds documents under another name")
    schema.write_state(connection, "index_id", index_id)


def descriptions(connection: Any, *, after: int, limit: int) -> list[tuple[int, Description, float, Scoring]]:
    """Return row id, description, toxicity and scoring of documents behind a row id, in the caller's transaction."""
    rows = connection.execute(f"{_DOCUMENTS} WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
    toxicity = dict(connection.execute(_TOXICITY, (id_parameter(np.asarray([row[0] for row in rows], np.int64)),)))
    return [(row[0], _description(row), toxicity[row[0]], _scoring(row)) for row in rows]


def _with_passages(connection: Any, rows: Sequence[Any]) -> list[StoredDocument]:
    passages = _passages_of(connection, [row[0] for row in rows])
    return [_document(row, passages[row[0]]) for row in rows]


def _passages_of(connection: Any, row_ids: Sequence[int]) -> defaultdict[int, list[EnrichedPassage]]:
    found: defaultdict[int, list[EnrichedPassage]] = defaultdict(list)
    ids = id_parameter(np.asarray(row_ids, np.int64))
    for document_id, *row in connection.execute(_PASSAGES_OF_MANY, (ids,)):
        found[document_id].append(_passage(row))
    return found


def _passage(row: Sequence[Any]) -> EnrichedPassage:
    *described, vector, score, category, spans = row
    passage = codec.passage_from_row(tuple(described))
    return EnrichedPassage(passage, codec.vector_from_blob(vector), toxicity_from(score, category, spans))


def _document(row: Sequence[Any], passages: Iterable[EnrichedPassage]) -> StoredDocument:
    return StoredDocument(Put(_description(row), tuple(passages), _scoring(row)), str(row[0]))


def _scoring(row: Sequence[Any]) -> Scoring:
    *_, version, categories = row
    return Scoring(version, codec.names_from_json(categories))


def _description(row: Sequence[Any]) -> Description:
    _, source, native_id, title, uri, path, acl_id, owner, attributes, searched, *_ = row
    return Description(
        document_id=DocumentId(source, native_id),
        title=title,
        uri=uri,
        path=path,
        acl_id=AclId(acl_id),
        owner=None if owner is None else Principal.parse(owner),
        attributes=codec.attributes_from_json(attributes),
        searched=codec.names_from_json(searched),
    )
