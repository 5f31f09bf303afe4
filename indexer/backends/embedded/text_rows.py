"""What the text index holds of a document: its passages' and its own terms, from the stored rows alone.

Written with each document, and all anew when the text index is to be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from indexer.backends.embedded.postings import Batch, Field, Space
from indexer.backends.english_words import stems

_ROWS_AT_ONCE = 1_000  # in one segment: some megabytes of terms


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


def rebuild(connection: Any) -> None:
    """Write the whole text index anew, in the caller's transaction."""
    connection.execute("DELETE FROM posting")
    connection.execute("DELETE FROM segment")
    for rows in _portions(connection, "SELECT id, body FROM passage WHERE id > ? ORDER BY id LIMIT ?"):
        batch = Batch()
        for passage_id, body in rows:
            batch.add(passage_id, Field.BODY, stems(body))
        batch.write(connection)
    titles = "SELECT h.id, d.title FROM heading h JOIN document d ON d.id = h.document_id WHERE h.id > ?"
    for rows in _portions(connection, f"{titles} ORDER BY h.id LIMIT ?"):
        batch = Batch()
        for heading_id, title in rows:
            batch.add(heading_id, Field.TITLE, stems(title))
        batch.write(connection)


def _portions(connection: Any, select: str) -> Iterator[list[tuple[int, str]]]:
    last = 0
    while rows := connection.execute(select, (last, _ROWS_AT_ONCE)).fetchall():
        yield rows
        last = rows[-1][0]
