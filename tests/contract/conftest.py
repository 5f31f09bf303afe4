"""What the contract suites run against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.search_backends import ENGINES
from tests.fakes.documents import NUMBERING
from vocabulary.ports import SearchBackend


@pytest.fixture(params=ENGINES)
async def empty_index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchBackend]:
    """An index of every engine in turn, never tied to a state."""
    async with ENGINES[request.param](tmp_path) as backend:
        yield backend


@pytest.fixture
async def index(empty_index: SearchBackend) -> SearchBackend:
    """The same, tied to the numbering of the tests' readers."""
    await empty_index.adopt(NUMBERING)
    return empty_index
