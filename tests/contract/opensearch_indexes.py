"""Indexes of the real OpenSearch for the contract suite: one for each folder of a test, gone with the test."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig
from indexer.search.analysis import DEFAULT_LANGUAGES
from tests.fakes.documents import DIMENSIONS
from tests.servers.opensearch import OpenSearchServer
from vocabulary.ports import SearchBackend
from vocabulary.search import Tuning

_ON_ONE_NODE = IndexOptions(replicas=0)


class _Serving:
    """The server of the test that runs, and the aliases that it has made."""

    server: OpenSearchServer | None = None
    aliases: set[str] = set()  # noqa: RUF012 - one for the process, as the server is


@contextmanager
def serving(server: OpenSearchServer) -> Iterator[None]:
    """Make indexes on this server, and drop them at the end."""
    _Serving.server = server
    try:
        yield
    finally:
        for alias in _Serving.aliases:
            server.drop(alias)
        _Serving.aliases.clear()


@asynccontextmanager
async def opensearch_index(
    folder: Path,
    tuning: Tuning = Tuning(),  # noqa: B008 - immutable
    languages: Sequence[str] = DEFAULT_LANGUAGES,
    options: IndexOptions = _ON_ONE_NODE,
) -> AsyncIterator[SearchBackend]:
    """Open the index of a folder; opened again within the test, it is the same one."""
    assert _Serving.server is not None, "mark the test with `opensearch`"
    alias = f"test-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    _Serving.aliases.add(alias)
    config = OpenSearchConfig(urls=(_Serving.server.url,), alias=alias, options=options)
    async with OpenSearchBackend(config, dimensions=DIMENSIONS, languages=languages, tuning=tuning) as backend:
        yield backend
