"""Files of older versions of the schema, brought to the present one.

One step for each version, from it to the next; a step changes what is there and never what it means. All steps that a
file needs run in one transaction: killed midway, it is still of the version that it was. Whoever changes the tables in
`schema.py` raises the version there and adds a step here, and a file of the former version to the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from indexer.backends.embedded import text_rows
from indexer.backends.embedded.postings import POSTING_TABLES
from indexer.search.analysis import Analyzer
from vocabulary.errors import ConfigurationError


def migrate(connection: Any, path: Path, *, version: int, target: int, analyzer: Analyzer) -> None:
    """Bring a file from `version` to `target`, in the caller's transaction. `analyzer` is that of its texts.

    Raises:
        ConfigurationError: the file is older than the first step.
    """
    if version < min(STEPS):
        raise ConfigurationError(
            f"{path} is of an older version (schema {version}, this is {target}): delete it and sync again"
        )
    for step in range(version, target):
        STEPS[step](connection, analyzer)
    connection.pragma("user_version", target)


def _find_segments_by_row(connection: Any, _: Analyzer) -> None:
    """Find the segment of a row without looking at all. The texts of attributes get their words in the next step."""
    connection.execute("CREATE INDEX segment_of_space ON segment(space, first_row)")


def _look_terms_up_apart(connection: Any, analyzer: Analyzer) -> None:
    """Keep terms apart from their postings."""
    connection.execute("DROP TABLE posting")
    for _ in connection.execute(POSTING_TABLES):
        pass
    text_rows.rebuild(connection, analyzer)


def _tell_toxic_sentences(connection: Any, _: Analyzer) -> None:
    """Make room for toxic sentences and for what found them. Of what is stored, nobody knows what has scored it."""
    for table, column in (
        ("document", "toxicity_version TEXT NOT NULL DEFAULT ''"),
        ("document", "toxicity_categories TEXT NOT NULL DEFAULT '[]'"),
        ("passage", "toxicity_category TEXT NOT NULL DEFAULT ''"),
        ("passage", "toxic_spans TEXT NOT NULL DEFAULT ''"),
    ):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


STEPS: Mapping[int, Callable[[Any, Analyzer], None]] = {
    5: _find_segments_by_row,
    6: _look_terms_up_apart,
    7: _tell_toxic_sentences,
}
