"""What the tests of the front doors share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from embedder.models import BertWeights, ModelFolder
from embedder.runtimes.openvino import OpenVinoRuntime
from tests.unit.service.http_world import HttpWorld, furnish, rule, served

_compiled: dict[tuple[object, ...], OpenVinoRuntime] = {}


def _compiled_once(folder: ModelFolder, weights: BertWeights, **options: Any) -> OpenVinoRuntime:
    key = (folder, weights.sha256, *sorted(options.items()))
    if key not in _compiled:
        _compiled[key] = OpenVinoRuntime(folder, weights, **options)
    return _compiled[key]


@pytest.fixture(scope="module", autouse=True)
def _models_stay_compiled() -> Iterator[None]:
    """Compile the same weights once a process: each command would do it anew, for half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("embedder.runtimes.openvino.OpenVinoRuntime", _compiled_once)
        yield


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
