"""Files of older versions of the schema, brought to the present one.

One step for each version, from it to the next; a step changes what is there and never what it means. All steps that a
file needs run in one transaction: killed midway, it is still of the version that it was. Whoever changes the tables in
`schema.py` raises the version there and adds a step here, and a file of the former version to the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vocabulary.errors import ConfigurationError


def migrate(connection: Any, path: Path, *, version: int, target: int) -> None:
    """Bring a file from `version` to `target`, in the caller's transaction.

    Raises:
        ConfigurationError: the file is older than the first step.
    """
    if version < min(STEPS):
        raise ConfigurationError(
            f"{path} is of an older version (schema {version}, this is {target}): delete it and sync again"
        )
    for step in range(version, target):
        STEPS[step](connection)
    connection.pragma("user_version", target)


def _index_segments(connection: Any) -> None:
    """Find the segments of a space, and the one of a row, without looking at all."""
    connection.execute("CREATE INDEX segment_of_space ON segment(space, first_row)")


STEPS: Mapping[int, Callable[[Any], None]] = {5: _index_segments}
