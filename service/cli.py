"""The command line: `sightline COMMAND`. Expected errors are lines on stderr and an exit code, never a traceback."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from service.commands.acts import acts
from service.commands.audit import audit
from service.commands.backup import backup
from service.commands.demo import demo
from service.commands.explain_access import explain_access
from service.commands.identities import identities
from service.commands.models import models
from service.commands.reindex import migrate_index, reindex
from service.commands.rescore import rescore
from service.commands.review import review
from service.commands.runs import runs
from service.commands.schedule import schedule
from service.commands.search import search
from service.commands.serve import serve
from service.commands.setup import check, init
from service.commands.simulate import simulate_alfresco
from service.commands.status import status
from service.commands.sync import sync
from service.commands.terminal import ConfigOption, ExitCode, print_problem
from vocabulary.errors import ConfigurationError, RequestRejected, SightlineError


class ErrorsInOneLine(TyperGroup):
    """Turns the errors that rooms raise on purpose into exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SightlineError as error:
            print_problem(str(error))
            misused = isinstance(error, ConfigurationError | RequestRejected)
            raise typer.Exit(ExitCode.MISUSED if misused else ExitCode.FAILED) from None


app = typer.Typer(
    cls=ErrorsInOneLine,
    name="sightline",
    help="Permission-aware enterprise search: every caller finds what that person may read, and nothing else.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (demo, init, check, sync, audit, schedule, serve, search, status, acts, backup):
    app.command()(command)
app.command()(reindex)
app.command()(rescore)
app.command("explain-access")(explain_access)
app.command("migrate-index")(migrate_index)
app.command("simulate-alfresco")(simulate_alfresco)
app.add_typer(models, name="models")
app.add_typer(runs, name="runs")
app.add_typer(identities, name="identities")
app.add_typer(review, name="review")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"sightline {importlib.metadata.version('sightline')}")
        raise typer.Exit


@app.callback()
def sightline(
    config: ConfigOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Permission-aware enterprise search: every caller finds what that person may read, and nothing else."""


def main() -> None:
    """Run the command line."""
    app()
