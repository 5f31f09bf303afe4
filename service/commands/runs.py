"""What syncs did: `runs` lists them, `runs show` tells one, down to how each document ended."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from indexer.runs import RunDocument, RunReport
from service.commands.terminal import (
    ConfigOption,
    ExitCode,
    JsonOption,
    console,
    print_json,
    print_problem,
    print_table,
    printable,
)
from service.settings import load_settings, settings_file
from service.wiring import open_state
from vocabulary.documents import DocumentState


class RunsGroup(TyperGroup):
    """`runs`, `runs SOURCE` and `runs show ID`: what is not the name of a command is the name of a source."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        positional = [arg for arg in args if not arg.startswith("-")]
        asks_for_help = "--help" in args and not positional
        if not asks_for_help and not (args and args[0] in self.commands):
            args = ["list", *args]
        return super().parse_args(ctx, args)


runs = typer.Typer(cls=RunsGroup, help="List the runs of all sources, or of one; `runs show ID` tells one.")


@runs.command("list")
def list_runs(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="Only runs of this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    settings = load_settings(settings_file(config))
    if source is not None and source not in settings.sources:
        print_problem(f"no such source: {source} (there are: {', '.join(settings.sources) or 'none'})")
        raise typer.Exit(ExitCode.MISUSED)

    async def recent() -> list[RunReport]:
        async with open_state(settings) as state:
            return await state.runs.recent(source, limit=limit)

    reports = asyncio.run(recent())
    if as_json:
        print_json([report_json(report) for report in reports])
    elif reports:
        _print_history(reports)
    else:
        console().print("No runs yet; begin with: sightline sync")


@runs.command("show")
def show_run(
    run_id: Annotated[int, typer.Argument(metavar="ID", help="The run's number.")],
    documents: Annotated[
        DocumentState | None, typer.Option(help="Also list the documents that ended in this state.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell one run: its counts, its reasons and, if asked, its documents."""
    settings = load_settings(settings_file(config))

    async def look_up() -> tuple[RunReport, list[RunDocument]]:
        async with open_state(settings) as state:
            listed = [] if documents is None else await state.runs.documents(run_id, documents)
            return await state.runs.show(run_id), listed

    try:
        report, listed = asyncio.run(look_up())
    except KeyError:
        print_problem(f"no such run: {run_id}")
        raise typer.Exit(ExitCode.MISUSED) from None
    if as_json:
        rows = [{"document_id": str(d.document_id), "state": d.state, "reason": d.reason} for d in listed]
        print_json(report_json(report) | ({} if documents is None else {"documents": rows}))
        return
    print_reports([report])
    if report.tally.reasons:
        print_table(["reason", "documents"], report.tally.reasons.most_common())
    if documents is not None and not listed:
        console().print(f"No document ended as {documents}.")
    elif documents is not None:
        print_table(["document", "state", "reason"], [[d.document_id, d.state, d.reason] for d in listed])


def report_json(report: RunReport) -> dict[str, Any]:
    """Spell a run report for programs."""
    return {
        "id": report.id,
        "source": report.source,
        "mode": report.mode,
        "state": report.state,
        "resumed": report.resumed,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        **report.tally.as_json(),
        "message": report.message,
    }


def print_reports(reports: list[RunReport]) -> None:
    """Print run reports for people."""
    columns = ["run", "source", "state", "documents", "embedded", "read", "took"]
    rows = [[*_summary(report), report.tally.passages_embedded, _read(report), _took(report)] for report in reports]
    print_table(columns, rows, wide="documents")
    for report in reports:
        if report.message:
            console().print(f"run {report.id} ({report.source}): {printable(report.message)}", markup=False)


def _print_history(reports: list[RunReport]) -> None:
    columns = ["run", "source", "state", "documents", "started", "took"]
    rows = [[*_summary(report), report.started_at, _took(report)] for report in reports]
    print_table(columns, rows, wide="documents")


def _summary(report: RunReport) -> list[object]:
    tally = report.tally
    counts = [f"{count} {state}" for state, count in sorted(tally.states.items()) if count]
    deleted = [f"{tally.deleted} deleted"] if tally.deleted else []
    return [report.id, report.source, report.state, ", ".join(counts + deleted)]


def _read(report: RunReport) -> str:
    return f"{report.tally.bytes_read / 1e6:.1f} MB"


def _took(report: RunReport) -> str:
    return "" if report.ended_at is None else f"{(report.ended_at - report.started_at).total_seconds():.1f} s"
