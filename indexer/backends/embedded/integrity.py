"""Whether a file holds what it should, part by part, and the rebuilding of every part that follows from another.

The rows of documents, passages and vectors are what the index was given. All else is derived from them: the text index,
the headings and the attributes that filters, facets and sorts see. `inspect` compares each derived part with what the
rows say; `repair` writes it anew. A document that lacks one of its vectors, or tells of sentences that it has not, is
beyond that: it is removed, and the next full sync, which counts what the index holds, brings it again.

Both run in one transaction of the caller's and hold at most one segment of the text index in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw

from indexer.backends.embedded import (
    codec,
    picture_file,
    segments,
    stored_rows,
    text_rows,
    vector_file,
    vocabulary,
    writer,
)
from indexer.backends.embedded.postings import Space
from indexer.search.analysis import Analyzer
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, Description, Scoring

_DOCUMENTS_AT_ONCE = 1_000
_LISTED = 3  # examples of each kind of damage: a person looks for the cause, not at every row

_MISPLACED_SPANS = """
toxic_spans <> ''
AND iif(json_valid(toxic_spans), (SELECT max(value ->> 1) FROM json_each(toxic_spans)) > length(body), 1)
"""
# Rows of one table that contradict another: what is wrong, and the ids that show it.
_CONTRADICTIONS = {
    "passages of no document": "SELECT id FROM passage WHERE document_id NOT IN (SELECT id FROM document)",
    "vectors of no passage": "SELECT passage_id FROM embedding WHERE passage_id NOT IN (SELECT id FROM passage)",
    "vectors of another size": "SELECT passage_id FROM embedding WHERE length(vector) <> ?1",
    "passages without a vector": "SELECT id FROM passage WHERE id NOT IN (SELECT passage_id FROM embedding)",
    "documents without all their passages": "SELECT id FROM document d"
    " WHERE passage_count <> (SELECT count(*) FROM passage WHERE document_id = d.id)",
    "documents without a heading": "SELECT id FROM document WHERE id NOT IN (SELECT document_id FROM heading)",
    "headings of no document": "SELECT id FROM heading WHERE document_id NOT IN (SELECT id FROM document)",
    "documents whose toxicity is not that of their worst passage": "SELECT id FROM document d WHERE abs(toxicity -"
    " (SELECT coalesce(max(toxicity), 0) FROM passage WHERE document_id = d.id)) > 0.0001",  # rounded to four digits
    "passages whose toxic sentences lie outside them": f"SELECT id FROM passage WHERE {_MISPLACED_SPANS}",  # noqa: S608 - our own text
    "postings of no term": "SELECT id FROM posting WHERE id NOT IN (SELECT posting FROM term)",
    "attributes of no document": "SELECT DISTINCT document_id FROM attribute"
    " WHERE document_id NOT IN (SELECT id FROM document)",
}
_UNINDEXED = """
SELECT t.id FROM {} t
WHERE NOT EXISTS (SELECT 1 FROM segment s WHERE s.space = ? AND t.id BETWEEN s.first_row AND s.last_row)
"""
_INCOMPLETE = """
SELECT d.source, d.native_id FROM passage p JOIN document d ON d.id = p.document_id
LEFT JOIN embedding e ON e.passage_id = p.id WHERE e.vector IS NULL OR length(e.vector) <> ?
UNION SELECT source, native_id FROM document d
WHERE passage_count <> (SELECT count(*) FROM passage WHERE document_id = d.id)
UNION SELECT d.source, d.native_id FROM passage JOIN document d ON d.id = document_id WHERE {}
"""
_WORST_PASSAGES_TOLD = """
UPDATE document SET toxicity = round(
    coalesce((SELECT max(toxicity) FROM passage WHERE document_id = document.id), 0), 4)
"""


def inspect(connection: Any, analyzer: Analyzer, *, dimensions: int) -> Iterator[str]:
    """Yield what is wrong, a line for each kind of damage."""
    damaged = _damaged_pages(connection)
    if damaged:
        yield f"damaged pages: {'; '.join(damaged)}"
        return  # whatever is read from them means nothing
    for what, select in _CONTRADICTIONS.items():
        parameters = (codec.vector_bytes(dimensions),) if "?1" in select else ()
        yield from _found(what, [row[0] for row in connection.execute(select, parameters)])
    yield from _found("documents whose attributes differ from their description", _differing_documents(connection))
    for space, table in ((Space.PASSAGES, "passage"), (Space.DOCUMENTS, "heading")):
        unindexed = connection.execute(_UNINDEXED.format(table), (space,))
        yield from _found(f"{table}s without their terms", [row[0] for row in unindexed])
        yield from _found(
            f"terms that differ from the {space.name.lower()}", _differing_terms(connection, analyzer, space)
        )
    yield from _found("terms that the vocabulary lacks", vocabulary.missing(connection))


def repair(connection: Any, analyzer: Analyzer, *, dimensions: int) -> int:
    """Write every derived part anew; return how many incomplete documents were removed, for the next sync to bring."""
    connection.execute("DELETE FROM passage WHERE document_id NOT IN (SELECT id FROM document)")
    connection.execute("DELETE FROM embedding WHERE passage_id NOT IN (SELECT id FROM passage)")
    text_rows.rebuild(connection, analyzer)
    connection.execute("DELETE FROM attribute")
    connection.execute(_WORST_PASSAGES_TOLD)
    for document_id, description, toxicity, scoring in _descriptions(connection):
        rows = codec.attribute_rows(document_id, description, toxicity_0_1=toxicity, categories=scoring.categories)
        connection.executemany("INSERT INTO attribute VALUES(?, ?, ?, ?)", rows)
    incomplete = connection.execute(_INCOMPLETE.format(_MISPLACED_SPANS), (codec.vector_bytes(dimensions),)).fetchall()
    deletes = [Delete(DocumentId(source, native_id)) for source, native_id in incomplete]
    writer.apply(connection, deletes, analyzer)
    connection.execute("INSERT INTO change(document_id) SELECT id FROM document ORDER BY id")  # pictures are taken anew
    picture_file.disown(connection)
    vector_file.disown(connection)
    return len(incomplete)


def _damaged_pages(connection: Any) -> list[str]:
    try:
        return [row[0] for row in connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
    except apsw.CorruptError as error:
        return [str(error)]


def _found(what: str, examples: list[Any]) -> Iterator[str]:
    if examples:
        shown = ", ".join(str(each) for each in examples[:_LISTED])
        yield f"{len(examples)} {what}, such as {shown}"


def _differing_documents(connection: Any) -> list[int]:
    differing = []
    stored = "SELECT field, document_id, kind, value FROM attribute WHERE document_id = ? AND field = ?"
    counts = dict(connection.execute("SELECT document_id, count(*) FROM attribute GROUP BY document_id"))
    for document_id, description, toxicity, scoring in _descriptions(connection):
        rows = codec.attribute_rows(document_id, description, toxicity_0_1=toxicity, categories=scoring.categories)
        expected = set(rows)
        fields = {row[0] for row in expected}
        held = {row for field in fields for row in connection.execute(stored, (document_id, field))}
        if held != expected or counts.get(document_id, 0) != len(expected):
            differing.append(document_id)
    return differing


def _descriptions(connection: Any) -> Iterator[tuple[int, Description, float, Scoring]]:
    """Yield every document's row id, description, toxicity and scoring."""
    last = 0
    while rows := stored_rows.descriptions(connection, after=last, limit=_DOCUMENTS_AT_ONCE):
        yield from rows
        last = rows[-1][0]


def _differing_terms(connection: Any, analyzer: Analyzer, space: Space) -> list[str]:
    differing: set[str] = set()
    for segment in segments.segments(connection, space):
        held = dict(_columns(segments.living_entries(connection, space, segment)))
        batch = text_rows.batch_of(connection, analyzer, space, first=segment.first_row, last=segment.last_row)
        expected = dict(_columns(batch.entries(space)))
        differing.update(term for term in held.keys() | expected.keys() if held.get(term) != expected.get(term))
    return sorted(differing)


def _columns(entries: Iterator[segments.Entry]) -> Iterator[tuple[str, tuple[bytes, bytes, bytes]]]:
    return ((term, (rows, frequencies, positions)) for term, rows, frequencies, positions in entries)
