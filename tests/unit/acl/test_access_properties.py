"""Random worlds that change: a filter admits exactly the documents that the decision allows one by one.

Stores and access control live through all changes of a world with what they remember, and through many worlds: each
has sources of its own in one state store, so that whatever leaked from one into another would show, too.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Engine, StaticPool, create_engine

from acl import create_tables, inverted
from tests.fakes.access_worlds import SMALL, AccessWorld
from tests.fakes.synced_world import SyncedWorld

STEPS = 3
MOST_CHANGES_AT_ONCE = 3


@pytest.mark.parametrize("seed", range(2))
def test_a_filter_admits_what_is_allowed_one_by_one(seed: int) -> None:
    asyncio.run(check_worlds(seed, worlds=30))


@pytest.mark.large
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("part", range(8))  # some five minutes of one processor each: several may be at it
def test_a_filter_admits_what_is_allowed_in_ten_thousand_worlds(part: int) -> None:
    seed = secrets.randbits(32)
    print(f"part {part}: seed {seed}")  # noqa: T201 - to repeat it
    decisions = asyncio.run(check_worlds(seed, worlds=1_250))
    print(f"part {part}: {decisions:,} decisions")  # noqa: T201 - what was proved
    assert decisions > 125_000


async def check_worlds(seed: int, *, worlds: int) -> int:
    """Check so many worlds; return how many pairs of a reader and a document were compared.

    Raises:
        AssertionError: somebody sees what they may not, or misses what they may; the message tells how to repeat it.
    """
    asyncio.get_running_loop().set_default_executor(AtOnce())
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
    try:
        # Small enough that these small worlds meet what a large state does: lists that are settled, and settled anew.
        with mock.patch.object(inverted, "_SHORT_TAIL", 2):
            return sum([await _check_world(f"{seed}/{number}", engine) for number in range(worlds)])
    finally:
        engine.dispose()


class AtOnce(ThreadPoolExecutor):
    """Does the work of the stores where it is asked for: a hundred changes of threads a world cost more than that."""

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(function(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - handed on, whatever it is
            done.set_exception(error)
        return done


async def _check_world(seed: str, engine: Engine) -> int:
    chance = random.Random(seed)
    world = AccessWorld(chance, SMALL, sources=(f"hr {seed}", f"sales {seed}"))
    synced, happened, decisions = SyncedWorld(world, engine), ["beginning"], 0
    for _ in range(STEPS + 1):
        decisions += await _check_step(synced, f"seed {seed}: {happened}")
        happened += [world.change() for _ in range(chance.randint(1, MOST_CHANGES_AT_ONCE))]
    return decisions


async def _check_step(synced: SyncedWorld, told: str) -> int:
    """Sync, and compare: at most what is allowed before the grant, exactly that behind it; in two processes.

    While the lists are new and the index still holds documents where they were, a reader may see what they may read
    now, or could read there: no list that changed shows a document that has left it.
    """
    expected = {claims: synced.world.readable(claims) for claims in synced.world.readers}
    await synced.sync_identities()
    await synced.sync_lists()
    for claims, readable in expected.items():
        between = synced.admitted(await synced.filter_of(claims))
        shown = between - readable - synced.world.readable(claims, among=synced.listed)
        assert not shown, f"{told}: {claims} sees {shown} where it was"
    synced.operations()
    for claims, readable in expected.items():
        early = synced.admitted(await synced.filter_of(claims, process=0))
        assert early <= readable, f"{told}: {claims} sees {early - readable} before the grant"
    await synced.grant()
    for number, (claims, readable) in enumerate(expected.items()):
        found = synced.admitted(await synced.filter_of(claims, process=number % 2))
        assert found == readable, f"{told}: {claims} sees {found - readable} and misses {readable - found}"
    return 3 * len(expected) * len(synced.held)
