"""Random worlds: what both engines answer equals what one-by-one checks allow, and each other's answers."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.backends import EmbeddedBackend, MemoryBackend
from indexer.backends.embedded import catalogue, search, text_search
from indexer.backends.embedded.vector_sidecar import VectorSidecar
from indexer.search.analysis import analyzer
from indexer.search.query_language import meaning_of
from tests.fakes.documents import DIMENSIONS, NUMBERING, description, document, hashed_vector, reader
from vocabulary.access import AccessFilter, AclId, Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import (
    Delete,
    Describe,
    Description,
    Hide,
    IndexOperation,
    Put,
)
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    And,
    Equals,
    Exists,
    FacetRequest,
    FilterClause,
    Hit,
    In,
    Not,
    Or,
    Page,
    Query,
    Range,
    SearchMode,
    Sort,
)

WORDS = ["apple", "apples", "pear", "the", "harbour", "Budget", "budgets", "zebra", "café", "cafe"]
OWNERS = [Principal.user("wiki", each) for each in ("ann", "bob")]
MOMENTS = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
NAMES = st.sampled_from([f"d{number}" for number in range(8)])
FIELDS = st.sampled_from(["type", "n", "tags", "source"])

texts = st.lists(st.sampled_from([*WORDS, "INC-1"]), max_size=5).map(" ".join)
words = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
scalars = st.sampled_from(["x", "y", 1, 2, 1.5, True, *MOMENTS])
values = scalars | st.lists(st.sampled_from(["x", "y", "z"]), max_size=3).map(tuple)
attributes = st.dictionaries(st.sampled_from(["type", "n", "tags"]), values, max_size=3)
acls = st.integers(0, 4)
owners = st.none() | st.sampled_from(OWNERS)

puts = st.builds(
    lambda name, passages, title, acl, owner, given_attributes: document(
        name, *passages, title=title, acl=acl, owner=owner, attributes=given_attributes
    ),
    NAMES,
    st.lists(texts, max_size=3),
    texts,
    acls,
    owners,
    attributes,
)
describes = st.builds(
    lambda name, title, acl, owner, given_attributes: Describe(
        description(name, title=title, acl=acl, owner=owner, attributes=given_attributes)
    ),
    NAMES,
    texts,
    acls,
    owners,
    attributes,
)
ids = NAMES.map(lambda name: DocumentId("wiki", name))
operations = puts | puts | puts | describes | ids.map(Hide) | ids.map(Delete)
batches = st.lists(st.lists(operations, min_size=1, max_size=8), min_size=1, max_size=4)

readers = st.builds(
    lambda visible, if_owner, names: reader(*visible, if_owner=if_owner, owners=names),
    st.sets(acls),
    st.sets(acls),
    st.sets(st.sampled_from(OWNERS), max_size=1),
)
leaves = (
    st.builds(Equals, FIELDS, scalars)
    | st.builds(In, FIELDS, st.lists(scalars, max_size=2).map(tuple))
    | st.builds(Exists, FIELDS)
    | st.builds(
        lambda field, low, high: Range(field, gte=low, lt=high), FIELDS, st.none() | scalars, st.none() | scalars
    )
)
clauses: st.SearchStrategy[FilterClause] = st.recursive(
    leaves,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, max_size=3).map(tuple).map(And)
        | st.lists(inner, max_size=3).map(tuple).map(Or)
    ),
    max_leaves=4,
)
queries = st.builds(
    lambda text, mode, clause, sort, size: Query(
        text, mode=mode, filter=clause, sort=sort, size=size, facets=(FacetRequest("type"), FacetRequest("tags", 2))
    ),
    words,
    st.sampled_from(SearchMode),
    st.none() | clauses,
    st.none() | st.builds(Sort, FIELDS, st.booleans()),
    st.integers(1, 4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches, st.lists(st.tuples(queries, readers), min_size=3, max_size=3))
def test_answers_equal_one_by_one_checks_and_each_other(
    world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]
) -> None:
    # Small enough that these small worlds meet what a large index does: answers that are ordered in part, and portions.
    with (
        mock.patch.object(search, "_RANKED_FIRST", 0),
        mock.patch.object(search, "_GROWTH", 2),
        mock.patch.object(text_search, "_PLACES_AT_ONCE", 2),
    ):
        asyncio.run(_check(world, asked))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches, st.lists(st.tuples(queries, readers), min_size=3, max_size=3))
def test_answers_are_the_same_where_threads_scan_blocks_of_codes(
    world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]
) -> None:
    with (
        mock.patch.object(search, "_MANY_DOCUMENTS", 0),
        mock.patch.object(catalogue, "EXACT_LIMIT", 1),
        mock.patch.object(catalogue, "VectorSidecar", partial(VectorSidecar, block=4)),
    ):
        asyncio.run(_check(world, asked))


OPERATORS = [
    *("apple", "pears", "the", "café", "INC-1", "foo:apple", "harb*", "budgets*"),
    *('"pear"', '"apple pear"', '"the harbour the"'),
    *("-zebra", "-budg*", "-INC-1", '-"apple apple"'),
    *("type:x", "-tags:y", "n:1", "n:true", "n:2026", "title:apple", '-title:"pear apple"', "path:shelf"),
]
asked = st.lists(st.sampled_from(OPERATORS), max_size=4).map(" ".join)
operated = st.builds(Query, asked, mode=st.sampled_from(SearchMode), size=st.integers(1, 4))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches, st.lists(st.tuples(operated, readers), min_size=4, max_size=4))
def test_engines_agree_on_every_operator(
    world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]
) -> None:
    asyncio.run(_compare(world, asked))


async def _compare(world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            MemoryBackend(dimensions=DIMENSIONS) as memory,
            EmbeddedBackend(Path(folder) / "index.db", dimensions=DIMENSIONS) as embedded,
        ):
            for engine in (memory, embedded):
                await engine.adopt(NUMBERING)
                for batch in world:
                    await engine.apply(batch)
            for query, access in asked:
                _agree(await _all_pages(embedded, query, access), await _all_pages(memory, query, access))


async def _check(world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            MemoryBackend(dimensions=DIMENSIONS) as memory,
            EmbeddedBackend(Path(folder) / "index.db", dimensions=DIMENSIONS) as embedded,
        ):
            engines: tuple[SearchBackend, ...] = (memory, embedded)
            for engine in engines:
                await engine.adopt(NUMBERING)
            stored: dict[DocumentId, Put] = {}
            for batch in world:
                unknown = _store(stored, batch)
                for engine in engines:
                    assert (await engine.apply(batch)).keys() == unknown
                query, access = asked[0]
                _agree(await _all_pages(embedded, query, access), await _all_pages(memory, query, access))
            for query, access in asked:
                pages = await _all_pages(memory, query, access)
                _check_against_single_decisions(pages, stored, query, access)
                _agree(await _all_pages(embedded, query, access), pages)
            assert await embedded.statistics() == await memory.statistics()


def _agree(pages: Sequence[Page], expected: Sequence[Page]) -> None:
    """The same in every part; scores within the last digit of a cosine, which two libraries may round apart."""
    assert [_unscored(page) for page in pages] == [_unscored(page) for page in expected]
    scores = [hit.score for page in expected for hit in page.hits]
    assert [hit.score for page in pages for hit in page.hits] == pytest.approx(scores, abs=2e-6)


def _unscored(page: Page) -> Page:
    return replace(page, hits=tuple(replace(hit, score=0.0) for hit in page.hits))


async def _all_pages(engine: SearchBackend, query: Query, access: AccessFilter) -> list[Page]:
    vector = hashed_vector(meaning_of(query.text))
    pages = [await engine.search(query, vector, access)]
    while (cursor := pages[-1].next_cursor) is not None:
        following = Query(
            query.text, mode=query.mode, filter=query.filter, facets=query.facets, sort=query.sort, size=query.size,
            cursor=cursor,
        )  # fmt: skip
        pages.append(await engine.search(following, vector, access))
    return pages


def _store(stored: dict[DocumentId, Put], batch: Sequence[IndexOperation]) -> set[DocumentId]:
    unknown = set()
    for operation in batch:
        match operation:
            case Put(described, _):
                stored[described.document_id] = operation
            case Describe(described) if described.document_id in stored:
                stored[described.document_id] = Put(described, stored[described.document_id].passages)
            case Describe(described):
                unknown.add(described.document_id)
            case Hide(document_id) if document_id in stored:
                former = stored[document_id].description
                hidden = description(
                    former.document_id.native_id, title=former.title, attributes=former.attributes, acl=0
                )
                stored[document_id] = Put(hidden, stored[document_id].passages)
            case Delete(document_id):
                stored.pop(document_id, None)
    return unknown


def _check_against_single_decisions(
    pages: Sequence[Page], stored: Mapping[DocumentId, Put], query: Query, access: AccessFilter
) -> None:
    allowed = {
        each.description.document_id: each
        for each in stored.values()
        if each.description.acl_id != AclId(0)
        and access.admits(each.description.acl_id, str(each.description.owner) if each.description.owner else None)
        and (query.filter is None or _holds(query.filter, each.description))
    }
    hits: list[Hit] = [hit for page in pages for hit in page.hits]
    found = [hit.document_id for hit in hits]
    with_words = {document_id for document_id, put in allowed.items() if _has_a_word(put, query.text)}
    with_vectors = {document_id for document_id, put in allowed.items() if put.passages}
    if not query.text:
        assert set(found) == set(allowed)
    elif query.mode is SearchMode.KEYWORD:
        assert set(found) == with_words
    elif query.mode is SearchMode.SEMANTIC:
        assert set(found) <= with_vectors
    else:
        assert with_words <= set(found) <= with_words | with_vectors
    assert len(found) == len(set(found))
    assert all(page.total.value == len(found) for page in pages)
    assert all(page.facets == pages[0].facets for page in pages)
    counted = Counter(value for each in found for value in _values(allowed[each].description, "type"))
    assert {_key(facet.value): facet.count for facet in pages[0].facets["type"]} == counted


def _has_a_word(put: Put, text: str) -> bool:
    wanted = [word for word in text.split() if word != "the"] or text.split()
    terms = set(analyzer().terms(" ".join(wanted)))
    return any(
        terms & set(analyzer().terms(each)) for each in (put.description.title, *(p.passage.text for p in put.passages))
    )


def _values(described: Description, field: str) -> set[tuple[str, Any]]:
    if field == "source":
        return {_key(described.document_id.source)}
    if field not in described.attributes:
        return set()
    value = described.attributes[field]
    return {_key(each) for each in (value if isinstance(value, tuple) else (value,))}


def _key(value: Any) -> tuple[str, Any]:
    kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    return kind, value


def _holds(clause: FilterClause, described: Description) -> bool:
    match clause:
        case Not(inner):
            return not _holds(inner, described)
        case And(inners):
            return all(_holds(each, described) for each in inners)
        case Or(inners):
            return any(_holds(each, described) for each in inners)
        case Equals(field, value):
            return _key(value) in _values(described, field)
        case In(field, wanted):
            return bool({_key(each) for each in wanted} & _values(described, field))
        case Exists(field):
            return bool(_values(described, field))
        case Range(field, gte=low, lt=high):
            return any(
                (low is None or (kind == _key(low)[0] and value >= low))
                and (high is None or (kind == _key(high)[0] and value < high))
                for kind, value in _values(described, field)
            )
    raise AssertionError(clause)
