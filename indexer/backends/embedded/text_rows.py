"""What the text index holds of a document: its passages' and its own terms, from the stored rows alone.

Written with each document, and all anew when the text index is to be rebuilt.
"""

from __future__ import annotations

from typing import Any

from indexer.backends.embedded.postings import Batch, Field, Space
from indexer.backends.english_words import stems

_ROWS_AT_ONCE = 30_000  # ids, in one segment: 100 MB of terms at 50 words a passage
_ROWS = {
    Space.PASSAGES: "SELECT id, body FROM passage WHERE id BETWEEN ? AND ? ORDER BY id",
    Space.DOCUMENTS: "SELECT h.id, d.title FROM heading h JOIN document d ON d.id = h.document_id"
    " WHERE h.id BETWEEN ? AND ? ORDER BY h.id",
}
_FIELDS = {Space.PASSAGES: Field.BODY, Space.DOCUMENTS: Field.TITLE}


def put_heading(connection: Any, batch: Batch, document_id: int, title: str) -> None:
    """Index what a document says of itself, instead of what it said before."""
    remove_heading(connection, batch, document_id)
    connection.execute("INSERT INTO heading(document_id) VALUES(?)", (document_id,))
    batch.add(connection.last_insert_rowid(), Field.TITLE, stems(title))


def remove_passages(connection: Any, batch: Batch, document_id: int) -> None:
    """Remove a document's passages with their vectors."""
    rows = connection.execute("SELECT id FROM passage WHERE document_id = ?", (document_id,)).fetchall()
    batch.remove(Space.PASSAGES, [row[0] for row in rows])
    connection.execute("DELETE FROM passage WHERE document_id = ?", (document_id,))


def remove_heading(connection: Any, batch: Batch, document_id: int) -> None:
    """Remove what a document said of itself."""
    rows = connection.execute("DELETE FROM heading WHERE document_id = ? RETURNING id", (document_id,)).fetchall()
    batch.remove(Space.DOCUMENTS, [row[0] for row in rows])


def batch_of(connection: Any, space: Space, *, first: int, last: int) -> Batch:
    """Return what the text index should hold of the rows from `first` to `last`."""
    batch = Batch()
    for row, text in connection.execute(_ROWS[space], (first, last)):
        batch.add(row, _FIELDS[space], stems(text))
    return batch


def rebuild(connection: Any) -> None:
    """Write the whole text index anew, in the caller's transaction."""
    connection.execute("DELETE FROM posting")
    connection.execute("DELETE FROM segment")
    connection.execute("DELETE FROM heading")
    connection.execute("INSERT INTO heading(document_id) SELECT id FROM document ORDER BY id")
    for space, table in ((Space.PASSAGES, "passage"), (Space.DOCUMENTS, "heading")):
        last = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]  # noqa: S608 - our tables
        for first in range(1, last + 1, _ROWS_AT_ONCE):
            batch_of(connection, space, first=first, last=first + _ROWS_AT_ONCE - 1).write(connection)
