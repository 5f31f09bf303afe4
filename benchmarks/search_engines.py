"""The engines that `benchmarks.search` measures: how each is opened, and how its access clause is taken out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.search_world import DIMENSIONS
from indexer.backends import EmbeddedBackend
from indexer.backends.embedded.catalogue import Catalogue
from vocabulary.ports import SearchBackend


@dataclass(frozen=True, slots=True)
class Place:
    """An index of one size: the engine, and where it is kept."""

    engine: str
    passages: int
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / f"embedded-{self.passages}.db"

    @property
    def notes(self) -> Path:
        """What was measured while it was filled."""
        return self.folder / f"{self.engine}-{self.passages}.json"

    def open(self) -> AbstractAsyncContextManager[SearchBackend]:
        return EmbeddedBackend(self.file, dimensions=DIMENSIONS)

    def size_mb(self) -> float:
        """What the index takes on disk."""
        return sum(each.stat().st_size for each in self.folder.glob(f"{self.file.name}*")) / 1e6


@contextmanager
def without_access_clause() -> Iterator[None]:
    """Take the permission filter out of an engine's searches."""
    with mock.patch.object(Catalogue, "admitted", _everything):
        yield


def _everything(catalogue: Catalogue, _: object) -> object:
    return np.ones(catalogue.acl_ids.size, np.bool_)
