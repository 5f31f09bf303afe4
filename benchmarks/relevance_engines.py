"""The engines that `benchmarks.relevance` asks, and how far apart the rankings of two of them are.

The same rows, vectors and questions go to every engine, so what is left between their figures is the engines' own: how
precisely they compute, how they look for neighbours, how they break ties. More than `MOST_APART` is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from indexer.backends import EmbeddedBackend
from vocabulary.ports import SearchBackend

MOST_APART = 0.01  # of nDCG@10 on any collection: who moves from one engine to the other is to notice nothing
_PATIENCE_S = 300.0  # with a cluster on a busy machine: it is the rankings that are measured


class Engine(StrEnum):
    EMBEDDED = "embedded"
    OPENSEARCH = "opensearch"


ENGINES: Mapping[str, tuple[Engine, ...]] = {
    "embedded": (Engine.EMBEDDED,),
    "opensearch": (Engine.OPENSEARCH,),
    "both": (Engine.EMBEDDED, Engine.OPENSEARCH),
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where each engine keeps its index."""

    folder: Path
    url: str
    alias: str

    def open(self, engine: Engine, *, dimensions: int) -> AbstractAsyncContextManager[SearchBackend]:
        if engine is Engine.EMBEDDED:
            return EmbeddedBackend(self.folder / "index.db", dimensions=dimensions)
        from indexer.backends.opensearch.backend import OpenSearchBackend  # noqa: PLC0415 - an optional extra
        from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig  # noqa: PLC0415

        config = OpenSearchConfig(
            urls=(self.url,),
            alias=self.alias,
            request_timeout_s=_PATIENCE_S,
            options=IndexOptions(replicas=0),
        )
        return OpenSearchBackend(config, dimensions=dimensions)


def apart(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Return by how much two engines' figures of the same collections differ, the sign left out."""
    return {name: abs(one[name] - figure) for name, figure in other.items()}


def too_far_apart(differences: Mapping[str, float]) -> list[str]:
    """Return the collections on which two engines rank differently."""
    return [name for name, difference in differences.items() if difference > MOST_APART]
