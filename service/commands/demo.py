"""`demo`: Sightline without a server, an account or a download."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from service.commands.terminal import console
from service.demo import run_demo
from service.demo_files import DemoFolder


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to serve; taken: on any free port.")] = 8080,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The demo's folder; may be deleted at any time.")] = Path(
        "sightline-demo"
    ),
    once: Annotated[bool, typer.Option("--once", help="Sync, report and leave; serve nothing.")] = False,
) -> None:
    """Search two simulated Alfresco repositories as different people, in the browser and with curl."""
    with suppress(asyncio.CancelledError):
        raise typer.Exit(asyncio.run(run_demo(DemoFolder(data), port=port, once=once)))
    console().print("The demo has ended.")
