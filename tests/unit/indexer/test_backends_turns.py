"""Searches take turns, since threads that compute hold each other up; what only looks something up does not wait."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import backend
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, reader
from vocabulary.documents import DocumentId
from vocabulary.search import Query, SearchMode

WORDS = Query("budget", mode=SearchMode.KEYWORD)
SOURCE = document("a", "budget").description.document_id.source


async def test_two_searches_compute_and_the_others_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Semaphore(0), threading.Event()
    search = EmbeddedBackend._search

    def held_up(*arguments: Any) -> Any:
        started.release()
        assert go_on.wait(30)
        return search(*arguments)

    async with EmbeddedBackend(tmp_path / "index", dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([document("a", "budget")])
        monkeypatch.setattr(EmbeddedBackend, "_search", held_up)
        asked = [asyncio.create_task(index.search(WORDS, None, reader(1))) for _ in range(4)]
        for _ in range(backend._SEARCHES_AT_ONCE):
            assert await asyncio.to_thread(started.acquire, timeout=30)
        shown = await index.show(DocumentId(SOURCE, "a"), reader(1))  # needs no turn
        assert shown is not None
        assert not started.acquire(blocking=False)
        go_on.set()
        assert [page.total.value for page in await asyncio.gather(*asked)] == [1, 1, 1, 1]
