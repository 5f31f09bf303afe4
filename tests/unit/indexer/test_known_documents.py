"""What a connector is told of the documents that the index holds: by folder, by id, by list."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from indexer.state import ledger as ledger_room
from indexer.state.known_documents import LedgerTree
from indexer.state.tables import ledger
from tests.fakes.plain_rooms import MemoryNumbering
from vocabulary.access import HIDDEN_ACL, Acl

SOURCE = "onprem"
STAFF, CLOSED, UNSEEN = Acl("node:staff", frozenset()), Acl("node:closed", frozenset()), Acl("node:unseen", frozenset())

PLACES = {
    "at the top": ("root",),
    "in a": ("root", "a"),
    "also in a": ("root", "a"),
    "below a": ("root", "a", "b/%_ x"),
    "in c": ("root", "c"),
}


@pytest.fixture
async def tree(engine: sa.Engine) -> LedgerTree:
    numbering = MemoryNumbering()
    numbers = await numbering.number(SOURCE, [STAFF, CLOSED])
    with engine.begin() as connection:
        for native_id, lineage in PLACES.items():
            _add(connection, native_id, lineage, acl_id=int(numbers[STAFF.key]))
        _add(connection, "hidden in a", ("root", "a"), acl_id=int(HIDDEN_ACL))
        _add(connection, "filtered in a", ("root", "a"), in_index=False)
        _add(connection, "of another source", ("root", "a"), source="cloud")
    return LedgerTree(engine, SOURCE, numbering)


def _add(
    connection: sa.Connection,
    native_id: str,
    lineage: tuple[str, ...],
    *,
    source: str = SOURCE,
    acl_id: int | None = None,
    in_index: bool = True,
) -> None:
    row = {"source": source, "native_id": native_id, "walk": "", "state": "indexed", "in_index": in_index}
    place = ledger_room.spelled_lineage(lineage)
    connection.execute(sa.insert(ledger).values(**row, acl_id=acl_id, lineage=place))


async def test_documents_below_several_folders_are_told_at_once_and_each_once(tree: LedgerTree) -> None:
    assert sorted(await tree.below("b/%_ x", "c")) == ["below a", "in c"]
    assert sorted(await tree.below("a", "b/%_ x")) == ["also in a", "below a", "hidden in a", "in a"]
    assert set(await tree.below("root")) == {*PLACES, "hidden in a"}


async def test_no_folder_and_an_unknown_one_have_nothing_below(tree: LedgerTree) -> None:
    assert list(await tree.below()) == list(await tree.below("no such")) == []
    assert list(await tree.below("oo")) == []  # a part of an id is no id


async def test_held_are_those_that_the_index_has(tree: LedgerTree) -> None:
    asked = ["in a", "filtered in a", "of another source", "unknown"]
    assert list(await tree.held(asked)) == ["in a"]
    assert len(await tree.held([*PLACES, *(f"unknown {number}" for number in range(2_000))])) == len(PLACES)


async def test_under_other_lists_are_those_of_the_folder_alone(tree: LedgerTree) -> None:
    lineage = ("root", "a")
    assert list(await tree.under_other_lists(lineage, STAFF)) == ["hidden in a"]
    assert sorted(await tree.under_other_lists(lineage, CLOSED)) == ["also in a", "hidden in a", "in a"]


async def test_a_list_that_is_not_stored_has_nothing_under_it(tree: LedgerTree) -> None:
    assert sorted(await tree.under_other_lists(("root", "a"), UNSEEN)) == ["also in a", "hidden in a", "in a"]


async def test_without_a_list_those_are_meant_that_anybody_might_find(tree: LedgerTree) -> None:
    assert sorted(await tree.under_other_lists(("root", "a"), None)) == ["also in a", "in a"]


async def test_lists_are_those_that_documents_are_under(tree: LedgerTree) -> None:
    assert list(await tree.list_keys()) == [STAFF.key]
    assert set(await tree.under_lists([STAFF.key, UNSEEN.key])) == set(PLACES)
    assert list(await tree.under_lists([CLOSED.key])) == list(await tree.under_lists([])) == []
