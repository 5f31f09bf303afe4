"""`demo` and `simulate-alfresco`: Sightline without a server, an account or a download."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from connectors.alfresco.simulator import sample
from connectors.alfresco.simulator import serve as serve_worlds
from connectors.alfresco.simulator.generator import MINIMUM_NODES, generate_world
from service.commands.terminal import console
from service.demo import CLOUD_PORT, ONPREM_PORT, run_demo
from service.demo_files import DemoFolder
from service.http_server import AddressUnavailable


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


def simulate_alfresco(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 for every network, inside a container.")
    ] = "127.0.0.1",
    onprem_port: Annotated[int, typer.Option(min=1, max=65535, help="For the repository on premises.")] = ONPREM_PORT,
    cloud_port: Annotated[int, typer.Option(min=1, max=65535, help="For the repository in the cloud.")] = CLOUD_PORT,
    nodes: Annotated[
        int | None,
        typer.Option(min=MINIMUM_NODES, help="Serve one generated repository of so many nodes, on the first port."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which generated repository; the same number gives the same one.")] = 1,
) -> None:
    """Serve both sample repositories, or a generated one, until Ctrl-C, for whoever writes against Alfresco."""
    if onprem_port == cloud_port:
        raise typer.BadParameter("both repositories cannot listen on one port", param_hint="--cloud-port")
    if nodes is None:
        worlds = {onprem_port: sample.onprem_world(), cloud_port: sample.cloud_world()}
        account = f"{sample.CRAWLER}, {sample.sample_password(sample.CRAWLER)}"
    else:
        worlds = {onprem_port: generate_world(nodes, seed=seed)}
        account = "admin, admin"
    for port, world in worlds.items():
        console().print(f"{world.name}: http://{host}:{port}  ({account})")
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve_worlds(worlds, host=host))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        ports = " and ".join(map(str, worlds))
        raise AddressUnavailable(f"cannot listen on {host}, port {ports}: {reason}") from error
