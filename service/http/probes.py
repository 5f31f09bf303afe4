"""What must work for queries to be answered, each part tried in its own way. `/readyz` asks them all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import sqlalchemy as sa

from service.routes.health import Probe
from service.search import is_occupied
from service.wiring import Search, State


def probes(state: State, search: Search) -> Mapping[str, Probe]:
    """Make the probes of open services; each is awaited and fails by raising."""

    async def state_answers() -> None:
        def ask() -> None:
            with state.engine.connect() as connection:
                connection.execute(sa.select(1))

        await asyncio.to_thread(ask)

    async def model_answers() -> None:
        await search.enricher.embed_query("ready")

    async def indexes_answer() -> None:
        for index in search.service.indexes.values():
            if not await is_occupied(index.backend):
                await index.backend.statistics()

    return {"state": state_answers, "model": model_answers, "indexes": indexes_answer}
