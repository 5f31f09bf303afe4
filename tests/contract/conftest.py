"""What the contract suites run against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.opensearch_indexes import serving
from tests.contract.opensearch_watch import ReaderWatch
from tests.contract.search_backends import ENGINES, EVERY_ENGINE
from tests.fakes.documents import NUMBERING
from vocabulary.ports import SearchBackend


@pytest.fixture(autouse=True)
def _opensearch_where_asked_for(request: pytest.FixtureRequest) -> Iterator[None]:
    """Start the real server for the tests that are marked with it, watch what it is asked, and drop what they made."""
    if request.node.get_closest_marker("opensearch") is None:
        yield
        return
    watch = ReaderWatch()
    with serving(request.getfixturevalue("opensearch")), watch.installed():
        yield
    assert not watch.violations


@pytest.fixture(params=EVERY_ENGINE)
async def empty_index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchBackend]:
    """An index of every engine in turn, never tied to a state."""
    async with ENGINES[request.param](tmp_path) as backend:
        yield backend


@pytest.fixture
async def index(empty_index: SearchBackend) -> SearchBackend:
    """The same, tied to the numbering of the tests' readers."""
    await empty_index.adopt(NUMBERING)
    return empty_index
