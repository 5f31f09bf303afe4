"""A folder is opened after something left it: whoever is admitted now never finds what left before.

A scripted source, the memory index, and the real lists and identities of a state store. A changed list of a folder
reaches every document that the index has under it, those included that are not there any more and that the walk has
yet to find out about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from acl import AccessControl, AclStore, IdentityStore, MatchUserBy, ReaderClaims, SourceIdentityRule
from acl import create_tables as create_acl_tables
from indexer.backends.memory.backend import MemoryBackend
from indexer.state.run_history import RunState
from indexer.state.tables import create_tables
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import SOURCE, numbered
from tests.fakes.sync_bench import Bench
from vocabulary.access import AccessFilter, Acl, Identity, Person, Principal
from vocabulary.errors import CredentialsRejected
from vocabulary.search import Query

ANN, BOB = Principal.user(SOURCE, "ann"), Principal.user(SOURCE, "bob")
EVERYONE = Principal.everyone(SOURCE)
CLOSED = Acl("node:folder", allow=frozenset({ANN}))
OPENED = Acl("node:folder", allow=frozenset({ANN, EVERYONE}))
OWN = Acl("entries:ann", allow=frozenset({ANN}))
REFUSED = CredentialsRejected("the source refused the credentials")
DOCUMENTS = 20


@dataclass
class Readers:
    """A bench with lists that count, and what each person finds on it."""

    bench: Bench
    access_control: AccessControl

    async def find(self, name: str) -> set[str]:
        claims = ReaderClaims(user=name, groups=(), issuer="https://idp.example.com")
        return await self._found(
            await self.access_control.filter_for(claims, [SourceIdentityRule(SOURCE, MatchUserBy.USERNAME)])
        )

    async def find_unnamed(self) -> set[str]:
        return await self._found(await self.access_control.public_filter([SOURCE]))

    async def _found(self, access: AccessFilter) -> set[str]:
        page = await self.bench.backend.search(Query("", size=100), None, access)
        return {hit.document_id.native_id for hit in page.hits}

    def permit(self, acl: Acl) -> None:
        """Give every document the list."""
        self.bench.source.acls = dict.fromkeys(self.bench.source.texts, acl)


@pytest.fixture
async def readers(tmp_path: Path) -> AsyncIterator[Readers]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    create_acl_tables(engine)
    await IdentityStore(engine).replace(SOURCE, _people())
    async with MemoryBackend(dimensions=DIMENSIONS) as backend:
        bench = Bench(engine, backend, numbered(DOCUMENTS), numbering=AclStore(engine))
        yield Readers(bench, AccessControl(engine))
    engine.dispose()


async def _people() -> AsyncIterator[Identity]:
    for one in (ANN, BOB):
        yield Person(one, username=one.id, email=None, display_name=one.id)


async def test_a_list_admits_new_readers_once_the_walk_is_complete(readers: Readers) -> None:
    readers.permit(CLOSED)
    await readers.bench.sync()
    assert await readers.find("bob") == set()
    readers.permit(OPENED)
    await readers.bench.sync()
    assert len(await readers.find("bob")) == DOCUMENTS


async def test_what_was_deleted_before_its_folder_was_opened_is_not_found_while_the_walk_is_incomplete(
    readers: Readers,
) -> None:
    readers.permit(CLOSED)
    await readers.bench.sync()
    readers.permit(OPENED)
    readers.bench.source.remove("d019")
    readers.bench.source.faults = {1: [REFUSED]}
    assert (await readers.bench.sync()).state is RunState.FAILED
    assert "d019" not in await readers.find("bob")
    assert (await readers.bench.sync()).resumed
    assert (await readers.bench.sync()).state is RunState.SUCCEEDED
    assert await readers.find("bob") == set(readers.bench.source.texts)


async def test_what_was_deleted_between_two_runs_of_one_walk_is_not_found_by_new_readers(readers: Readers) -> None:
    readers.permit(CLOSED)
    readers.bench.source.faults = {1: [REFUSED]}
    await readers.bench.sync()
    readers.bench.source.remove("d000")  # met already, and not missed before the next walk
    readers.permit(OPENED)
    assert (await readers.bench.sync()).resumed
    assert await readers.find("bob") == set(readers.bench.source.texts)


async def test_what_got_a_list_of_its_own_before_its_folder_was_opened_is_not_found_meanwhile(readers: Readers) -> None:
    readers.permit(CLOSED)
    await readers.bench.sync()
    readers.permit(OPENED)
    readers.bench.source.acls["d019"] = OWN
    readers.bench.source.faults = {1: [REFUSED]}
    assert (await readers.bench.sync()).state is RunState.FAILED
    assert await readers.find("bob") == set()
    assert (await readers.bench.sync()).resumed
    assert (await readers.bench.sync()).state is RunState.SUCCEEDED
    assert await readers.find("bob") == set(readers.bench.source.texts) - {"d019"}


async def test_what_a_list_takes_away_binds_at_once(readers: Readers) -> None:
    readers.permit(OPENED)
    await readers.bench.sync()
    readers.permit(Acl(OPENED.key, allow=frozenset({EVERYONE}), deny=frozenset({BOB})))
    readers.bench.source.faults = {1: [REFUSED]}
    await readers.bench.sync()
    assert await readers.find("bob") == set()
    assert len(await readers.find("ann")) == DOCUMENTS
    readers.permit(CLOSED)
    assert (await readers.bench.sync()).resumed
    await readers.bench.sync()
    assert len(await readers.find("ann")) == DOCUMENTS


async def test_a_denial_is_lifted_once_the_walk_is_complete(readers: Readers) -> None:
    readers.permit(Acl(OPENED.key, allow=frozenset({EVERYONE}), deny=frozenset({BOB})))
    await readers.bench.sync()
    readers.permit(OPENED)
    readers.bench.source.remove("d019")
    readers.bench.source.faults = {1: [REFUSED]}
    await readers.bench.sync()
    assert await readers.find("bob") == set()
    assert (await readers.bench.sync()).resumed
    await readers.bench.sync()
    assert await readers.find("bob") == set(readers.bench.source.texts)


async def test_a_public_index_fills_with_a_folder_that_was_opened(readers: Readers) -> None:
    readers.permit(CLOSED)
    await readers.bench.sync(public=True)
    assert await readers.find_unnamed() == set()
    readers.permit(OPENED)
    assert (await readers.bench.sync(public=True)).state is RunState.SUCCEEDED
    assert await readers.find_unnamed() == set(readers.bench.source.texts)


async def test_a_public_index_that_a_folder_leaves_shows_nothing_of_it_at_once(readers: Readers) -> None:
    readers.permit(OPENED)
    await readers.bench.sync(public=True)
    readers.permit(CLOSED)
    readers.bench.source.faults = {1: [REFUSED]}
    await readers.bench.sync(public=True)
    assert await readers.find_unnamed() == set()
