"""How each source stands, and each of its modes: for `sightline status` and the admin API alike.

In come the settings and the state store, out go plain values; what is told is of sources and counts, never of documents
or people.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from connectors.registry import CONNECTORS
from indexer.state.holds import HoldStore
from indexer.state.judged_rows import JudgedRows
from indexer.state.run_history import RunReport
from service.revocation_summary import summary_json
from service.scheduling.timetable import Job, timetable
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings
from service.wiring import State
from vocabulary.ports import SyncMode

NEVER = "never synced"
_REVOCATIONS = 100  # the latest ones of each realm: enough for a 99th percentile


class ModeStanding(BaseModel):
    """One mode of a source: its last run, and when it is next due."""

    mode: SyncMode
    last_run: int | None
    state: str = Field(description="of the last run", examples=["succeeded", NEVER])
    started_at: datetime | None
    ended_at: datetime | None
    age_s: int | None = Field(description="since it ended or, under way, began")
    revoked_within_s: float | None
    next_run: datetime | None = Field(description="by its schedule, without jitter; null without one")


class SourceStanding(BaseModel):
    """One source: what is indexed of it, what failed, and how its modes stand."""

    source: str
    index: str
    access: IndexAccess
    documents: int
    retries_waiting: int = Field(description="failed documents that wait to be read again")
    given_up: int = Field(description="failed documents that do not")
    reviews_waiting: int = Field(description="documents that are held back for toxic text, until somebody decides")
    scored_by: dict[str, int] = Field(
        description="indexed documents by the model that scored their toxicity; none, or nobody knows: the empty name",
        examples=[{"ours@1": 20, "ours@2": 300}],
    )
    last_run: int | None = Field(description="of any mode")
    state: str = Field(examples=["succeeded", NEVER])
    ended_at: datetime | None
    modes: list[ModeStanding]
    revocations: dict[str, Any] = Field(description="how soon the latest ones were in force, and obeyed")


async def all_standings(settings: Settings, state: State, *, now: datetime) -> list[SourceStanding]:
    """Say how each source of the settings stands."""
    latest = await state.runs.latest()
    return [await _standing(settings, state, source, latest, now) for source in settings.sources]


async def standing_of(settings: Settings, state: State, source: str, *, now: datetime) -> SourceStanding:
    """Say how one source of the settings stands."""
    return await _standing(settings, state, source, await state.runs.latest(), now)


async def _standing(
    settings: Settings, state: State, source: str, latest: Mapping[tuple[str, str], RunReport], now: datetime
) -> SourceStanding:
    configured = settings.sources[source]
    modes = [mode for mode in SyncMode if mode in CONNECTORS[configured.connector].modes]
    runs = {mode: latest.get((source, mode)) for mode in modes}
    next_runs = {entry.job: entry.next_after(now) for entry in timetable(settings) if entry.job.source == source}
    last = max((run for run in runs.values() if run is not None), key=lambda run: run.id, default=None)
    failed = await state.ledger.count_failed(source)
    return SourceStanding(
        source=source,
        index=configured.index,
        access=settings.indexes[configured.index].access,
        documents=await state.ledger.count(source),
        retries_waiting=failed.waiting,
        given_up=failed.given_up,
        reviews_waiting=await HoldStore(state.engine).count_undecided(source),
        scored_by=await JudgedRows(state.ledger).count_by_model(source),
        last_run=last.id if last else None,
        state=last.state if last else NEVER,
        ended_at=last.ended_at if last else None,
        revocations=summary_json(await state.revocations.latest(source, limit=_REVOCATIONS)),
        modes=[_mode(mode, run, next_runs.get(Job(source, mode)), now) for mode, run in runs.items()],
    )


def _mode(mode: SyncMode, last: RunReport | None, next_run: datetime | None, now: datetime) -> ModeStanding:
    return ModeStanding(
        mode=mode,
        last_run=last.id if last else None,
        state=last.state if last else NEVER,
        started_at=last.started_at if last else None,
        ended_at=last.ended_at if last else None,
        age_s=round((now - (last.ended_at or last.started_at)).total_seconds()) if last else None,
        revoked_within_s=last.tally.revoked_within_s if last else None,
        next_run=next_run,
    )
