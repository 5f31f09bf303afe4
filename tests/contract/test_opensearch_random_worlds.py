"""Random worlds on OpenSearch: what it answers is what the reference answers, but for the last digits of scores."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.backends import MemoryBackend
from tests.contract.opensearch_indexes import opensearch_index
from tests.fakes.documents import DIMENSIONS, NUMBERING
from tests.unit.indexer.test_backends_random_worlds import _all_pages, batches, operated, queries, readers
from vocabulary.access import AccessFilter
from vocabulary.indexing import IndexOperation
from vocabulary.search import Page, Query

pytestmark = pytest.mark.opensearch

_SCORE_DIFFERENCE = 1e-3  # as in `test_opensearch_answers`


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(batches, st.lists(st.tuples(queries | operated, readers), min_size=6, max_size=6))
def test_answers_are_those_of_the_reference(
    world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]
) -> None:
    asyncio.run(_compare(world, asked))


async def _compare(world: Sequence[Sequence[IndexOperation]], asked: Sequence[tuple[Query, AccessFilter]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with MemoryBackend(dimensions=DIMENSIONS) as memory, opensearch_index(Path(folder)) as index:
            for engine in (memory, index):
                await engine.adopt(NUMBERING)
                for batch in world:
                    await engine.apply(batch)
            for query, access in asked:
                _agree(await _all_pages(index, query, access), await _all_pages(memory, query, access))
            assert await index.statistics() == await memory.statistics()


def _agree(found: Sequence[Page], expected: Sequence[Page]) -> None:
    assert [(page.total, page.facets, page.spelling) for page in found] == [
        (page.total, page.facets, page.spelling) for page in expected
    ]
    hits = {hit.document_id: hit for page in found for hit in page.hits}
    references = {hit.document_id: hit for page in expected for hit in page.hits}
    assert hits.keys() == references.keys()
    for document_id, hit in hits.items():
        reference = references[document_id]
        assert hit.score == pytest.approx(reference.score, rel=_SCORE_DIFFERENCE)
        assert (hit.title, hit.attributes, hit.copies) == (reference.title, reference.attributes, reference.copies)
