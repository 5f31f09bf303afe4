"""Programs over one state store and one index, each a process of its own: `serve` and `sync` without a model.

What several processes have in common is the state store, the index and the settings; these are the real ones. A model
is not: loading one takes each process seconds, so that words are hashed here. Children come from one fork server that
has imported everything once.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import httpx

from acl import IdentityMapping
from embedder import ModelEnricher
from indexer.backends.embedded import EmbeddedBackend
from indexer.reindexing import LiveIndex, OpenedPlace, Place
from service.http.app import create_app
from service.http.server import listen, port_of, serving
from service.places import file_of
from service.search import SearchService, ServedIndex
from service.settings.indexes import EmbeddedIndexSettings
from service.settings.settings import Settings, load_settings
from service.syncing import SyncOptions, sync_identities, sync_source
from service.wiring import Search, State, Workshop, identity_rules, make_readers, open_state
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher, PlainTextExtractor
from tests.unit.service.http_world import bearer
from vocabulary.errors import SightlineError
from vocabulary.ports import SyncMode

START_S = 60  # generous: the first child waits for the fork server's imports on a busy machine


@dataclass(frozen=True)
class Server:
    """A process that answers queries."""

    client: httpx.Client

    def ask(self, who: str) -> httpx.Response:
        body = {"query": "", "page": {"size": 100}, "facets": ["source"]}
        return self.client.post("/indexes/private/query", json=body, headers=bearer(f"{who}@example.com"))

    def titles(self, who: str) -> set[str]:
        """The titles of all that a person finds; totals must say the same."""
        answer = self.ask(who)
        assert answer.status_code == 200, answer.text
        found = {result["title"] for result in answer.json()["results"]}
        assert answer.json()["total"]["value"] == len(found)
        return found


@dataclass(frozen=True)
class Writer:
    """A process that syncs, and says who is who."""

    told: Connection

    def sync(self, mode: SyncMode = SyncMode.FULL) -> str:
        """Sync the source, and return the state of the run, or the name of the error that kept it from beginning."""
        return self._do("sync", mode)

    def map(self, user: str, person: str) -> str:
        return self._do("map", user, person)

    def _do(self, *what: str) -> str:
        self.told.send(what)
        assert self.told.poll(START_S), f"no answer to {what}"
        return str(self.told.recv())


@contextmanager
def server(settings_file: Path) -> Iterator[Server]:
    with _process(_serve, settings_file) as (told, port):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S) as client:
            yield Server(client)
        told.send(None)


@contextmanager
def writer(settings_file: Path) -> Iterator[Writer]:
    with _process(_write, settings_file) as (told, _):
        yield Writer(told)
        told.send(None)


@contextmanager
def _process(target: Callable[[Path, Connection], None], settings_file: Path) -> Iterator[tuple[Connection, Any]]:
    """Start a process; yields the pipe to it and the first word that it sent. Sent None, it ends; else it is killed."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([__name__])
    told, heard = forking.Pipe()
    process = forking.Process(target=target, args=(settings_file, heard))
    process.start()
    heard.close()
    try:
        assert told.poll(START_S), "the process did not start"
        yield told, told.recv()
        process.join(START_S)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
        told.close()


def _serve(settings_file: Path, told: Connection) -> None:
    asyncio.run(_serving(settings_file, told))


async def _serving(settings_file: Path, told: Connection) -> None:
    async with AsyncExitStack() as opened:
        settings, state, workshop = await opened.enter_async_context(opened_lean(settings_file))
        await opened.enter_async_context(state.access_control.first_uses.recording())
        app = create_app(workshop.search.service, make_readers(settings, state), probes={})
        listening = opened.enter_context(listen("127.0.0.1", 0))
        await opened.enter_async_context(serving(app, listening))
        told.send(port_of(listening))
        await asyncio.to_thread(told.recv)


def _write(settings_file: Path, told: Connection) -> None:
    asyncio.run(_writing(settings_file, told))


async def _writing(settings_file: Path, told: Connection) -> None:
    async with opened_lean(settings_file) as (settings, state, workshop):
        told.send("ready")
        while (what := await asyncio.to_thread(told.recv)) is not None:
            try:
                answer = await _done(settings, state, workshop, *what)
            except SightlineError as error:
                answer = type(error).__name__
            told.send(answer)


async def _done(settings: Settings, state: State, workshop: Workshop, what: str, *words: str) -> str:
    [source] = settings.sources
    if what == "map":
        user, person = words
        mapping = IdentityMapping(issuer=settings.tokens[0].issuer, user=user, source=source, person=person)
        await state.mappings.put(mapping, made_by="operations")
        return "mapped"
    mode, options = SyncMode(words[0]), SyncOptions()
    if mode is SyncMode.IDENTITIES:
        outcome = await sync_identities(settings, state, source, options=options)
    else:
        outcome = await sync_source(
            settings, state, workshop, source, mode=mode, options=options, on_progress=lambda tally: None
        )
    assert outcome.run is not None
    return outcome.run.state


@asynccontextmanager
async def opened_lean(
    settings_file: Path, enricher: HashingEnricher | None = None
) -> AsyncIterator[tuple[Settings, State, Workshop]]:
    """Open what a program has open, as `service/wiring.py` does, but for the model and what reads files."""
    settings = load_settings(settings_file, environment={})
    enricher = enricher or HashingEnricher()

    @asynccontextmanager
    async def open_place(place: Place) -> AsyncIterator[OpenedPlace]:
        configured = settings.indexes[place.index]
        assert isinstance(configured, EmbeddedIndexSettings)
        async with EmbeddedBackend(file_of(configured, place), dimensions=DIMENSIONS) as backend:
            yield OpenedPlace(backend, enricher)

    async with open_state(settings) as state, LiveIndex("private", state.places, open_place) as live:
        rules = identity_rules(settings, "private")
        served = {"private": ServedIndex("private", settings.indexes["private"].access, live, rules)}
        search = Search(cast("ModelEnricher", enricher), SearchService(served, enricher))
        yield settings, state, Workshop(search, PlainTextExtractor())
