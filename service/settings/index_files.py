"""Embedded indexes whose files would be each other's: one would overwrite or remove what the other keeps.

An index keeps its buildings at PATH, PATH.2 and so on, and beside each of them a log, a picture and vectors
(`service/places.py`). Told before anything is opened: on the disk nobody could say any more whose a file is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from service.settings.indexes import EmbeddedIndexSettings, IndexSettings

_KEPT = re.compile(r"(\.[0-9]+)?(-(journal|wal|shm|((picture|vectors)(\.new-.*)?)))?", re.DOTALL)


def files_in_the_way(indexes: Mapping[str, IndexSettings]) -> Iterator[str]:
    """Yield the paths that name a file of another index."""
    paths = {
        name: configured.path.resolve()
        for name, configured in indexes.items()
        if isinstance(configured, EmbeddedIndexSettings)
    }
    for name, path in paths.items():
        for other, base in paths.items():
            further = path.name.removeprefix(base.name)
            if path.parent == base.parent and path != base and path.name != further and _KEPT.fullmatch(further):
                yield f"indexes.{name}.path: is where indexes.{other} keeps files of its own"
