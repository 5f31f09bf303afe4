"""What syncs did: `runs` lists them, `runs show` tells one, down to how each document ended.

History is only added to: no command changes a run that has ended. `runs prune` forgets the lists of single documents of
old runs; the runs themselves stay, with their counts and reasons.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from indexer.state.run_history import RunDocument, RunReport
from service.commands.terminal import (
    ConfigOption,
    ExitCode,
    JsonOption,
    console,
    counted,
    print_json,
    print_note,
    print_problem,
    print_table,
    printable,
)
from service.revocation_summary import in_words, summary_json
from service.revocation_times import TimedRevocation
from service.run_reports import per_s, report_json
from service.settings.settings import load_settings, settings_file
from service.wiring import open_state
from vocabulary.documents import DocumentState
from vocabulary.ports import SyncMode

_ALL = "all"


@dataclass(frozen=True, slots=True)
class _Listing:
    """Which documents of a run are asked for; without a state, all that are listed."""

    state: DocumentState | None


def _listing(word: str) -> _Listing:
    try:
        return _Listing(None if word == _ALL else DocumentState(word))
    except ValueError:
        raise typer.BadParameter(f"{word} is none of {', '.join([_ALL, *DocumentState])}") from None


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
    mode: Annotated[SyncMode | None, typer.Option(help="Only runs of this mode.")] = None,
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
            return await state.runs.recent(source, mode=mode, limit=limit)

    reports = asyncio.run(recent())
    if as_json:
        print_json([report_json(report) for report in reports])
    elif reports:
        _print_history(reports)
    else:
        console().print("No runs yet; begin with: sightline sync" if source is mode is None else "No such runs yet.")


@runs.command("show")
def show_run(
    run_id: Annotated[int, typer.Argument(metavar="ID", help="The run's number.")],
    *,
    documents: Annotated[
        _Listing | None,
        typer.Option(
            parser=_listing,
            metavar="STATE|all",
            help="Also list the documents that ended in this state, or all but the unchanged ones.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many documents to list.")] = 1_000,
    after: Annotated[str, typer.Option(metavar="DOCUMENT", help="List those behind this one.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell one run: its counts, its reasons and, if asked, its documents."""
    settings = load_settings(settings_file(config))

    async def look_up() -> tuple[RunReport, list[TimedRevocation], list[RunDocument]]:
        async with open_state(settings) as state:
            report, revoked = await state.runs.show(run_id), await state.revocations.of_run(run_id)
            if documents is None:
                return report, revoked, []
            behind = after.removeprefix(f"{report.source}/")
            listed = await state.runs.documents(run_id, documents.state, after=behind, limit=limit + 1)
            return report, revoked, listed

    try:
        report, revoked, listed = asyncio.run(look_up())
    except KeyError:
        print_problem(f"no such run: {run_id}")
        raise typer.Exit(ExitCode.MISUSED) from None
    page = listed[:limit]
    next_after = str(page[-1].document_id) if len(listed) > limit else None
    if as_json:
        told = report_json(report) | {"revocations": summary_json(revoked)}
        print_json(told | ({} if documents is None else _documents_json(page, next_after)))
        return
    _print_run(report)
    if revoked:
        console().print(in_words(revoked))
    if documents is not None:
        _print_documents(page, documents, next_after)


def _documents_json(page: list[RunDocument], next_after: str | None) -> dict[str, Any]:
    rows = [{"document_id": str(d.document_id), "state": d.state, "reason": d.reason} for d in page]
    return {"documents": rows, "next_after": next_after}


def _print_run(report: RunReport) -> None:
    print_reports([report])
    if report.tally.reasons:
        print_table(["reason", "documents"], report.tally.reasons.most_common())
    if report.tally.warnings:
        print_table(["warning", "documents"], report.tally.warnings.most_common())
    if report.tally.requests:
        print_table(["requests for", "number"], report.tally.requests.most_common())
    if report.tally.revoked_within_s is not None:
        lists = f"{report.tally.lists_changed} lists changed"
        console().print(f"{lists}; whom the source shuts out is shut out within {report.tally.revoked_within_s:.0f} s")
    if report.tally.revocation_latency_s is not None:
        slowest = f"{report.tally.revocation_latency_s:.1f} s after its change"
        console().print(f"The slowest revocation whose time the source tells was in force {slowest}")
    documents_per_s, passages_per_s = (per_s(n, report) for n in (report.tally.scanned, report.tally.passages_embedded))
    if documents_per_s is not None:
        console().print(f"{documents_per_s:g} documents and {passages_per_s:g} passages a second")


def _print_documents(page: list[RunDocument], asked: _Listing, next_after: str | None) -> None:
    if not page:
        console().print(f"No document ended as {asked.state}." if asked.state else "No document is listed.")
        return
    print_table(["document", "state", "reason"], [[d.document_id, d.state, d.reason] for d in page])
    if next_after is not None:
        print_note(f"there are more: --after {next_after}")


@runs.command("prune")
def prune_runs(
    older_than: Annotated[int, typer.Option(metavar="DAYS", min=1, help="Of runs that ended so many days ago.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget how single documents ended in old runs. The runs stay, with their counts and reasons."""
    settings = load_settings(settings_file(config))
    ended_before = datetime.now(UTC) - timedelta(days=older_than)

    async def prune() -> int:
        async with open_state(settings) as state:
            return await state.runs.prune_documents(ended_before=ended_before)

    forgotten = asyncio.run(prune())
    if as_json:
        print_json({"forgotten": forgotten})
    else:
        console().print(
            f"Forgot {counted(forgotten, 'entry', 'entries')} of runs that ended before {ended_before:%Y-%m-%d}."
        )


def print_reports(reports: list[RunReport]) -> None:
    """Print run reports for people."""
    columns = ["run", "source", "mode", "state", "documents", "embedded", "read", "took"]
    rows = [[*_summary(report), report.tally.passages_embedded, _read(report), _took(report)] for report in reports]
    print_table(columns, rows, wide="documents")
    for report in reports:
        if report.message:
            console().print(f"run {report.id} ({report.source}): {printable(report.message)}", markup=False)


def _print_history(reports: list[RunReport]) -> None:
    columns = ["run", "source", "mode", "state", "documents", "started", "took"]
    rows = [[*_summary(report), report.started_at, _took(report)] for report in reports]
    print_table(columns, rows, wide="documents")


def _summary(report: RunReport) -> list[object]:
    tally = report.tally
    counts = [f"{count} {state}" for state, count in sorted(tally.states.items()) if count]
    deleted = [f"{tally.deleted} deleted"] if tally.deleted else []
    state = f"{report.state}, resumed" if report.resumed else report.state
    return [report.id, report.source, report.mode, state, ", ".join(counts + deleted)]


def _read(report: RunReport) -> str:
    return f"{report.tally.bytes_read / 1e6:.1f} MB"


def _took(report: RunReport) -> str:
    return "" if report.took_s is None else f"{report.took_s:.1f} s"
