"""What the OpenSearch engine writes, on a real server: rows, versions, the state document."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import OpenSearchConfig
from tests.fakes.documents import DIMENSIONS, NUMBERING, description, document, passage
from tests.servers.opensearch import OpenSearchServer
from vocabulary.access import AclId, Principal
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import NumberingMismatch
from vocabulary.search import Delete, Describe, Hide, IndexStatistics, Put, Readmit, Refusal

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(600)]

A = DocumentId("wiki", "a")


@pytest.fixture
def config(opensearch: OpenSearchServer) -> OpenSearchConfig:
    return OpenSearchConfig(urls=(opensearch.url,), alias=opensearch.new_alias())


@pytest.fixture
async def index(config: OpenSearchConfig, opensearch: OpenSearchServer) -> AsyncIterator[OpenSearchBackend]:
    async with OpenSearchBackend(config, dimensions=DIMENSIONS) as backend:
        yield backend
    opensearch.drop(config.alias)


async def test_what_was_put_is_read_back(index: OpenSearchBackend) -> None:
    kept = (
        passage("second", ordinal=7, kind=PassageKind.COMMENT, comment_id="c1", toxicity=0.25),
        passage("first ünïcode 文", ordinal=2, page=4, heading="Chapter"),
    )
    assert await index.apply([Put(description("a"), kept)]) == {}
    stored = await index.stored_passages(A)
    assert [each.passage for each in stored] == [kept[1].passage, kept[0].passage]
    assert [each.toxicity_0_1 for each in stored] == [0.0, 0.25]
    for each, original in zip(stored, reversed(kept), strict=True):
        assert np.array_equal(each.vector, original.vector.astype(np.float16).astype(np.float32))
    assert await index.statistics() == IndexStatistics(documents=1, passages=2)


async def test_a_document_that_is_described_readmitted_and_hidden_keeps_its_passages(index: OpenSearchBackend) -> None:
    me = Principal.user("wiki", "me")
    await index.apply([document("a", "lasting words", "and more")])
    before = await index.stored_passages(A)
    for operation in (Describe(description("a", title="new")), Readmit(A, AclId(2), me), Hide(A)):
        assert await index.apply([operation]) == {}
        after = await index.stored_passages(A)
        assert [each.passage for each in after] == [each.passage for each in before]
        assert all(np.array_equal(one.vector, other.vector) for one, other in zip(after, before, strict=True))
    [stored] = await index.look_up([A])
    assert (stored.put.description.title, stored.put.description.owner) == ("new", me)
    assert stored.put.description.acl_id == AclId(0)


async def test_operations_on_what_is_not_there_are_reported(index: OpenSearchBackend) -> None:
    b = DocumentId("wiki", "b")
    refused = await index.apply([Describe(description("a")), Readmit(b, AclId(1), None), Hide(b), Delete(A)])
    assert refused == {A: Refusal.MISSING, b: Refusal.MISSING}
    assert await index.statistics() == IndexStatistics(0, 0)


async def test_a_late_write_never_wins(index: OpenSearchBackend) -> None:
    await index.apply([document("a", "newer")], fence=7)
    assert await index.apply([document("a", "older")], fence=6) == {A: Refusal.SUPERSEDED}
    assert await index.apply([Delete(A)], fence=6) == {A: Refusal.SUPERSEDED}
    assert [each.passage.text for each in await index.stored_passages(A)] == ["newer"]
    await index.apply([Delete(A)], fence=7)
    assert await index.apply([document("a", "older")], fence=6) == {A: Refusal.SUPERSEDED}
    assert await index.stored_passages(A) == ()


async def test_an_index_with_documents_is_of_one_state_store_alone(index: OpenSearchBackend) -> None:
    await index.adopt("another")
    await index.adopt(NUMBERING)
    await index.apply([document("a", "words")])
    await index.adopt(NUMBERING)
    with pytest.raises(NumberingMismatch):
        await index.adopt("another")


async def test_an_index_bears_the_seal_that_was_put_on_it_last(index: OpenSearchBackend) -> None:
    assert await index.seal() == ""
    for seal in ("first", "second"):
        await index.put_seal(seal, hide_all=True)
        assert await index.seal() == seal


async def test_an_index_opened_again_is_the_same(config: OpenSearchConfig, index: OpenSearchBackend) -> None:
    await index.apply([document("a", "words")])
    async with OpenSearchBackend(config, dimensions=DIMENSIONS) as again:
        assert again.index_id == index.index_id
        assert [str(each) async for each in again.document_ids("wiki")] == ["wiki/a"]
