"""What the tests of the front doors share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from tests.unit.service.http_world import HttpWorld, furnish, rule, served


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    """A state store in memory: one connection for the threads that take turns in it."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    yield engine
    engine.dispose()


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    """Two indexes, served: `private` asks for tokens, `open` does not."""
    async with served(engine, {"private": [rule("hr")], "open": [rule("web")]}, public=["open"]) as running:
        await furnish(running)
        yield running
