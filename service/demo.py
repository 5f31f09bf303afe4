"""The whole way in one command: two simulated repositories, four sources, two indexes, three people, one page.

What is simulated is the world outside: the repositories and the identity provider. Everything between them, from the
crawl to the answer, is the product as an operator runs it, with settings that lie in the demo's folder to be read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from socket import socket

import typer
from fastapi import APIRouter
from rich.text import Text

from connectors.alfresco.simulator import World, sample, served_world
from service.commands.sync import print_outcomes, sync_with_progress, worst
from service.commands.terminal import ExitCode, console
from service.demo_files import PEOPLE, DemoFolder
from service.http.app import create_app
from service.http.probes import probes
from service.http.server import cancelled_by_signals, listen_nearby, port_of, serving
from service.settings.settings import Settings, load_settings
from service.syncing import SyncOptions
from service.wiring import Search, State, Workshop, make_readers, open_state, open_workshop
from vocabulary.ports import SyncMode

ONPREM_PORT = 8081
CLOUD_PORT = 8082
_HOST = "127.0.0.1"  # the demo hands out tokens: it is for this machine alone
_PEOPLE_PATH = "/demo/people.json"


async def run_demo(folder: DemoFolder, *, port: int, once: bool) -> ExitCode:
    """Start the simulated repositories, sync all sources, and serve until interrupted (or, with `once`, not at all)."""
    with cancelled_by_signals():
        async with _repositories() as (worlds, addresses):
            await asyncio.to_thread(folder.prepare, onprem=addresses[0], cloud=addresses[1])
            settings = load_settings(folder.settings_file, environment={})
            async with open_state(settings) as state, open_workshop(settings, state) as workshop:
                code = await _sync_all(settings, state, workshop)
                _tell_what_was_read(worlds)
                if not once:
                    await _serve(folder, settings, state, workshop.search, port=port)
    return code


@asynccontextmanager
async def _repositories() -> AsyncIterator[tuple[list[World], list[str]]]:
    """Serve both sample repositories, each from a thread of its own."""
    with ExitStack() as serving_worlds:
        worlds = [await asyncio.to_thread(sample.onprem_world), await asyncio.to_thread(sample.cloud_world)]
        addresses = []
        for world, port in zip(worlds, (ONPREM_PORT, CLOUD_PORT), strict=True):
            address = await asyncio.to_thread(_serve_world, serving_worlds, world, port)
            addresses.append(address)
            console().print(f"Simulated Alfresco {world.name!r} at {address}", markup=False)
        yield worlds, addresses


def _serve_world(stack: ExitStack, world: World, port: int) -> str:
    try:
        return stack.enter_context(served_world(world, port=port))
    except OSError:
        console().print(f"Port {port} is taken; another one will do.")
        return stack.enter_context(served_world(world))


async def _sync_all(settings: Settings, state: State, workshop: Workshop) -> ExitCode:
    options = SyncOptions()
    outcomes = [
        await sync_with_progress(settings, state, workshop, source, mode=SyncMode.FULL, options=options)
        for source in settings.sources
    ]
    print_outcomes(outcomes)
    return worst(outcomes)


def _tell_what_was_read(worlds: list[World]) -> None:
    read = sum(len(world.request_log.content_requests()) for world in worlds)
    words = f"{read} documents were read" if read else "No document was read again: nothing has changed"
    console().print(f"{words} in the two repositories.")


async def _serve(folder: DemoFolder, settings: Settings, state: State, search: Search, *, port: int) -> None:
    readers = make_readers(settings, state)
    app = create_app(search.service, readers, probes=probes(state, search), people=_PEOPLE_PATH.lstrip("/"))
    app.include_router(_people_router(folder))
    await search.service.warm(await asyncio.to_thread(lambda: state.acls.numbering))
    with listen_nearby(_HOST, port) as listening:
        async with serving(app, listening) as server:
            _tell_how_to_ask(folder, listening, wanted_port=port)
            await asyncio.wait({server})


def _people_router(folder: DemoFolder) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(_PEOPLE_PATH)
    async def people() -> list[dict[str, str]]:
        return [dict(person) for person in await asyncio.to_thread(folder.people)]

    return router


def _tell_how_to_ask(folder: DemoFolder, listening: socket, *, wanted_port: int) -> None:
    port = port_of(listening)
    if port != wanted_port:
        console().print(f"Port {wanted_port} is taken; serving on {port} instead.")
    address = f"http://{_HOST}:{port}"
    for person in PEOPLE:
        _tell_curl(f"as {person.name}", f"{address}/indexes/private/query", token=folder.token_for(person))
    _tell_curl("without a token: refused", f"{address}/indexes/private/query")
    _tell_curl("without a token, in the public index", f"{address}/indexes/public/query")
    console().print(Text("\nSearch page: ") + Text(f"{address}/", style="bold") + Text(f"   API: {address}/docs"))
    console().print("Ctrl-C ends the demo.")


def _tell_curl(who: str, address: str, *, token: str | None = None) -> None:
    body = json.dumps({"query": "how do I keep costs and energy use down?"})
    proof = f" -H 'Authorization: Bearer {token}'" if token else ""
    typer.echo(f"\n# {who}\ncurl -s {address}{proof} -H 'Content-Type: application/json' -d '{body}'")
