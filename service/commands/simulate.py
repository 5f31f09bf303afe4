"""`simulate-alfresco`: repositories to write and test against, for whoever writes a client of Alfresco."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import typer

from connectors.alfresco.simulator import World, sample, serve
from connectors.alfresco.simulator.faults import busy, fail
from connectors.alfresco.simulator.generator import MINIMUM_NODES, generate_world
from connectors.alfresco.simulator.identity import IdentityProvider
from service.commands.terminal import console
from service.demo import CLOUD_PORT, ONPREM_PORT
from service.http.server import AddressUnavailable

_COME_BACK_S = 1  # what a busy answer asks for; short, because a program waits for it

HostOption = Annotated[
    str, typer.Option(help="The address to listen on; 0.0.0.0 for every network, inside a container.")
]
OnpremPortOption = Annotated[int, typer.Option(min=1, max=65535, help="For the repository on premises.")]
CloudPortOption = Annotated[int, typer.Option(min=1, max=65535, help="For the repository in the cloud.")]
NodesOption = Annotated[
    int | None,
    typer.Option(min=MINIMUM_NODES, help="Serve one generated repository of so many nodes, on the first port."),
]
SeedOption = Annotated[int, typer.Option(help="Which generated repository; the same number gives the same one.")]
LatencyOption = Annotated[int, typer.Option(min=0, help="Milliseconds that every answer takes longer.")]
BusyOption = Annotated[float, typer.Option(min=0, max=1, help="Share of requests answered 429 with Retry-After.")]
ErrorsOption = Annotated[float, typer.Option(min=0, max=1, help="Share of requests answered 500.")]
ClientOption = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Accept access tokens, and issue them to this client; its secret is ID."),
]


def simulate_alfresco(
    *,
    host: HostOption = "127.0.0.1",
    onprem_port: OnpremPortOption = ONPREM_PORT,
    cloud_port: CloudPortOption = CLOUD_PORT,
    nodes: NodesOption = None,
    seed: SeedOption = 1,
    latency_ms: LatencyOption = 0,
    busy_share: BusyOption = 0.0,
    error_share: ErrorsOption = 0.0,
    client: ClientOption = None,
) -> None:
    """Serve both sample repositories, or a generated one, until Ctrl-C, for whoever writes against Alfresco."""
    if nodes is None and onprem_port == cloud_port:
        raise typer.BadParameter("both repositories cannot listen on one port", param_hint="--cloud-port")
    if nodes is None:
        worlds = {onprem_port: sample.onprem_world(), cloud_port: sample.cloud_world()}
        account = f"{sample.CRAWLER}, {sample.sample_password(sample.CRAWLER)}"
    else:
        worlds = {onprem_port: generate_world(nodes, seed=seed)}
        account = "admin, admin"
    for port, world in worlds.items():
        _trouble(world, latency_ms=latency_ms, busy_share=busy_share, error_share=error_share)
        console().print(f"{world.name}: http://{host}:{port}  ({account})")
        if client is not None:
            _accept_tokens(world, client)
            console().print(f"  token endpoint: http://{host}:{port}/realms/alfresco/protocol/openid-connect/token")
    _serve(worlds, host)


def _trouble(world: World, *, latency_ms: int, busy_share: float, error_share: float) -> None:
    world.faults.latency_s = latency_ms / 1000
    if busy_share:
        world.faults.add(busy(429, retry_after_s=_COME_BACK_S), probability=busy_share)
    if error_share:
        world.faults.add(fail(500), probability=error_share)


def _accept_tokens(world: World, client: str) -> None:
    """Let a client log in with its own credentials, and people with their passwords through it."""
    provider = IdentityProvider(by_password=world.login.by_password, now=world.now)
    world.add_person(provider.add_client(client, secret=client), first_name=client, is_service_account=True)
    world.identity_provider, world.identity_service = provider, provider.service()


def _serve(worlds: Mapping[int, World], host: str) -> None:
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(worlds, host=host))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        ports = " and ".join(map(str, worlds))
        raise AddressUnavailable(f"cannot listen on {host}, port {ports}: {reason}") from error
