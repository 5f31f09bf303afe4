"""An index refuses a state store that did not number its lists, and one that is older than itself."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from acl import AccessControl, AclStore, IdentityStore, MatchUserBy, SourceIdentityRule
from indexer.reindexing import LiveIndex, OpenedPlace, Place, PlaceStore
from indexer.state.run_history import RunReport
from service.http.app import create_app
from service.reader import Readers
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from service.state.store import open_engine
from tests.contract.search_backends import ENGINES
from tests.fakes.documents import DIMENSIONS
from tests.fakes.scripted_source import SOURCE, ScriptedSource
from tests.fakes.sync_bench import Bench
from tests.servers.postgresql import PostgresServer
from tests.unit.service.http_world import HashedQueries, bearer, verifier
from vocabulary.access import Acl, Identity, Person, Principal
from vocabulary.documents import Enrichment, ReadText
from vocabulary.errors import NumberingMismatch

ANN, BOB = (Principal.user(SOURCE, name) for name in ("ann", "bob"))
PLAN, MENU = "the secret plan of the board", "the menu of the canteen"

every_served_engine = pytest.mark.parametrize(
    "kind", ["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)]
)


class Widened(HashedQueries):
    """As many dimensions as the contract's indexes have."""

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        narrow = await super().enrich(texts)
        missing = DIMENSIONS - narrow.vectors.shape[1]
        return Enrichment(np.pad(narrow.vectors, ((0, 0), (0, missing))), narrow.toxicity)


@dataclass
class Served:
    """One process that syncs and serves the index `books`."""

    bench: Bench
    client: httpx.AsyncClient

    async def sync(self) -> RunReport:
        return await self.bench.sync()

    async def ask(self, person: Principal) -> httpx.Response:
        body: dict[str, Any] = {"query": "the", "mode": "keyword", "facets": ["source"]}
        return await self.client.post("/indexes/books/query", json=body, headers=bearer(f"{person.id}@example.com"))

    async def sees(self, person: Principal) -> set[str]:
        answer = await self.ask(person)
        assert answer.status_code == 200, answer.text
        return {result["document_id"].partition("/")[2] for result in answer.json()["results"]}

    async def require_refusal(self, person: Principal) -> None:
        answer = await self.ask(person)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:sightline:problem:not-ready")
        assert not {"results", "total", "facets"} & answer.json().keys()
        suggested = await self.client.get(
            "/indexes/books/suggest", params={"q": "sec"}, headers=bearer(f"{person.id}@example.com")
        )
        assert suggested.status_code == 503
        headers = bearer(f"{person.id}@example.com")
        shown = await self.client.get(f"/indexes/books/documents/{SOURCE}/plan", headers=headers)
        assert shown.status_code == 503


@asynccontextmanager
async def serving(engine: sa.Engine, kind: str, folder: Path, source: ScriptedSource) -> AsyncIterator[Served]:
    """Open the index and serve it, as a process that has just been started."""
    folder.mkdir(exist_ok=True)

    @asynccontextmanager
    async def open_place(_: Place) -> AsyncIterator[OpenedPlace]:
        async with ENGINES[kind](folder) as backend:
            yield OpenedPlace(backend, Widened())

    async with AsyncExitStack() as opened:
        live = await opened.enter_async_context(LiveIndex("books", PlaceStore(engine), open_place))
        rules = (SourceIdentityRule(SOURCE, MatchUserBy.EMAIL),)
        index = ServedIndex("books", IndexAccess.TOKEN, live, rules)
        app = create_app(
            SearchService({"books": index}, Widened()), Readers(AccessControl(engine), verifier()), probes={}
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await opened.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        await IdentityStore(engine).replace(SOURCE, _people())
        yield Served(Bench(engine, live, source, Widened(), AclStore(engine)), client)


@pytest.fixture
def source() -> ScriptedSource:
    source = ScriptedSource()
    source.put("plan", PLAN, acl=Acl("plan", frozenset({ANN})))
    source.put("menu", MENU, acl=Acl("menu", frozenset({ANN, BOB})))
    return source


@every_served_engine
async def test_a_state_that_did_not_number_the_lists_answers_nobody_and_fills_nothing(
    engine: sa.Engine, kind: str, tmp_path: Path, source: ScriptedSource
) -> None:
    async with serving(engine, kind, tmp_path / "index", source) as first:
        await first.sync()
        assert await first.sees(BOB) == {"menu"}
    stranger = open_engine(f"sqlite:///{tmp_path / 'another.db'}")
    async with serving(stranger, kind, tmp_path / "index", source) as second:
        await second.require_refusal(ANN)
        await AclStore(stranger).number(SOURCE, [Acl("his own first", frozenset({BOB}))])  # with the plan's number
        await second.require_refusal(BOB)
        with pytest.raises(NumberingMismatch):
            await second.sync()
        await second.require_refusal(BOB)
    stranger.dispose()
    async with serving(engine, kind, tmp_path / "index", source) as third:
        assert await third.sees(BOB) == {"menu"}


@every_served_engine
async def test_an_older_state_answers_nobody_until_a_run_has_read_again_who_may_read(  # noqa: PLR0917 - fixtures
    engine: sa.Engine, state_url: str, kind: str, tmp_path: Path, source: ScriptedSource, request: pytest.FixtureRequest
) -> None:
    """Under its name, with its numbers: only the seal tells that what it admits has been shut out since."""
    async with serving(engine, kind, tmp_path / "index", source) as process:
        await process.sync()
        assert await process.sees(ANN) == {"plan", "menu"}
        restore = _back_up(engine, state_url, tmp_path, request)
        source.acls["plan"] = Acl("plan", frozenset({BOB}))
        await process.sync()
        assert await process.sees(ANN) == {"menu"}
        restore()
        await process.require_refusal(ANN)
    async with serving(engine, kind, tmp_path / "index", source) as process:
        await process.require_refusal(ANN)
        await process.sync()
        assert await process.sees(ANN) == {"menu"}
        assert await process.sees(BOB) == {"plan", "menu"}


@every_served_engine
async def test_a_process_that_outlives_a_restore_goes_by_nothing_that_it_knew_before(  # noqa: PLR0917 - fixtures
    engine: sa.Engine, state_url: str, kind: str, tmp_path: Path, source: ScriptedSource, request: pytest.FixtureRequest
) -> None:
    """The counters give the same numbers a second time, for other lists."""
    async with serving(engine, kind, tmp_path / "index", source) as process:
        await process.sync()
        restore = _back_up(engine, state_url, tmp_path, request)
        source.acls["plan"] = Acl("plan", frozenset({BOB}))
        await process.sync()
        assert await process.sees(BOB) == {"plan", "menu"}
        restore()
        source.acls["plan"] = Acl("plan", frozenset({Principal.user(SOURCE, "cem")}))
        await process.sync()
        assert await process.sees(BOB) == {"menu"}
        assert await process.sees(ANN) == {"menu"}


async def _people() -> AsyncIterator[Identity]:
    for person in (ANN, BOB):
        yield Person(person, person.id, f"{person.id}@example.com", person.id)


def _back_up(engine: sa.Engine, url: str, folder: Path, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Back the state store up as its documentation says, and return what puts it back."""
    if engine.dialect.name == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        copy = server.dump(url, folder / "state.dump")
        return lambda: server.restore(url, copy)
    file, copy = Path(str(engine.url.database)), folder / "copy.db"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{copy}'")

    def put_back() -> None:
        engine.dispose()
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        shutil.copy(copy, file)

    return put_back
