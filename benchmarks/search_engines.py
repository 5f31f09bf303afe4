"""The engines that `benchmarks.search` measures: how each is opened, and how its access clause is taken out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import httpx
import numpy as np

from benchmarks.search_world import ACLS, DIMENSIONS
from indexer.backends import EmbeddedBackend, MemoryBackend
from indexer.backends.embedded.catalogue import Catalogue
from indexer.backends.memory import backend as memory
from indexer.backends.opensearch import requests
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig
from indexer.backends.opensearch.mapping import EVERY_DOCUMENT
from vocabulary.ports import SearchBackend

PATIENCE_S = 300.0  # with a cluster that shares a busy machine: slow answers are measured, not given up


@dataclass(frozen=True, slots=True)
class Place:
    """An index of one size: the engine, and where it is kept: in memory, in a file of the folder, or in a cluster."""

    engine: str
    passages: int
    folder: Path
    url: str = ""  # of the cluster
    acls: int = ACLS
    is_returning: bool = False  # whether one reader of each kind asks everything, and what was asked is remembered

    @property
    def name(self) -> str:
        """What keeps it apart from indexes of other sizes."""
        return f"{self.passages}" if self.acls == ACLS else f"{self.passages}-{self.acls}"

    @property
    def file(self) -> Path:
        return self.folder / f"embedded-{self.name}.db"

    @property
    def notes(self) -> Path:
        """What was measured while it was filled."""
        return self.folder / f"{self.engine}-{self.name}.json"

    @property
    def alias(self) -> str:
        return f"benchmark-{self.name}"

    @property
    def is_forgetful(self) -> bool:
        """Whether an index is empty whenever it is opened."""
        return self.engine == "memory"

    def open(self) -> AbstractAsyncContextManager[SearchBackend]:
        if self.engine == "memory":
            return MemoryBackend(dimensions=DIMENSIONS)
        if self.engine == "opensearch":
            return self._in_cluster()
        return EmbeddedBackend(self.file, dimensions=DIMENSIONS)

    def size_mb(self) -> float:
        """What the index takes on disk."""
        if self.engine == "opensearch":
            told = httpx.get(f"{self.url}/{self.alias}/_stats/store", trust_env=False).raise_for_status().json()
            return float(told["_all"]["primaries"]["store"]["size_in_bytes"]) / 1e6
        return sum(each.stat().st_size for each in self.folder.glob(f"{self.file.name}*")) / 1e6

    @asynccontextmanager
    async def _in_cluster(self) -> AsyncIterator[SearchBackend]:
        """Open the index in the cluster, which computes every answer, unless readers return."""
        config = OpenSearchConfig(
            urls=(self.url,), alias=self.alias, request_timeout_s=PATIENCE_S, options=IndexOptions(replicas=0)
        )
        async with OpenSearchBackend(config, dimensions=DIMENSIONS) as index:
            cache = {"index": {"requests": {"cache": {"enable": self.is_returning}}}}
            async with httpx.AsyncClient(base_url=self.url, trust_env=False) as cluster:
                (await cluster.put(f"/{self.alias}/_settings", json=cache)).raise_for_status()
            yield index


@contextmanager
def without_access_clause() -> Iterator[None]:
    """Take the permission filter out of an engine's searches."""
    with ExitStack() as taken_out:
        taken_out.enter_context(mock.patch.object(Catalogue, "admitted", _everything))
        taken_out.enter_context(mock.patch.object(memory, "may_see", lambda *_: True))
        taken_out.enter_context(mock.patch.object(requests, "access_clause", lambda *_, **__: EVERY_DOCUMENT))
        yield


def _everything(catalogue: Catalogue, _: object) -> object:
    return np.ones(catalogue.acl_ids.size, np.bool_)
