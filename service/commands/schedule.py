"""`schedule`: crawl every source at its times, without serving queries; `--next` tells the times and runs nothing."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext, suppress
from datetime import UTC, datetime
from socket import socket
from typing import Annotated, Any

import typer

from service.commands.terminal import ConfigOption, JsonOption, console, counted, print_json, print_table
from service.http.app import create_metrics_app
from service.http.server import cancelled_by_signals, listen, serving
from service.program_log import log_to_stderr
from service.scheduling.jobs import make_scheduler, scheduling
from service.scheduling.timetable import ScheduledJob, timetable
from service.settings.metrics import MetricsSettings
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import make_metrics, open_state, open_workshop
from vocabulary.errors import SettingMissing


def schedule(
    upcoming: Annotated[bool, typer.Option("--next", help="Print the next time of each job, and run nothing.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Crawl every source at its times until Ctrl-C or SIGTERM. `serve` does so, too."""
    settings = load_settings(settings_file(config))
    entries = timetable(settings)
    if not entries:
        raise SettingMissing("sources: none has a schedule")
    if upcoming:
        _print_next(entries, as_json=as_json)
        return
    if as_json:
        raise typer.BadParameter("only --next has an answer to print", param_hint="--json")
    log_to_stderr()
    with suppress(asyncio.CancelledError):
        asyncio.run(_schedule(settings, entries))


async def _schedule(settings: Settings, entries: tuple[ScheduledJob, ...]) -> None:
    fed = {source.index for source in settings.sources.values() if source.schedule is not None}
    with cancelled_by_signals(), _listening(settings.metrics) as listening:
        async with AsyncExitStack() as opened:
            state = await opened.enter_async_context(open_state(settings))
            workshop = await opened.enter_async_context(open_workshop(settings, state, indexes=sorted(fed)))
            at_work = set()
            if listening is not None:
                metrics = make_metrics(settings, state, model=workshop.search.enricher)
                await metrics.refresh()  # what ends from now on is counted
                at_work.add(await opened.enter_async_context(serving(create_metrics_app(metrics), listening)))
                console().print(f"Metrics on http://{settings.metrics.schedule_address}/metrics")
            scheduler = make_scheduler(settings, state, workshop, entries=entries)
            at_work.add(await opened.enter_async_context(scheduling(scheduler, settings, state, workshop.search)))
            console().print(f"Scheduled {counted(len(entries), 'job')}; the next times: sightline schedule --next")
            await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)


def _listening(metrics: MetricsSettings) -> AbstractContextManager[socket | None]:
    address = metrics.schedule_host_and_port
    return nullcontext() if address is None else listen(*address)


def _print_next(entries: tuple[ScheduledJob, ...], *, as_json: bool) -> None:
    now = datetime.now(UTC)
    if as_json:
        print_json([_entry_json(entry, now) for entry in entries])
        return
    columns = ["source", "mode", "next run", "cron", "time zone", "jitter"]
    rows = [
        [
            entry.job.source,
            entry.job.mode,
            f"{entry.next_after(now).astimezone(entry.zone):%Y-%m-%d %H:%M %Z}",
            entry.cron,
            entry.zone.key,
            f"up to {entry.jitter_s:g} s",
        ]
        for entry in entries
    ]
    print_table(columns, rows)


def _entry_json(entry: ScheduledJob, now: datetime) -> dict[str, Any]:
    return {
        "source": entry.job.source,
        "mode": entry.job.mode,
        "next_run": entry.next_after(now),
        "cron": entry.cron,
        "timezone": entry.zone.key,
        "jitter_s": entry.jitter_s,
        "missed": entry.missed,
        "overlap": entry.overlap,
    }
