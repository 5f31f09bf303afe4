"""`status`: how each source stands, and each of its modes: the last run, its age, and the next time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from connectors.registry import CONNECTORS
from indexer.state.run_history import RunReport
from service.commands.terminal import ConfigOption, JsonOption, print_json, print_table
from service.revocation_summary import summary_json
from service.settings import Settings, load_settings, settings_file
from service.timetable import Job, timetable
from service.wiring import State, open_state
from vocabulary.ports import SyncMode

_NEVER = "never synced"
_REVOCATIONS = 100  # the latest ones: enough for a 99th percentile
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say how each source stands: what is indexed, what failed, how each mode last ended and when it is next due."""
    settings = load_settings(settings_file(config))
    sources = asyncio.run(_standing(settings, datetime.now(UTC)))
    if as_json:
        print_json(sources)
        return
    _print_sources(sources)
    _print_modes(sources)


async def _standing(settings: Settings, now: datetime) -> list[dict[str, Any]]:
    next_runs = {entry.job: entry.next_after(now) for entry in timetable(settings)}
    async with open_state(settings) as state:
        latest = await state.runs.latest()
        standings = []
        for source, configured in settings.sources.items():
            modes = [mode for mode in SyncMode if mode in CONNECTORS[configured.connector].modes]
            runs = [latest.get((source, mode)) for mode in modes]
            standing = await _source_standing(settings, state, source, runs)
            standing["modes"] = [
                _mode_standing(mode, run, next_runs.get(Job(source, mode)), now)
                for mode, run in zip(modes, runs, strict=True)
            ]
            standings.append(standing)
        return standings


async def _source_standing(
    settings: Settings, state: State, source: str, runs: list[RunReport | None]
) -> dict[str, Any]:
    index = settings.sources[source].index
    last = max((run for run in runs if run is not None), key=lambda run: run.id, default=None)
    failed = await state.ledger.count_failed(source)
    return {
        "source": source,
        "index": index,
        "access": settings.indexes[index].access,
        "documents": await state.ledger.count(source),
        "retries_waiting": failed.waiting,
        "given_up": failed.given_up,
        "last_run": last.id if last else None,
        "state": last.state if last else _NEVER,
        "ended_at": last.ended_at if last else None,
        "revocations": summary_json(await state.revocations.latest(source, limit=_REVOCATIONS)),
    }


def _mode_standing(mode: SyncMode, last: RunReport | None, next_run: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "mode": mode,
        "last_run": last.id if last else None,
        "state": last.state if last else _NEVER,
        "started_at": last.started_at if last else None,
        "ended_at": last.ended_at if last else None,
        "age_s": round((now - (last.ended_at or last.started_at)).total_seconds()) if last else None,
        "revoked_within_s": last.tally.revoked_within_s if last else None,
        "next_run": next_run,
    }


def _print_sources(sources: list[dict[str, Any]]) -> None:
    columns = ["source", "index", "documents", "retries_waiting", "given_up"]
    revoked = [_revoked(source["revocations"]) for source in sources]
    rows = [[s[column] for column in columns] + [words] for s, words in zip(sources, revoked, strict=True)]
    print_table([column.replace("_", " ") for column in [*columns, "revocations in force after"]], rows)


def _revoked(summary: dict[str, Any]) -> str:
    """Say how long the latest revocations took; the p99 of so few may well be the longest."""
    if not summary["counted"]:
        return ""
    return f"{_period(summary['in_force_p50_s'])}, p99 {_period(summary['in_force_p99_s'])}"


def _print_modes(sources: list[dict[str, Any]]) -> None:
    columns = ["source", "mode", "last run", "state", "age", "revoked within", "next run"]
    rows = [
        [
            source["source"],
            one["mode"],
            one["last_run"],
            one["state"],
            _period(one["age_s"]),
            _period(one["revoked_within_s"]),
            one["next_run"],
        ]
        for source in sources
        for one in source["modes"]
    ]
    print_table(columns, rows)


def _period(seconds: float | None) -> str:
    """Spell a period in its largest whole unit."""
    if seconds is None:
        return ""
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"
