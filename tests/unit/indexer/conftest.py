"""A bench on which whole syncs run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.backends.memory.backend import MemoryBackend
from indexer.state.tables import create_tables
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.sync_bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    async with MemoryBackend(dimensions=DIMENSIONS) as backend:
        yield Bench(engine, backend)
    engine.dispose()
