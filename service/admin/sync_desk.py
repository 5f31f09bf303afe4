"""Syncs that an administrator starts and stops, carried out by the scheduler of this program.

They are jobs like the scheduled ones: one of a source at a time, due permissions interrupt a crawl, and whoever is
stopped goes on from its checkpoint next time. Between programs the lease in the state store decides, and what another
program carries out hears of a stop through the state store.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.registry import CONNECTORS
from indexer.state.runs import RunStore
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job
from service.settings.settings import Settings
from vocabulary.errors import NoSyncUnderWay, QueryInvalid, SyncUnderWay
from vocabulary.ports import SyncMode


@dataclass(frozen=True, slots=True)
class SyncDesk:
    """Starts and stops syncs of the settings' sources."""

    settings: Settings
    runs: RunStore
    scheduler: Scheduler

    def require_mode(self, source: str, mode: SyncMode) -> None:
        """Make sure that the source can be synced so.

        Raises:
            QueryInvalid: its connector lacks the mode, or its people and groups are not to be read.
        """
        configured = self.settings.sources[source]
        if mode not in CONNECTORS[configured.connector].modes:
            raise QueryInvalid(f"mode: {configured.connector} sources know no {mode} sync")
        if mode is SyncMode.IDENTITIES and not configured.crawl_identities:
            raise QueryInvalid("mode: nothing to read, crawl_identities is false")

    async def start(self, job: Job) -> None:
        """Have a job begin as soon as there is a place for it.

        Raises:
            SyncUnderWay: the source is being synced, here or by another program.
        """
        if job.mode is not SyncMode.IDENTITIES:  # which take no lease
            run = await self.runs.under_way(job.source)
            if run is not None:
                raise SyncUnderWay(f"run {run.id} ({run.mode}) is under way")
        if not self.scheduler.ask(job):
            raise SyncUnderWay("a sync of this source is under way, or waits for its turn")

    async def stop(self, source: str) -> SyncMode:
        """Ask the sync of a source's documents to end at its next page, or drop it while it waits; return its mode.

        One that waits here may wait for another program's, which is meant, too. Which run is meant is settled first:
        one that begins when it has ended, as the next job of the source does, is left alone.

        Raises:
            NoSyncUnderWay: no program runs one.
        """
        meant = self.scheduler.running_of(source)
        run = await self.runs.under_way(source)
        mode = self.scheduler.stop_source(source, meant=meant)
        if run is not None and await self.runs.ask_to_stop(run.id):
            return run.mode
        if mode is None:
            raise NoSyncUnderWay("no sync of this source's documents is under way")
        return mode
