"""Indexes of OpenSearch that are not built as by default answer as the reference does.

The engine `faiss` is not among them: the plugin as the tests get it lacks its native library.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.backends import MemoryBackend
from indexer.backends.opensearch.config import IndexOptions, VectorQuantisation
from tests.contract.opensearch_indexes import opensearch_index
from tests.contract.test_opensearch_random_worlds import _agree
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, reader
from tests.unit.indexer.test_backends_random_worlds import _all_pages
from vocabulary.access import AclId
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, IndexOperation, Readmit
from vocabulary.search import FacetRequest, Query, SearchMode, Sort

pytestmark = pytest.mark.opensearch

_QUANTISED = IndexOptions(quantisation=VectorQuantisation.SCALAR, m=32, ef_construction=256, replicas=0)
OPTIONS = {
    "three shards": IndexOptions(shards=3, replicas=0),
    "a denser graph of quantised vectors": _QUANTISED,
}
WORDS = ("apple", "pear", "harbour", "crane", "zebra", "plum", "quay")
QUERIES = [
    Query(text, mode=mode, size=7, sort=sort, facets=(FacetRequest("shelf"),))
    for text, sort in [("", None), ("apple -plum", None), ("pear harbour", Sort("shelf")), ("zebbra", None)]
    for mode in SearchMode
]


def _book(number: int) -> IndexOperation:
    text = " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 3 + number % 5))
    attributes = {"shelf": number % 4} if number % 5 else {}
    return document(f"b{number:02}", text, title=WORDS[number % 3], acl=1 + number % 3, attributes=attributes)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
async def test_an_index_built_otherwise_answers_as_the_reference(tmp_path: Path, options: IndexOptions) -> None:
    later = [Delete(DocumentId("wiki", "b04")), Readmit(DocumentId("wiki", "b05"), AclId(3), None), _book(40)]
    async with MemoryBackend(dimensions=DIMENSIONS) as memory, opensearch_index(tmp_path, options=options) as index:
        for engine in (memory, index):
            await engine.adopt(NUMBERING)
            await engine.apply([_book(number) for number in range(40)])
            await engine.apply(later)
        for access in (reader(1), reader(1, 2)):
            for query in QUERIES:
                _agree(await _all_pages(index, query, access), await _all_pages(memory, query, access))
        assert await index.statistics() == await memory.statistics()
