"""What a service does before its first reader comes, and what it asks the model."""

from __future__ import annotations

import logging

import pytest

from indexer.backends.memory.backend import MemoryBackend
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from tests.fakes.documents import DIMENSIONS, NUMBERING, reader
from tests.unit.service.http_world import HashedQueries
from vocabulary.documents import Vector
from vocabulary.search import Query


class CountingQueries(HashedQueries):
    """Knows the queries that the model has read."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    async def embed_query(self, text: str) -> Vector:
        self.embedded.append(text)
        return await super().embed_query(text)


async def test_warming_asks_the_model_and_every_index_once_and_names_those_that_refuse(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with MemoryBackend(dimensions=DIMENSIONS) as ours, MemoryBackend(dimensions=DIMENSIONS) as theirs:
        await ours.adopt("ours")
        await theirs.adopt("theirs")
        indexes = {
            name: ServedIndex(name=name, access=IndexAccess.TOKEN, backend=backend, identity_rules=())
            for name, backend in {"own": ours, "foreign": theirs}.items()
        }
        queries = CountingQueries()
        with caplog.at_level(logging.WARNING, logger="service.search"):
            await SearchService(indexes, queries).warm("ours")
    assert queries.embedded == ["warm", "warm"]
    (warning,) = caplog.messages
    assert warning.startswith("index foreign answers no query until it is synced")


async def test_the_model_reads_what_a_query_means_and_nothing_where_it_means_nothing() -> None:
    queries = CountingQueries()
    async with MemoryBackend(dimensions=DIMENSIONS) as backend:
        await backend.adopt(NUMBERING)
        index = ServedIndex(name="own", access=IndexAccess.TOKEN, backend=backend, identity_rules=())
        service = SearchService({"own": index}, queries)
        for text in ('the "annual budget" -draft author:lee plan*', "-draft type:pdf", "", "?!"):
            await service.search(index, Query(text), reader(1))
    assert queries.embedded == ["the annual budget plan", "?!"]
