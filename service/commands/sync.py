"""`sync`: bring sources up to date, one after the other, and say how every document ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.registry import CONNECTORS
from indexer.state.run_history import RunState
from indexer.state.tally import Tally
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.runs import print_reports
from service.commands.stopping import stop_syncs
from service.commands.sync_plan import holding_back, preview_all, preview_json, print_previews
from service.commands.terminal import (
    ConfigOption,
    ExitCode,
    JsonOption,
    error_console,
    print_json,
    print_problem,
    print_table,
)
from service.http.server import cancelled_by_signals
from service.run_reports import report_json
from service.settings.settings import Settings, load_settings, settings_file
from service.syncing import SyncOptions, SyncOutcome, sync_identities, sync_source
from service.wiring import State, Workshop, open_state, open_workshop
from vocabulary.errors import SightlineError
from vocabulary.ports import SyncMode

# `_chosen` says which commands carry out the others.
_MODES = "|".join((SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.IDENTITIES))
_EXIT_CODES = {
    RunState.SUCCEEDED: ExitCode.DONE,
    RunState.INCOMPLETE: ExitCode.SOME_DOCUMENTS_FAILED,
    RunState.BRAKED: ExitCode.BRAKED,
}
_GRAVITY = (ExitCode.FAILED, ExitCode.BRAKED, ExitCode.SOME_DOCUMENTS_FAILED, ExitCode.DONE)


def sync(  # noqa: PLR0917 - options of a command are given by name
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Default: all of them.")] = None,
    mode: Annotated[
        SyncMode,
        typer.Option(
            metavar=_MODES, help="How far: everything, what changed, only who may read, only people and groups."
        ),
    ] = (SyncMode.FULL),
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done: no document is read, nothing is written.")
    ] = False,
    confirm_deletes: Annotated[
        bool,
        typer.Option(
            "--confirm-deletes", help="Delete even what the deletion brake would hold back, or all people and groups."
        ),
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Ask the runs of these sources that are under way, in any program, to end.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring sources up to date. Exits with 3 if some documents failed, with 4 if the deletion brake stopped a run."""
    settings = load_settings(settings_file(config))
    names = _chosen(settings, sources or [], mode)
    if stop:
        asyncio.run(stop_syncs(settings, names))
        return
    if plan:
        _show_plan(settings, names, mode=mode, as_json=as_json)
        return
    options = SyncOptions(confirm_deletes=confirm_deletes)
    try:
        outcomes = asyncio.run(_sync_all(settings, names, mode=mode, options=options))
    except asyncio.CancelledError:
        print_problem("interrupted; the next sync goes on from here")
        raise typer.Exit(ExitCode.FAILED) from None
    if as_json:
        print_json([_outcome_json(outcome) for outcome in outcomes])
    else:
        print_outcomes(outcomes)
    raise typer.Exit(worst(outcomes))


def _show_plan(settings: Settings, names: Sequence[str], *, mode: SyncMode, as_json: bool) -> None:
    previews = asyncio.run(preview_all(settings, names, mode=mode))
    hold_back = holding_back(settings, names)
    if as_json:
        print_json([preview_json(preview, hold_back=hold_back) for preview in previews])
    else:
        print_previews(previews, hold_back=hold_back)


def _chosen(settings: Settings, sources: Sequence[str], mode: SyncMode) -> list[str]:
    """The named sources, or all that know the mode; a named one that does not exist or lacks it is wrong usage."""
    if mode is SyncMode.AUDIT:
        print_problem("--mode: an audit brings nothing up to date; use: sightline audit SOURCE")
        raise typer.Exit(ExitCode.MISUSED)
    if mode is SyncMode.RESCORE:
        print_problem("--mode: stored text is scored without the source; use: sightline rescore INDEX")
        raise typer.Exit(ExitCode.MISUSED)
    if not settings.sources:
        print_problem("sources: none is configured")
        raise typer.Exit(ExitCode.MISUSED)
    for source in sources:
        if source not in settings.sources:
            print_problem(f"no such source: {source} (there are: {', '.join(settings.sources)})")
            raise typer.Exit(ExitCode.MISUSED)
    able = [source for source in settings.sources if mode in CONNECTORS[settings.sources[source].connector].modes]
    unable = [source for source in sources or settings.sources if source not in able]
    if unable and (sources or not able):
        print_problem(f"{', '.join(unable)}: the connector knows no {mode} sync")
        raise typer.Exit(ExitCode.MISUSED)
    return list(dict.fromkeys(sources)) or able


async def _sync_all(
    settings: Settings, sources: Sequence[str], *, mode: SyncMode, options: SyncOptions
) -> list[SyncOutcome]:
    with cancelled_by_signals():
        async with open_state(settings) as state:
            if mode is SyncMode.IDENTITIES:
                return [
                    await settled(
                        name,
                        _recorded(
                            state, name, mode, options, partial(sync_identities, settings, state, name, options=options)
                        ),
                    )
                    for name in sources
                ]
            indexes = {settings.sources[name].index for name in sources}
            async with open_workshop(settings, state, indexes=sorted(indexes)) as workshop:
                sync_one = partial(sync_with_progress, settings, state, workshop, mode=mode, options=options)
                return [
                    await settled(name, _recorded(state, name, mode, options, partial(sync_one, name)))
                    for name in sources
                ]


async def _recorded(
    state: State, source: str, mode: SyncMode, options: SyncOptions, sync_one: Callable[[], Awaitable[SyncOutcome]]
) -> SyncOutcome:
    """Sync a source; where a person has confirmed what the brake would hold back, the log of acts says who."""
    if not options.confirm_deletes:
        return await sync_one()
    asked = {"mode": mode, "confirm_deletes": True}
    async with state.acts.record(command_line(), Act.START_SYNC, subject=source, parameters=asked) as act:
        outcome = await sync_one()
        if outcome.run is not None:
            act.outcome = f"run {outcome.run.id} {outcome.run.state}"
        elif outcome.error:
            act.outcome = "failed"
        return outcome


async def sync_with_progress(
    settings: Settings, state: State, workshop: Workshop, source: str, *, mode: SyncMode, options: SyncOptions
) -> SyncOutcome:
    """Sync one source while its counts show; a failure is an outcome, too, so that the next source has its turn."""
    of_this_source = replace(options, stop=asyncio.Event())  # whoever stops one leaves the next its turn
    with progress_of(source) as show:
        work = sync_source(settings, state, workshop, source, mode=mode, options=of_this_source, on_progress=show)
        return await settled(source, work)


async def settled(source: str, work: Awaitable[SyncOutcome]) -> SyncOutcome:
    """Await the work; what it could not even begin becomes an outcome that says why."""
    try:
        return await work
    except SightlineError as error:
        return SyncOutcome(source, error=str(error))


@contextmanager
def progress_of(source: str) -> Iterator[Callable[[Tally], None]]:
    """Show a run's counts while it goes on; without a terminal, nothing."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(20), TimeElapsedColumn())
    with Progress(*columns, console=error_console(), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(source, total=None)

        def show(tally: Tally) -> None:
            settled = sum(tally.states.values())
            words = f"{source}: {tally.scanned} met, {settled} done, {tally.passages_embedded} passages embedded"
            progress.update(task, description=words, total=tally.scanned or None, completed=settled)

        yield show


def worst(outcomes: Sequence[SyncOutcome]) -> ExitCode:
    """Choose the exit code that says most of what went wrong."""
    codes = {_exit_code(outcome) for outcome in outcomes}
    return next((code for code in _GRAVITY if code in codes), ExitCode.DONE)


def _exit_code(outcome: SyncOutcome) -> ExitCode:
    if outcome.error:
        return ExitCode.FAILED
    if outcome.run is None:
        return ExitCode.DONE
    return _EXIT_CODES.get(outcome.run.state, ExitCode.FAILED)


def print_outcomes(outcomes: Sequence[SyncOutcome]) -> None:
    """Print what each source's sync did."""
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    if runs:
        print_reports(runs)
    identities = [(o.source, o.identities) for o in outcomes if o.identities is not None]
    if identities:
        print_table(["source", "people", "memberships"], [[name, i.people, i.memberships] for name, i in identities])
    for outcome in outcomes:
        if outcome.error:
            print_problem(f"{outcome.source}: {outcome.error}")


def _outcome_json(outcome: SyncOutcome) -> dict[str, Any]:
    return {
        "source": outcome.source,
        "identities": None if outcome.identities is None else asdict(outcome.identities),
        "run": None if outcome.run is None else report_json(outcome.run),
        "error": outcome.error or None,
    }
