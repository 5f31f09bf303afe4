"""What the benchmark beside OpenSearch's own document-level security asks and compares, without a server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pyroaring import FrozenBitMap

from benchmarks.document_security import READERS, Cell, Found, Trial, Way, document_query, rights, user_of
from benchmarks.search_world import Question
from indexer.backends.memory.backend import MemoryBackend
from indexer.backends.opensearch.mapping import STATE_ID
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, hashed_vector, reader
from vocabulary.access import AccessFilter
from vocabulary.ports import SearchBackend

ONE_PERCENT = "1 %"
ACCESS = reader(1)


@pytest.fixture
async def indexes() -> AsyncIterator[dict[str, SearchBackend]]:
    """What the service finds, and what a server would let the reader of list 1 find."""
    documents = [document(str(number), "apple pie", acl=number) for number in (1, 2, 3)]
    async with MemoryBackend(dimensions=DIMENSIONS) as all_of_it, MemoryBackend(dimensions=DIMENSIONS) as readers:
        for index, held in ((all_of_it, documents), (readers, documents[:1])):
            await index.adopt(NUMBERING)
            await index.apply(held)
        yield {"sightline": all_of_it, user_of(ONE_PERCENT): readers}


async def trial(indexes: dict[str, SearchBackend]) -> Trial:
    asked = Trial(indexes, {ONE_PERCENT: ACCESS})
    await asked.run([Question("apple", hashed_vector("apple"))] * 2)
    return asked


async def test_only_the_way_without_a_filter_finds_what_others_may_read(indexes: dict[str, SearchBackend]) -> None:
    found = {each.way: each for each in (await trial(indexes)).found({ONE_PERCENT: [{1}, {1}]})}
    assert found[Way.OURS] == Found(ONE_PERCENT, Way.OURS, same_totals=1.0, recall=1.0)
    assert found[Way.TERMS] == Found(ONE_PERCENT, Way.TERMS, same_totals=1.0, recall=1.0)
    assert found[Way.NONE].same_totals == 0.0


async def test_neighbours_that_a_way_does_not_find_lower_its_recall(indexes: dict[str, SearchBackend]) -> None:
    found = {each.way: each.recall for each in (await trial(indexes)).found({ONE_PERCENT: [{1, 2}, {1, 3}]})}
    assert found == {Way.OURS: 0.5, Way.TERMS: 0.5, Way.NONE: 1.0}


async def test_every_kind_of_query_is_timed_in_every_way(indexes: dict[str, SearchBackend]) -> None:
    cells = list((await trial(indexes)).cells())
    assert len({(each.way, each.query) for each in cells}) == len(cells) == len(Way) * 4
    assert all(isinstance(each, Cell) and 0 < each.p50_ms <= each.p95_ms for each in cells)


def test_a_role_shows_the_readers_lists_and_the_document_that_has_none() -> None:
    access = AccessFilter(NUMBERING, FrozenBitMap([7, 2**31 + 5]), FrozenBitMap(), frozenset())
    shown = document_query(access)
    listed, state = shown["bool"]["should"]
    assert listed == {"terms": {"acl_id": [7, 5 - 2**31]}}, "as the signed field holds them"
    assert state == {"ids": {"values": [STATE_ID]}}
    [permissions] = rights(shown)["index_permissions"]
    assert json.loads(permissions["dls"]) == shown


def test_the_services_own_user_is_shown_everything() -> None:
    [permissions] = rights()["index_permissions"]
    assert "dls" not in permissions


def test_every_reader_has_a_user_of_their_own() -> None:
    assert len({user_of(name) for name in READERS}) == len(READERS) == 4
