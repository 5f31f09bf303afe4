"""How commands talk: tables and progress for people, JSON for programs, one line on stderr for what went wrong.

Nothing that comes from a source reaches the terminal with control characters in it, or as markup.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_READABLE = 16  # narrower columns of words are no longer read but deciphered
_PIPED_WIDTH = 200  # without a terminal there is no width to fit into; long lines beat broken ones


class ExitCode(IntEnum):
    """What a command's exit status says; scripts rely on it."""

    DONE = 0
    FAILED = 1
    MISUSED = 2  # wrong usage or configuration
    SOME_DOCUMENTS_FAILED = 3
    BRAKED = 4  # stopped by the deletion brake


def _given_anywhere(ctx: typer.Context, value: Path | None) -> Path | None:
    """Accept `--config` before the command as well as behind it; behind it counts more."""
    before: Path | None = ctx.find_root().params.get("config")
    return value or before


ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The settings. Default: $SIGHTLINE_CONFIG, else ./sightline.toml.",
        callback=_given_anywhere,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def console() -> Console:
    """Where answers go."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)


def error_console() -> Console:
    """Where progress and errors go, so that answers can be piped on."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, wide: str = "") -> None:
    """Print rows under their headings. On a narrow terminal the column `wide` gives way, or else every column."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        is_wide = column == wide
        table.add_column(
            column, overflow="fold", no_wrap=bool(wide) and not is_wide, min_width=_READABLE if is_wide else None
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    console().print(table)


def print_problem(message: str) -> None:
    """Say on stderr what went wrong, one line for each thing."""
    for line in message.splitlines() or ["failed"]:
        error_console().print(Text("error: ", style="bold red") + Text(printable(line)))


def print_note(message: str) -> None:
    """Say on stderr what explains an answer; nothing went wrong."""
    error_console().print(Text("note: ", style="bold") + Text(printable(message)))


def counted(count: int, one: str, many: str = "") -> str:
    """Spell a number of things: `1 index`, `2 indexes`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def printable(value: object) -> str:
    """Spell a value without anything that a terminal would obey."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return "".join(character if character.isprintable() else " " for character in str(value))


def verdict(passed: bool) -> Text:
    """Show whether something will do."""
    return Text("ok", style="green") if passed else Text("fails", style="bold red")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
