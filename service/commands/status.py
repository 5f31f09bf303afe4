"""`status`: how each source and each of its modes stands, and what is wrong with the model that scores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.commands.terminal import ConfigOption, JsonOption, console, print_json, print_table
from service.enrichers import toxicity_problems
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
    for problem in toxicity_problems(settings.embedder):
        console().print(f"Toxicity: {problem}", markup=False, soft_wrap=True)


async def _standings(settings: Settings) -> list[SourceStanding]:
    async with open_state(settings) as state:
        return await all_standings(settings, state, now=datetime.now(UTC))


def _print_sources(sources: Sequence[SourceStanding]) -> None:
    columns = [
        "source",
        "index",
        "documents",
        "retries waiting",
        "given up",
        "reviews waiting",
        "scored by",
        "revoked after",
    ]
    rows = [
        [
            each.source,
            each.index,
            each.documents,
            each.retries_waiting,
            each.given_up,
            each.reviews_waiting,
            _scored_by(each.scored_by),
            _revoked(each.revocations),
        ]
        for each in sources
    ]
    print_table(columns, rows)


def _scored_by(counts: Mapping[str, int]) -> str:
    """Name the models that scored documents, with their shares while there are several."""
    if len(counts) == 1:
        return next(iter(counts)) or "nothing"
    return ", ".join(f"{model or 'nothing'} ({count:,})" for model, count in counts.items())


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
