"""`audit`: hold a sample of what an index shows against what its source says, and list what differs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from indexer.state.audits import AuditRecord, FindingKind
from indexer.state.run_history import RunState
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.audit.auditing import AuditOptions, AuditOutcome, audit_source
from service.audit.rates import rate_of
from service.audit.sampling import LARGEST_SEED, MAX_QUESTIONS, USUAL_QUESTIONS, Sampling
from service.commands.terminal import (
    ConfigOption,
    ExitCode,
    JsonOption,
    console,
    counted,
    error_console,
    print_json,
    print_note,
    print_problem,
    print_table,
)
from service.http.server import cancelled_by_signals
from service.routes.audit_answer import audit_answer, finding_answer
from service.run_reports import report_json
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import open_search, open_state
from vocabulary.documents import DocumentId
from vocabulary.errors import QueryInvalid

_EXIT_CODES = {RunState.SUCCEEDED: ExitCode.DONE, RunState.INCOMPLETE: ExitCode.SOME_DOCUMENTS_FAILED}


def audit(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The source's name.")],
    *,
    sample: Annotated[
        int, typer.Option(min=1, max=MAX_QUESTIONS, help="How many questions: documents × readers.")
    ] = USUAL_QUESTIONS,
    person: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Only ask for this reader: an address or user name, as a token would give."),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(metavar="ISSUER", help="Whose tokens readers have. Default: the only [[tokens]] issuer."),
    ] = None,
    document: Annotated[
        str | None, typer.Option(metavar="SOURCE/ID", help="Only ask about this document, as answers show its id.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="Draw what an earlier audit with this seed drew.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the source itself who may read what. Exits with 1 for leaks or silence, with 3 for losses alone."""
    settings = load_settings(settings_file(config))
    if source not in settings.sources:
        print_problem(f"no such source: {source} (there are: {', '.join(settings.sources) or 'none'})")
        raise typer.Exit(ExitCode.MISUSED)
    sampling = Sampling(
        questions=1 if person is not None and document is not None else sample,
        seed=Sampling().seed if seed is None else seed,
        user=person,
        issuer=issuer,
        document=None if document is None else _document_of(source, document),
    )
    try:
        outcome = asyncio.run(_audit(settings, source, sampling))
    except asyncio.CancelledError:
        print_problem("interrupted")
        raise typer.Exit(ExitCode.FAILED) from None
    if as_json:
        print_json(audit_json(outcome))
    else:
        _print_outcome(outcome)
    raise typer.Exit(_EXIT_CODES.get(outcome.run.state, ExitCode.FAILED))


def _document_of(source: str, spelled: str) -> DocumentId:
    own_id = spelled.removeprefix(f"{source}/")
    if own_id == spelled or not own_id:
        raise QueryInvalid(f"--document: expected {source}/ID, as answers show it")
    return DocumentId(source, own_id)


async def _audit(settings: Settings, source: str, sampling: Sampling) -> AuditOutcome:
    index = settings.sources[source].index
    with cancelled_by_signals(), _progress() as show:
        async with open_state(settings) as state, open_search(settings, state, indexes=[index]) as search:
            options, served = AuditOptions(on_progress=show), search.service.index(index)
            asked = sampling.parameters
            async with state.acts.record(command_line(), Act.AUDIT, subject=source, parameters=asked) as act:
                outcome = await audit_source(settings, state, served, source, sampling, options=options)
                act.outcome = outcome.run.state
                return outcome


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how many questions are answered; without a terminal, nothing."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(20), TimeElapsedColumn())
    with Progress(*columns, console=error_console(), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("asking", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def audit_json(outcome: AuditOutcome) -> dict[str, Any]:
    """Spell an audit for programs."""
    record = outcome.record
    audited = None if record is None else audit_answer(record).model_dump(mode="json")
    return {"run": report_json(outcome.run), "audit": audited}


def _print_outcome(outcome: AuditOutcome) -> None:
    record = outcome.record
    if record is None:
        print_problem(f"{outcome.run.source}: {outcome.run.message}")
        return
    counts = record.counts
    if record.findings:
        _print_findings(record)
    console().print(f"{counted(counts.asked, 'question')} asked (seed {counts.seed}), {counts.agreed} answered alike.")
    if counts.as_reader:
        print_note(f"{counts.as_reader} of them the source answered to the readers themselves")
    rate = rate_of(counts.even_wrong, counts.even_asked)
    if rate is not None:
        console().print(
            f"Of {counted(counts.even_asked, 'question')} drawn evenly, {counts.even_wrong} wrong: "
            f"{rate.share:.2%} (95 % of the time between {rate.low:.2%} and {rate.high:.2%} of all)"
        )
    if any(finding.statement.reason == "groups-refused" for finding in record.findings):
        print_note("groups-refused: only an administrator is told of others' groups; set `audit.auth` of the source")
    if record.number_of(FindingKind.HELD):
        print_note(f"held-back: hidden for toxic text until reviewed; sightline review list {record.source}")
    if record.number_of(FindingKind.PENDING):
        print_note("pending: changed at the source since it was last read; the next audit looks again")


def _print_findings(record: AuditRecord) -> None:
    columns = ["found", "document", "reader", "index", "source", "asked by", "reason"]
    found = map(finding_answer, record.findings)
    rows = [
        (one.kind, one.document_id, one.reader or "anybody", one.index, one.source, one.asked_by, one.reason)
        for one in found
    ]
    print_table(columns, rows)
