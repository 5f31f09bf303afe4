"""`acts`: what administrators did, on the command line and over the admin API."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from service.admin.acts import RecordedAct
from service.commands.terminal import ConfigOption, JsonOption, console, print_json, print_note, print_table
from service.routes.request_parts import moment_of
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import open_state


def _moment(text: str) -> datetime:
    moment = moment_of(text)
    if moment is None:
        raise typer.BadParameter(
            f"{text}: expected a date or time in ISO 8601, such as 2026-05-01 or 2026-05-01T12:30Z"
        )
    return moment


def acts(
    since: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="MOMENT", help="Only from then on: ISO 8601, UTC without a zone."),
    ] = None,
    before: Annotated[int | None, typer.Option(metavar="NUMBER", min=1, help="Only those before this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what administrators did, newest first: who, what, about whom, when, and how it ended."""
    settings = load_settings(settings_file(config))
    found = asyncio.run(_listed(settings, since=since, before=before, limit=limit + 1))
    shown = found[:limit]
    if as_json:
        print_json([asdict(act) for act in shown])
        return
    if not shown:
        console().print("No acts.")
        return
    columns = ["act", "at", "administrator", "did", "about", "parameters", "outcome"]
    rows = [[act.number, act.at, act.administrator, act.act, act.subject, _spelled(act), act.outcome] for act in shown]
    print_table(columns, rows, wide="parameters")
    if len(found) > limit:
        print_note(f"there are more: --before {shown[-1].number}")


async def _listed(settings: Settings, *, since: datetime | None, before: int | None, limit: int) -> list[RecordedAct]:
    async with open_state(settings) as state:
        return await state.acts.listed(since=since, before=before, limit=limit)


def _spelled(act: RecordedAct) -> str:
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in act.parameters.items())
