"""The tables of the one file, and what makes a file one of ours.

Passages are replaced, never edited. The text index (`postings.py`) holds terms and positions only, the text itself is
stored once, in `passage`. Ids are never reused (AUTOINCREMENT), so that whatever another process keeps in memory can be
stale but never mean another row.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexer.backends.embedded import migrations, postings
from indexer.search.analysis import analyzer, name_of_analysis
from vocabulary.errors import ConfigurationError

_APPLICATION_ID = 0x53694C6E  # "SiLn": `file` and other tools tell our files by it
_VERSION = 8

_TABLES = f"""
CREATE TABLE state(
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE document(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    native_id TEXT NOT NULL,
    title TEXT NOT NULL,
    title_key TEXT NOT NULL,   -- folded: the order of browsing
    uri TEXT NOT NULL,
    path TEXT NOT NULL,
    acl_id INTEGER NOT NULL,   -- 0: admits nobody
    owner TEXT,                -- canonical spelling of a principal
    attributes TEXT NOT NULL,  -- JSON, as hits show them
    searched TEXT NOT NULL,    -- JSON, the names of those that are searched by words
    toxicity REAL NOT NULL,    -- that of the worst of its passages
    passage_count INTEGER NOT NULL,
    content_key INTEGER NOT NULL DEFAULT 0,  -- the same for documents of the same text; 0: nobody's copy
    toxicity_version TEXT NOT NULL DEFAULT '',      -- what scored its passages; empty: nothing did
    toxicity_categories TEXT NOT NULL DEFAULT '[]', -- JSON, those that it is marked with
    UNIQUE(source, native_id)
);
CREATE INDEX document_by_title ON document(title_key, id);

CREATE TABLE passage(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    body_terms INTEGER NOT NULL,
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    token_count INTEGER NOT NULL,
    page INTEGER,
    heading TEXT,
    comment_id TEXT,
    author TEXT,               -- of a comment
    written_at TEXT,           -- of a comment, ISO 8601
    toxicity REAL NOT NULL,
    toxicity_category TEXT NOT NULL DEFAULT '',
    toxic_spans TEXT NOT NULL DEFAULT ''  -- JSON, [[start, end, score, category], …]; empty: none
);
CREATE INDEX passage_of_document ON passage(document_id);

CREATE TABLE embedding(
    passage_id INTEGER PRIMARY KEY REFERENCES passage ON DELETE CASCADE,
    vector BLOB NOT NULL       -- float16 [dimensions], little endian
);

-- What filters, facets and sorts see; one row for each value, in its comparable form.
CREATE TABLE attribute(
    field TEXT NOT NULL,
    document_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value NOT NULL,
    PRIMARY KEY(field, document_id, kind, value)
) WITHOUT ROWID;

{postings.TABLES}
-- Every document that was written, in order: other connections and processes follow it.
CREATE TABLE change(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL
);
"""


def prepare(connection: Any, path: Path, *, dimensions: int, languages: Sequence[str]) -> None:
    """Create the tables in an empty file, or make sure that a file is one that this version can use.

    A file of an older version is brought to this one, step by step, in the same transaction.

    Raises:
        ConfigurationError: another program's file, another version's, vectors of another size, or texts
            that were analysed another way.
    """
    with _write_transaction(connection):
        version = connection.pragma("user_version")
        application = connection.pragma("application_id")
        if version == 0 and application == 0 and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            _create(connection, dimensions=dimensions, languages=languages)
            return
        if application != _APPLICATION_ID:
            raise ConfigurationError(f"{path} is not an index of this program")
        if version > _VERSION:
            raise ConfigurationError(f"{path} was written by a newer version (schema {version}, this is {_VERSION})")
        if version < _VERSION:
            of_texts = analyzer(tuple(languages))
            migrations.migrate(connection, path, version=version, target=_VERSION, analyzer=of_texts)
        stored = read_state(connection, "dimensions")
        if stored != str(dimensions):
            raise ConfigurationError(f"{path} holds vectors of {stored} dimensions, the model gives {dimensions}")
        analysed = read_state(connection, "analysis")
        if analysed != name_of_analysis(languages):
            raise ConfigurationError(
                f"{path} was analysed as {analysed}, the settings ask for {name_of_analysis(languages)}:"
                " leave them as they were, and build it anew with `sightline reindex --languages`"
            )


def read_state(connection: Any, key: str) -> str | None:
    """Return one value of the index's own state."""
    row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def write_state(connection: Any, key: str, value: str) -> None:
    """Set one value of the index's own state, in the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (key, value))


def _create(connection: Any, *, dimensions: int, languages: Sequence[str]) -> None:
    for _ in connection.execute(_TABLES):
        pass
    write_state(connection, "index_id", uuid.uuid4().hex)
    write_state(connection, "dimensions", str(dimensions))
    write_state(connection, "analysis", name_of_analysis(languages))
    connection.pragma("application_id", _APPLICATION_ID)
    connection.pragma("user_version", _VERSION)


@contextmanager
def _write_transaction(connection: Any) -> Iterator[None]:
    """Take the write lock at once, so that two processes cannot both create the tables."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
