"""`serve`: answer queries over HTTP and crawl every source at its times, until told to stop.

Both share one process, one model and the open indexes: what a crawl has written, the next query finds.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Annotated

import typer

from service.admin.administration import administration_of
from service.commands.terminal import ConfigOption, console
from service.enrichers import in_words
from service.http.app import create_app
from service.http.probes import probes
from service.http.server import cancelled_by_signals, listen, port_of, serving
from service.models.access import model_access
from service.program_log import log_to_stderr
from service.scheduling.jobs import make_scheduler, scheduling
from service.scheduling.timetable import ScheduledJob, timetable
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import make_metrics, make_readers, open_search, open_state, open_workshop


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8080,
    no_schedule: Annotated[
        bool, typer.Option("--no-schedule", help="Crawl nothing by itself, whatever the schedules.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Serve the REST API and the search page, and crawl sources at their times, until Ctrl-C or SIGTERM."""
    settings = load_settings(settings_file(config))
    settings.require_issuers()
    log_to_stderr()
    entries = () if no_schedule else timetable(settings)
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(settings, entries, host=host, port=port))


async def _serve(settings: Settings, entries: tuple[ScheduledJob, ...], *, host: str, port: int) -> None:
    with cancelled_by_signals(), listen(host, port) as listening:
        async with AsyncExitStack() as opened:
            state = await opened.enter_async_context(open_state(settings))
            crawls = bool(entries) or settings.starts_jobs_over_http
            workshop = await opened.enter_async_context(open_workshop(settings, state)) if crawls else None
            search = workshop.search if workshop else await opened.enter_async_context(open_search(settings, state))
            await opened.enter_async_context(state.access_control.first_uses.recording())
            await opened.enter_async_context(state.access_control.warming(settings.sources))
            metrics = make_metrics(settings, state, search.service, model=search.enricher)
            await metrics.refresh()  # what ends from now on is counted
            scheduler = make_scheduler(settings, state, workshop, entries=entries) if workshop else None
            app = create_app(
                search.service,
                make_readers(settings, state),
                probes=probes(state, search),
                administration=administration_of(settings, state, search.service, scheduler),
                models=model_access(settings.model_keys, search.enricher),
                metrics=metrics,
                are_metrics_open=settings.metrics.enabled,
            )
            await search.service.warm(await asyncio.to_thread(lambda: state.acls.numbering))
            at_work = {await opened.enter_async_context(serving(app, listening, access_log=True))}
            if scheduler is not None:  # entered last, so that queries are answered while crawls drain
                at_work.add(await opened.enter_async_context(scheduling(scheduler, settings, state, search)))
            console().print(f"Model: {in_words(search.enricher)}", soft_wrap=True)
            console().print(f"Serving on http://{host}:{port_of(listening)}/ (API: /docs)")
            await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
