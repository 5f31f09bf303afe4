"""`status`: how each source stands, and each of its modes: the last run, its age, and the next time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.commands.terminal import ConfigOption, JsonOption, print_json, print_table
from service.settings.settings import Settings, load_settings, settings_file
from service.standing import SourceStanding, all_standings
from service.wiring import open_state

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say how each source stands: what is indexed, what failed, how each mode last ended and when it is next due."""
    settings = load_settings(settings_file(config))
    sources = asyncio.run(_standings(settings))
    if as_json:
        print_json([source.model_dump() for source in sources])
        return
    _print_sources(sources)
    _print_modes(sources)


async def _standings(settings: Settings) -> list[SourceStanding]:
    async with open_state(settings) as state:
        return await all_standings(settings, state, now=datetime.now(UTC))


def _print_sources(sources: Sequence[SourceStanding]) -> None:
    columns = ["source", "index", "documents", "retries waiting", "given up", "reviews waiting", "revoked after"]
    rows = [
        [
            each.source,
            each.index,
            each.documents,
            each.retries_waiting,
            each.given_up,
            each.reviews_waiting,
            _revoked(each.revocations),
        ]
        for each in sources
    ]
    print_table(columns, rows)


def _revoked(summary: Mapping[str, Any]) -> str:
    """Say how long the latest revocations took; the p99 of so few may well be the longest."""
    if not summary["counted"]:
        return ""
    return f"{_period(summary['in_force_p50_s'])}, p99 {_period(summary['in_force_p99_s'])}"


def _print_modes(sources: Sequence[SourceStanding]) -> None:
    columns = ["source", "mode", "last run", "state", "age", "revoked within", "next run"]
    rows = [
        [
            source.source,
            one.mode,
            one.last_run,
            one.state,
            _period(one.age_s),
            _period(one.revoked_within_s),
            one.next_run,
        ]
        for source in sources
        for one in source.modes
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
