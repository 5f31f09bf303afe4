"""What the text index holds of a document: its passages' and its own terms, from the stored rows alone.

Written with each document, and all anew when the text index is to be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.backends.embedded import codec
from indexer.backends.embedded.posting_batch import Batch
from indexer.backends.embedded.postings import Field, Space
from indexer.search.analysis import Analysed, Analyzer, storable
from indexer.search.matching import searched_text, text_values
from indexer.search.query_language import Clause, Phrase, Prefix, Word
from vocabulary.indexing import Description

_ROWS_AT_ONCE = 30_000  # ids, in one segment: 100 MB of terms at 50 words a passage
_BODIES = "SELECT id, body FROM passage WHERE id BETWEEN ? AND ? ORDER BY id"
_HEADINGS = """
SELECT h.id, d.title, d.path, d.source, d.attributes, d.searched FROM heading h JOIN document d ON d.id = h.document_id
WHERE h.id BETWEEN ? AND ? ORDER BY h.id
"""
_DESCRIBED = "SELECT id, title, path, source, attributes, searched FROM document"
_BEHIND_NAME = "\x1f"  # no term contains it


@dataclass(frozen=True, slots=True)
class Heading:
    """What a document says of itself, as it is searched by words."""

    title: str
    path: str
    attributes: str  # those that are searched by words
    values: Mapping[str, Sequence[str]]  # the texts of all attributes

    @classmethod
    def of(cls, description: Description) -> Heading:
        return cls(
            storable(description.title),
            storable(description.path),
            storable(searched_text(description.attributes, description.searched)),
            text_values(description.document_id.source, description.attributes),
        )

    @classmethod
    def from_row(cls, title: str, path: str, source: str, attributes: str, searched: str) -> Heading:
        """Return the heading of a stored document."""
        values = codec.attributes_from_json(attributes)
        return cls(title, path, searched_text(values, codec.names_from_json(searched)), text_values(source, values))


class TextRows:
    """The text index's rows of one transaction: noted here, written by `write`."""

    def __init__(self, connection: Any, analyzer: Analyzer) -> None:
        self._connection = connection
        self._analyzer = analyzer
        self._batch = Batch()

    def analysed(self, text: str) -> Analysed:
        """Return what the index holds of a text."""
        return self._analyzer.analysed(text)

    def put_passage(self, passage_id: int, body: Analysed) -> None:
        """Index the text of a new passage."""
        _add(self._batch, passage_id, Field.BODY, body)

    def put_heading(self, document_id: int, heading: Heading) -> None:
        """Index what a document says of itself, instead of what it said before."""
        self.remove_heading(document_id)
        title, attributes = self.analysed(heading.title), self.analysed(heading.attributes)
        self._connection.execute(
            "INSERT INTO heading(document_id, title_terms, attribute_terms) VALUES(?, ?, ?)",
            (document_id, len(title.terms), len(attributes.terms)),
        )
        heading_id = self._connection.last_insert_rowid()
        _add(self._batch, heading_id, Field.TITLE, title)
        _add(self._batch, heading_id, Field.ATTRIBUTES, attributes)
        _add(self._batch, heading_id, Field.PATH, self.analysed(heading.path))
        _add(self._batch, heading_id, Field.VALUES, _analysed_values(self._analyzer, heading.values))

    def remove_passages(self, document_id: int) -> None:
        """Remove a document's passages with their vectors."""
        rows = self._connection.execute("SELECT id FROM passage WHERE document_id = ?", (document_id,)).fetchall()
        self._batch.remove(Space.PASSAGES, [row[0] for row in rows])
        self._connection.execute("DELETE FROM passage WHERE document_id = ?", (document_id,))

    def remove_heading(self, document_id: int) -> None:
        """Remove what a document said of itself."""
        delete = "DELETE FROM heading WHERE document_id = ? RETURNING id"
        rows = self._connection.execute(delete, (document_id,)).fetchall()
        self._batch.remove(Space.DOCUMENTS, [row[0] for row in rows])

    def write(self) -> None:
        """Store what was noted, in the caller's transaction. Once."""
        self._batch.write(self._connection)


def stored_heading(connection: Any, document_id: int) -> Heading | None:
    """Return what a stored document says of itself now; None where it is unknown."""
    row = connection.execute(f"{_DESCRIBED} WHERE id = ?", (document_id,)).fetchone()
    return None if row is None else Heading.from_row(*row[1:])


def batch_of(connection: Any, analyzer: Analyzer, space: Space, *, first: int, last: int) -> Batch:
    """Return what the text index should hold of the rows from `first` to `last`."""
    batch = Batch()
    if space is Space.PASSAGES:
        for passage_id, body in connection.execute(_BODIES, (first, last)):
            _add(batch, passage_id, Field.BODY, analyzer.analysed(body))
        return batch
    for heading_id, *described in connection.execute(_HEADINGS, (first, last)):
        heading = Heading.from_row(*described)
        _add(batch, heading_id, Field.TITLE, analyzer.analysed(heading.title))
        _add(batch, heading_id, Field.ATTRIBUTES, analyzer.analysed(heading.attributes))
        _add(batch, heading_id, Field.PATH, analyzer.analysed(heading.path))
        _add(batch, heading_id, Field.VALUES, _analysed_values(analyzer, heading.values))
    return batch


def rebuild(connection: Any, analyzer: Analyzer) -> None:
    """Write the whole text index anew, in the caller's transaction."""
    for table in ("posting", "term", "segment", "heading", "vocabulary"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our tables
    for rows in _portions(connection, "SELECT id, body FROM passage WHERE id > ? ORDER BY id LIMIT ?"):
        text = TextRows(connection, analyzer)
        for passage_id, body in rows:
            analysed = text.analysed(body)
            connection.execute("UPDATE passage SET body_terms = ? WHERE id = ?", (len(analysed.terms), passage_id))
            text.put_passage(passage_id, analysed)
        text.write()
    for rows in _portions(connection, f"{_DESCRIBED} WHERE id > ? ORDER BY id LIMIT ?"):
        text = TextRows(connection, analyzer)
        for document_id, *described in rows:
            text.put_heading(document_id, Heading.from_row(*described))
        text.write()


def clause_of_value(name: str, clause: Clause) -> Clause:
    """Return what is looked for in `Field.VALUES` where an attribute is to hold a clause."""
    match clause:
        case Word(term):
            return Word(_term_of_value(name, term))
        case Phrase(terms):
            return Phrase(tuple(_term_of_value(name, term) for term in terms))
        case Prefix(start):
            return Prefix(_term_of_value(name, start))


def _term_of_value(name: str, term: str) -> str:
    return f"{name}{_BEHIND_NAME}{term}"


def _analysed_values(analyzer: Analyzer, values: Mapping[str, Sequence[str]]) -> Analysed:
    """Return the terms of every attribute's texts; a term without letters keeps phrases from reaching across two."""
    terms: list[str] = []
    words: set[str] = set()
    for name, texts in values.items():
        for text in texts:
            analysed = analyzer.analysed(text)
            terms += [_term_of_value(name, term) for term in ("", *analysed.terms)]
            words.update(_term_of_value(name, word) for word in analysed.words)
    return Analysed(tuple(terms), frozenset(words))


def _add(batch: Batch, row: int, field: Field, text: Analysed) -> None:
    if text.terms or field in (Field.BODY, Field.TITLE):  # which so name every row that is indexed
        batch.add(row, field, text.terms)
    if text.words:
        batch.add(row, field.words, sorted(text.words))


def _portions(connection: Any, select: str) -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    while rows := connection.execute(select, (last, _ROWS_AT_ONCE)).fetchall():
        yield rows
        last = rows[-1][0]
