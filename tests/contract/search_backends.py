"""The engines that the contract suite of `SearchBackend` runs for, and how its tests ask them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from indexer.backends import EmbeddedBackend, MemoryBackend
from indexer.search.query_language import meaning_of
from tests.contract.opensearch_indexes import opensearch_index
from tests.fakes.documents import DIMENSIONS, hashed_vector, names, reader
from vocabulary.access import AccessFilter
from vocabulary.ports import SearchBackend
from vocabulary.search import Page, Query, SearchMode

ENGINES: dict[str, Callable[[Path], AbstractAsyncContextManager[SearchBackend]]] = {
    "memory": lambda _: MemoryBackend(dimensions=DIMENSIONS),
    "embedded": lambda folder: EmbeddedBackend(folder / "index.db", dimensions=DIMENSIONS),
    "opensearch": opensearch_index,
}
# Engines that need a server are run by `make test-servers` alone.
EVERY_ENGINE = [pytest.param(name, marks=[pytest.mark.opensearch] * (name == "opensearch")) for name in ENGINES]

ANYONE = reader(1)
KEYWORD, SEMANTIC, HYBRID = SearchMode.KEYWORD, SearchMode.SEMANTIC, SearchMode.HYBRID


async def ask(
    index: SearchBackend, text: str = "", *, mode: SearchMode = KEYWORD, access: AccessFilter = ANYONE, **options: Any
) -> Page:
    vector = None if mode is KEYWORD else hashed_vector(meaning_of(text))  # as the service does
    return await index.search(Query(text, mode=mode, **options), vector, access)


async def ask_to_the_end(index: SearchBackend, text: str = "", **options: Any) -> list[str]:
    found: list[str] = []
    page = await ask(index, text, **options)
    found += names(page)
    while page.next_cursor is not None:
        page = await ask(index, text, cursor=page.next_cursor, **options)
        found += names(page)
    return found
