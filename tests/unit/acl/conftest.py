"""A state store on disk, as the service has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from acl.tables import create_tables


@pytest.fixture
def state_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    engine = create_engine(state_url)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def other_engine(state_url: str, engine: Engine) -> Iterator[Engine]:
    """A second process's view of the same state."""
    other = create_engine(state_url)
    create_tables(other)
    yield other
    other.dispose()
