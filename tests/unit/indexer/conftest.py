"""A bench on which whole syncs run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from indexer.backends.memory.backend import MemoryBackend
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.sync_bench import Bench


@pytest.fixture
async def bench(engine: sa.Engine) -> AsyncIterator[Bench]:
    async with MemoryBackend(dimensions=DIMENSIONS) as backend:
        yield Bench(engine, backend)
