"""The late check: what the source denies is not shown, whatever the index still believes, and nothing tells of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from acl import (
    AccessControl,
    AclStore,
    IdentityStore,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
    create_tables,
    refresh_identities,
)
from connectors.filesystem import FilesystemConfig, FilesystemConnector
from connectors.filesystem.witness import FilesystemWitness
from indexer.backends.memory.backend import MemoryBackend
from indexer.state.ledger import Ledger
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables as create_indexer_tables
from indexer.sync import SyncSettings, run_sync
from indexer.walk import SyncPorts
from service.late_check import LateCheck, LateCheckOptions
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher, PlainTextExtractor
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId
from vocabulary.errors import CredentialsRejected, DocumentUnknown, SettingInvalid
from vocabulary.ports import SyncMode
from vocabulary.search import FacetRequest, Page, Query, SearchMode, TotalRelation
from vocabulary.statements import Question, SourceWitness, Statement, Verdict

SOURCE = "files"
RULE = SourceIdentityRule(SOURCE, MatchUserBy.USERNAME)
EVERYTHING = Query("", SearchMode.KEYWORD, facets=(FacetRequest("path"),), size=100)


@dataclass
class Folder:
    """A folder that was synced, and searches of its index with a late check."""

    root: Path
    witness: SourceWitness
    access_control: AccessControl
    backend: MemoryBackend

    def permit(self, folder: str, text: str) -> None:
        (self.root / folder / ".access.toml").write_text(text)

    def checking(self, *, hits: int = 100, within_s: float = 30.0, is_public: bool = False) -> LateCheck:
        return LateCheck({SOURCE: self.witness}, LateCheckOptions(hits, within_s, is_public))

    async def search(
        self, late_check: LateCheck | None, query: Query = EVERYTHING, *, access: AccessFilter | None = None
    ) -> Page:
        index = ServedIndex("private", IndexAccess.TOKEN, self.backend, (RULE,), late_check)
        service = SearchService({"private": index}, HashingEnricher())
        return await service.search(index, query, access or await self.access_of("ann"))

    async def suggest(self, late_check: LateCheck | None, text: str) -> set[str]:
        index = ServedIndex("private", IndexAccess.TOKEN, self.backend, (RULE,), late_check)
        service = SearchService({"private": index}, HashingEnricher())
        return {each.text for each in await service.suggest(index, text, await self.access_of("ann"), size=20)}

    async def spelled(self, late_check: LateCheck | None, text: str) -> str | None:
        return (await self.search(late_check, Query(text, SearchMode.KEYWORD))).spelling

    async def show(self, late_check: LateCheck | None, name: str) -> str:
        """The title of one document, looked up by ann."""
        index = ServedIndex("private", IndexAccess.TOKEN, self.backend, (RULE,), late_check)
        service = SearchService({"private": index}, HashingEnricher())
        return (await service.show(index, DocumentId(SOURCE, name), await self.access_of("ann"))).title

    async def access_of(self, user: str) -> AccessFilter:
        return await self.access_control.filter_for(ReaderClaims(user, (), "idp"), [RULE])


@pytest.fixture
async def folder(tmp_path: Path, engine: sa.Engine) -> AsyncIterator[Folder]:
    """Three folders of three files; ann reads all of them."""
    create_tables(engine)
    create_indexer_tables(engine)
    root = tmp_path / "root"
    for name in ("board", "canteen", "desk"):
        (root / name).mkdir(parents=True)
        (root / name / ".access.toml").write_text('allow = ["user:ann"]')
        for number in range(3):
            (root / name / f"{name}-{number}.txt").write_text(f"the {name} number {number}")
    (tmp_path / "people.toml").write_text('[[people]]\nusername = "ann"\n[[people]]\nusername = "bob"\n')
    config = FilesystemConfig(root=root, people=tmp_path / "people.toml")
    async with MemoryBackend(dimensions=DIMENSIONS) as backend, FilesystemConnector(SOURCE, config) as connector:
        await refresh_identities(SOURCE, connector, IdentityStore(engine))
        ports = SyncPorts(connector, PlainTextExtractor(), HashingEnricher(), backend, AclStore(engine))
        await run_sync(SyncMode.FULL, ports, SyncSettings(SOURCE), ledger=Ledger(engine), runs=RunStore(engine))
        yield Folder(root, FilesystemWitness(SOURCE, config), AccessControl(engine), backend)


def names(page: Page) -> set[str]:
    return {hit.document_id.native_id.partition("/")[0] for hit in page.hits}


def paths(page: Page) -> dict[object, int]:
    return {entry.value: entry.count for entry in page.facets["path"]}  # type: ignore[union-attr]


async def test_what_is_confirmed_is_shown_as_the_index_has_it(folder: Folder) -> None:
    plain = await folder.search(None)
    assert len(plain.hits) == 9
    assert await folder.search(folder.checking()) == plain


async def test_a_revocation_counts_before_any_sync_and_nothing_tells_of_it(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.permit("board", 'allow = ["user:bob"]')
    late_check = folder.checking()
    assert names(await folder.search(None)) == {"board", "canteen", "desk"}
    with caplog.at_level(logging.WARNING):
        page = await folder.search(late_check)
    assert names(page) == {"canteen", "desk"}
    assert (page.total.value, page.total.relation) == (6, TotalRelation.AT_LEAST)
    assert set(paths(page)) == {"/canteen", "/desk"}
    assert late_check.found[SOURCE, Verdict.DENIED] == 3
    assert "late check found a leak: source=files document=board/board-0.txt" in caplog.text


async def test_a_page_is_filled_with_what_may_be_read_and_its_cursor_leads_to_the_rest(folder: Folder) -> None:
    folder.permit("board", 'allow = ["user:bob"]')
    late_check = folder.checking(hits=2)
    found: list[str] = []
    cursor = None
    while True:
        page = await folder.search(late_check, replace(EVERYTHING, size=2, cursor=cursor))
        found += [hit.document_id.native_id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 6
    assert not any(name.startswith("board") for name in found)


async def test_only_the_first_hits_are_asked_about(folder: Folder) -> None:
    folder.permit("desk", "allow = []")  # its documents come last
    assert names(await folder.search(folder.checking(hits=3))) == {"board", "canteen", "desk"}
    assert names(await folder.search(folder.checking(hits=9))) == {"board", "canteen"}


async def test_what_is_gone_is_not_shown_and_the_rest_of_its_list_is(folder: Folder) -> None:
    (folder.root / "board" / "board-1.txt").unlink()
    page = await folder.search(folder.checking())
    assert len(page.hits) == 8
    assert (page.total.value, page.total.relation) == (8, TotalRelation.AT_LEAST)


async def test_a_person_who_was_closed_out_at_the_source_finds_nothing(folder: Folder) -> None:
    (folder.root.parent / "people.toml").write_text('[[people]]\nusername = "ann"\nenabled = false\n')
    page = await folder.search(folder.checking())
    assert (page.hits, page.total.value, paths(page)) == ((), 0, {})


class Silent:
    """A source that takes too long, or refuses to be asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def testify(self, questions: Sequence[Question]) -> Sequence[Statement]:
        if self._error is not None:
            raise self._error
        await asyncio.sleep(3600)
        return []


@pytest.mark.parametrize("error", [None, CredentialsRejected("refused"), SettingInvalid("people: cannot be read")])
async def test_what_a_source_does_not_say_in_time_is_not_shown(folder: Folder, error: Exception | None) -> None:
    folder.witness = Silent(error)
    page = await folder.search(folder.checking(hits=4, within_s=0.01))
    assert names(page) == {"canteen", "desk"}, "hits behind the first four are as the index has them"
    assert len(page.hits) == 5
    assert (page.total.value, page.total.relation) == (5, TotalRelation.AT_LEAST)
    assert paths(page) == {}, "counts would tell of what is not shown"


async def test_a_reader_whom_no_source_knows_is_not_taken_for_anybody(folder: Folder) -> None:
    for name in ("board", "canteen", "desk"):
        folder.permit(name, 'allow = ["everyone"]')
    known = await folder.access_of("ann")
    stranger = replace(known, owners=frozenset())  # an index that shows to a stranger what ann sees: it must not
    assert (await folder.search(folder.checking(), access=stranger)).hits == ()


async def test_readers_of_a_public_index_are_anybody(folder: Folder) -> None:
    folder.permit("desk", 'allow = ["everyone"]')
    anybody = replace(await folder.access_of("ann"), owners=frozenset())
    assert names(await folder.search(folder.checking(is_public=True), access=anybody)) == {"desk"}


async def test_a_single_document_is_confirmed_before_it_is_shown(folder: Folder) -> None:
    folder.permit("board", 'allow = ["user:bob"]')
    (folder.root / "desk" / "desk-1.txt").unlink()
    assert await folder.show(None, "board/board-1.txt") == "board-1.txt"
    assert await folder.show(folder.checking(), "canteen/canteen-1.txt") == "canteen-1.txt"
    for name in ("board/board-1.txt", "desk/desk-1.txt", "desk/missing.txt"):
        with pytest.raises(DocumentUnknown):
            await folder.show(folder.checking(), name)


async def test_a_single_document_that_its_source_does_not_answer_for_in_time_is_not_shown(folder: Folder) -> None:
    with pytest.raises(DocumentUnknown):
        await folder.show(folder.checking(within_s=0.0), "canteen/canteen-1.txt")


async def test_nothing_is_suggested_from_what_the_source_denies(folder: Folder) -> None:
    assert "board number" in await folder.suggest(None, "boa")
    assert await folder.suggest(folder.checking(), "boa") == await folder.suggest(None, "boa")
    folder.permit("board", 'allow = ["user:bob"]')
    assert "board number" in await folder.suggest(None, "boa"), "no sync has heard of it"
    assert await folder.suggest(folder.checking(), "boa") == set()
    assert "canteen number" in await folder.suggest(folder.checking(), "can")


async def test_nothing_is_suggested_from_what_is_gone(folder: Folder) -> None:
    for number in range(3):
        (folder.root / "board" / f"board-{number}.txt").unlink()
    assert await folder.suggest(folder.checking(), "boa") == set()


@pytest.mark.parametrize("error", [None, CredentialsRejected("refused")])
async def test_nothing_is_suggested_while_the_source_does_not_answer(folder: Folder, error: Exception | None) -> None:
    folder.witness = Silent(error)
    assert await folder.suggest(folder.checking(within_s=0.01), "boa") == set()
    assert await folder.spelled(folder.checking(within_s=0.01), "cantene") is None


async def test_suggestions_are_made_of_no_more_hits_than_are_confirmed(folder: Folder) -> None:
    folder.permit("desk", "allow = []")
    assert not {each for each in await folder.suggest(folder.checking(hits=1), "number") if "desk" in each}


async def test_no_spelling_is_offered_that_stands_only_in_what_the_source_denies(folder: Folder) -> None:
    assert await folder.spelled(None, "cantene") == await folder.spelled(folder.checking(), "cantene") == "canteen"
    folder.permit("canteen", 'allow = ["user:bob"]')
    assert await folder.spelled(None, "cantene") == "canteen"
    assert await folder.spelled(folder.checking(), "cantene") is None
