"""Ten million decisions: what each of many readers finds in a real index, compared with one decision for each document.

    python -m pytest -m large -s tests/proof/test_ten_million_decisions.py        # SIGHTLINE_PROOF_SEED=… repeats one

A company of two sources changes again and again: lists, inheritance, places, owners, memberships, accounts. After each
round of changes everybody browses all that they find in the embedded index, under the filter of an access control that
has lived through all rounds. Nobody finds a document that `decide` refuses them (a leak), nor misses one that it
allows (a loss). Between the new lists and the grant, when others may still wait for what is theirs, nobody finds more.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from acl import AclStore, ReaderClaims, create_tables
from indexer.backends import EmbeddedBackend
from tests.fakes.access_worlds import AccessWorld, Size
from tests.fakes.documents import DIMENSIONS
from tests.fakes.synced_world import SyncedWorld
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId
from vocabulary.ports import SearchBackend
from vocabulary.search import FacetRequest, Query, SearchMode

pytestmark = pytest.mark.large

COMPANY = Size(people=300, groups=150, memberships=900, folders=120, documents=2_000, readers=500)
ROUNDS = 6
CHANGES_A_ROUND = 300
DECISIONS = 10_000_000
EARLY_READERS = 25  # of each round, whose answers are looked at before the grant, too


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    return engine


@pytest.fixture
async def index(engine: Engine, tmp_path: Path) -> AsyncIterator[SearchBackend]:
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS) as opened:
        await opened.adopt(AclStore(engine).numbering)
        yield opened


@pytest.mark.timeout(3_600)
async def test_ten_million_decisions_leak_nothing_and_lose_nothing(engine: Engine, index: SearchBackend) -> None:
    seed = int(os.environ.get("SIGHTLINE_PROOF_SEED", secrets.randbits(32)))
    print(f"seed {seed}")  # noqa: T201 - to repeat it
    chance = random.Random(seed)
    world = AccessWorld(chance, COMPANY, sources=("hr", "sales"))
    synced, decisions, allowed = SyncedWorld(world, engine), 0, 0
    for _ in range(ROUNDS):
        await synced.sync_identities()
        await synced.sync_lists()
        await index.apply(synced.operations())
        for claims in chance.sample(world.readers, EARLY_READERS):
            early = await _found(index, await synced.filter_of(claims))
            assert early <= world.readable(claims), f"seed {seed}: a leak before the grant: {claims}"
        await synced.grant()
        for claims in world.readers:
            readable = await _check(index, synced, claims, seed=seed)
            decisions, allowed = decisions + len(synced.held), allowed + len(readable)
        print(f"{decisions:,} decisions, {allowed:,} of them allow")  # noqa: T201 - what was proved
        for _ in range(CHANGES_A_ROUND):
            world.change()
    assert decisions >= DECISIONS
    assert 0.02 < allowed / decisions < 0.8  # neither answer is a rarity


async def _check(
    index: SearchBackend, synced: SyncedWorld, claims: ReaderClaims, *, seed: int
) -> frozenset[DocumentId]:
    found, readable = await _found(index, await synced.filter_of(claims)), synced.world.readable(claims)
    assert not found - readable, f"seed {seed}: {claims} finds what they may not: {sorted(found - readable)[:5]}"
    assert not readable - found, f"seed {seed}: {claims} misses what they may: {sorted(readable - found)[:5]}"
    return readable


async def _found(index: SearchBackend, access: AccessFilter) -> set[DocumentId]:
    """Browse to the end; totals and facets must count exactly what is found."""
    found: list[DocumentId] = []
    cursor: str | None = None
    while True:
        query = Query(
            "", mode=SearchMode.KEYWORD, size=5_000, cursor=cursor, facets=(FacetRequest("source"),), collapse=False
        )
        page = await index.search(query, None, access)
        found += [hit.document_id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(found) == len(set(found)) == page.total.value == sum(each.count for each in page.facets["source"])
    return set(found)
