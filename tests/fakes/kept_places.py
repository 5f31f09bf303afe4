"""Places of indexes in memory, or as files of the embedded engine, for tests that build an index anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.memory.backend import MemoryBackend
from indexer.reindexing import OpenedPlace, Place
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher
from vocabulary.ports import SearchBackend


def _enricher(place: Place) -> HashingEnricher:
    return HashingEnricher(place.model or "hashing/1")


@dataclass
class PlacesInMemory:
    """Every place is an index in memory, made when it is first opened."""

    kept: dict[Place, SearchBackend] = field(default_factory=dict)
    announced: list[Place] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[OpenedPlace]:
        backend = self.kept.setdefault(place, MemoryBackend(dimensions=DIMENSIONS))
        yield OpenedPlace(backend, _enricher(place))

    async def announce(self, index: str, place: Place) -> None:
        self.announced.append(place)

    async def remove(self, place: Place) -> None:
        self.kept.pop(place, None)


@dataclass
class PlacesInFiles:
    """Every place is a file in the folder."""

    folder: Path

    def file(self, place: Place) -> Path:
        return self.folder / f"{place.index}.{place.generation}"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[OpenedPlace]:
        async with EmbeddedBackend(self.file(place), dimensions=DIMENSIONS) as backend:
            yield OpenedPlace(backend, _enricher(place))

    async def announce(self, index: str, place: Place) -> None:
        pass

    async def remove(self, place: Place) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.file(place).with_name(self.file(place).name + suffix).unlink(missing_ok=True)
