"""`rescore`: what is said of the toxicity of stored text, brought to the present model without asking a source."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from indexer.state.run_history import RunReport, RunState
from service.admin.acts import Act
from service.admin.command_line import command_line
from service.commands.runs import print_reports
from service.commands.sync import progress_of
from service.commands.terminal import ConfigOption, ExitCode, JsonOption, print_json, print_problem
from service.http.server import cancelled_by_signals
from service.rescoring import rescore_source
from service.run_reports import report_json
from service.settings.settings import Settings, load_settings, settings_file
from service.wiring import open_search, open_state
from vocabulary.errors import IndexUnknown


def rescore(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="The index's name.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the stored text of an index with the approved model where another one did, and apply the sources' rules."""
    settings = load_settings(settings_file(config))
    if index not in settings.indexes:
        raise IndexUnknown(f"no such index: {index} (there are: {', '.join(settings.indexes) or 'none'})")
    try:
        reports = asyncio.run(_rescore(settings, index))
    except asyncio.CancelledError:
        print_problem("interrupted; the next rescore goes on from here")
        raise typer.Exit(ExitCode.FAILED) from None
    if as_json:
        print_json([report_json(report) for report in reports])
    else:
        print_reports(list(reports))
    if any(report.state is not RunState.SUCCEEDED for report in reports):
        raise typer.Exit(ExitCode.FAILED)


async def _rescore(settings: Settings, index: str) -> Sequence[RunReport]:
    reports = []
    with cancelled_by_signals():
        async with open_state(settings) as state, open_search(settings, state, indexes=[index]) as search:
            for source in settings.sources_of(index):
                with progress_of(source) as show:
                    async with state.acts.record(command_line(), Act.RESCORE, subject=source) as act:
                        report = await rescore_source(settings, state, search.service, source, on_progress=show)
                        act.outcome = f"run {report.id} {report.state}"
                reports.append(report)
    return reports
