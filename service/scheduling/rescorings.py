"""Stored text that another model has scored than the approved one is scored anew, by itself and without a restart.

Every few seconds it is looked what is approved, which costs next to nothing; the ledger is counted where that changed.
A source whose text is to be scored anew gets a job of the scheduler, which knows when its turn is. A rescoring by a
model that is no longer the approved one makes way and goes on with the new one, or ends where there is none: nobody
wants hours of scores that are replaced at once, or of a model whose approval was taken back. A sync of documents is
left to its end: its rows are of the model that it began with.

Invariant: what is owed is asked for again until it is under way, and once an hour while any of it is left.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from indexer.state.judged_rows import JudgedRows
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job
from service.settings.settings import Settings
from service.wiring import Search, State
from vocabulary.errors import SightlineError
from vocabulary.ports import SyncMode

LOOK_S = 10.0  # who has just approved a model looks whether it is used
_AGAIN_S = 3_600.0  # a rescoring may have failed, or be another program's: the source may owe some yet

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Settled:
    """By which model a source's text was last found to be scored, or was asked to be, and when."""

    model: str
    at: float


class Rescorings:
    """Asks a scheduler for the rescorings that the sources of open indexes owe."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        search: Search,
        scheduler: Scheduler,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._rows = JudgedRows(state.ledger)
        self._search = search
        self._scheduler = scheduler
        self._clock = clock
        self._settled: dict[str, _Settled] = {}

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Ask for what is owed now. A source that cannot be looked at now is told, and keeps no other waiting."""
        for source, configured in self._settings.sources.items():
            if configured.index not in self._search.service.indexes:
                continue  # of another program's schedule
            try:
                await self._look_at(source, configured.index)
            except SightlineError as error:
                _log.warning("%s: whether its text is to be scored anew is looked at again: %s", source, error)
            except Exception:  # noqa: BLE001 - whatever it is, the next look may do better, and syncs go on
                _log.exception("%s: whether its text is to be scored anew is looked at again", source)

    async def _look_at(self, source: str, index: str) -> None:
        model = (await self._search.enricher_of(index)).toxicity_version
        if self._is_due(source, model):
            await self._ask(source, model)

    def _is_due(self, source: str, model: str) -> bool:
        settled = self._settled.get(source)
        return settled is None or settled.model != model or self._clock() - settled.at >= _AGAIN_S

    async def _ask(self, source: str, model: str) -> None:
        job = Job(source, SyncMode.RESCORE)
        running = self._scheduler.running_of(source)
        if running is not None and running.job.mode is not SyncMode.RESCORE:
            return
        if running is not None:
            settled = self._settled.get(source)
            if settled is None or settled.model != model:  # where nothing is approved any more, it ends with that
                self._scheduler.ask_to_make_way(job)
        elif model and await self._rows.count_scored_otherwise(source, model):
            is_taken = self._scheduler.ask(job)
            if not is_taken and self._scheduler.running_of(source) is not None:
                return  # something of the source began meanwhile
        self._settled[source] = _Settled(model, self._clock())
