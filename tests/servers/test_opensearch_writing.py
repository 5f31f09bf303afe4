"""What the OpenSearch engine writes, on a real server: rows, versions, the state document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.bulk import BulkSender, Outcome, Row
from indexer.backends.opensearch.config import OpenSearchConfig
from tests.fakes.documents import DIMENSIONS, NUMBERING, description, document, passage
from tests.servers.opensearch import OpenSearchServer
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import ConfigurationError, IndexBusy, NumberingMismatch
from vocabulary.indexing import (
    Delete,
    Describe,
    Hide,
    IndexStatistics,
    Put,
    Readmit,
    Refusal,
)

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
    assert [each.toxicity.score_0_1 for each in stored] == [0.0, 0.25]
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


async def test_a_row_that_the_index_cannot_hold_sinks_no_other_and_leaves_no_older_copy(
    index: OpenSearchBackend,
) -> None:
    await index.apply([document("a", "may be read by many", acl=1)])
    nobody_else = Principal.user("wiki", "x" * 40_000)  # longer than any term that Lucene takes
    refused = await index.apply([document("b", "fine"), document("a", "narrowed", acl=2, owner=nobody_else)])
    assert refused == {A: Refusal.REJECTED}
    assert [str(each) async for each in index.document_ids("wiki")] == ["wiki/b"]
    assert await index.apply([document("a", "mended")]) == {}


async def test_a_readmission_that_the_index_cannot_hold_withdraws_the_document(index: OpenSearchBackend) -> None:
    await index.apply([document("a", "may be read by many", acl=1)])
    assert await index.apply([Readmit(A, AclId(2), Principal.user("wiki", "x" * 40_000))]) == {A: Refusal.REJECTED}
    assert await index.stored_passages(A) == ()


async def test_a_value_that_is_too_long_to_be_compared_costs_the_value_and_not_the_document(
    index: OpenSearchBackend,
) -> None:
    attributes = {"note": "x" * 40_000, "type": "pdf"}
    assert await index.apply([document("a", "words", attributes=attributes)]) == {}
    [stored] = await index.look_up([A])
    assert stored.put.description.attributes == attributes


async def test_odd_texts_ids_and_numbers_are_kept(index: OpenSearchBackend) -> None:
    long_name = "ü" * 300  # with its source more than the 512 bytes of an OpenSearch id
    odd = {"a.b": 1, "": 2, "=%": (1.5, float("inf"), 2**70, True), "x" * 300: "y"}
    lone = "half a pair \ud800"
    assert await index.apply([document(long_name, "words"), document("a", "words", title=lone, attributes=odd)]) == {}
    assert [each.native_id async for each in index.document_ids("wiki")] == ["a", long_name]
    [stored] = await index.look_up([A])
    assert dict(stored.put.description.attributes) == odd
    assert stored.put.description.title == "half a pair ?"
    [kept] = await index.look_up([DocumentId("wiki", long_name)])
    assert kept.put.passages[0].passage.text == "words"


async def test_a_passage_without_a_direction_is_stored_and_found_by_no_vector(index: OpenSearchBackend) -> None:
    nowhere = replace(passage("words"), vector=np.zeros(DIMENSIONS, np.float32))
    assert await index.apply([Put(description("a"), (nowhere,))]) == {}
    [stored] = await index.stored_passages(A)
    assert not stored.vector.any()


async def test_a_blocked_index_is_busy_and_takes_the_batch_later(
    index: OpenSearchBackend, config: OpenSearchConfig, opensearch: OpenSearchServer
) -> None:
    await index.apply([document("a", "kept", acl=1)])
    opensearch.call("PUT", f"/{config.index}/_settings", {"index.blocks.write": True})
    with pytest.raises(IndexBusy, match="takes no writes now"):
        await index.apply([document("a", "new"), Delete(DocumentId("wiki", "b"))])
    opensearch.call("PUT", f"/{config.index}/_settings", {"index.blocks.write": None})
    assert [each.passage.text for each in await index.stored_passages(A)] == ["kept"]
    assert await index.apply([document("a", "new")]) == {}


async def test_what_is_written_while_all_is_hidden_is_written_again(
    config: OpenSearchConfig, index: OpenSearchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = BulkSender.send

    async def hide_all_first(sender: BulkSender, rows: Sequence[Row]) -> dict[str, Outcome]:
        async with OpenSearchBackend(config, dimensions=DIMENSIONS) as other:
            await other.put_seal("of another run", hide_all=True)
        return await send(sender, rows)

    with monkeypatch.context() as patch, pytest.raises(IndexBusy, match="hidden meanwhile"):
        patch.setattr(BulkSender, "send", hide_all_first)
        await index.apply([document("a", "words", acl=1)])
    [hidden] = await index.look_up([A])
    assert hidden.put.description.acl_id == HIDDEN_ACL
    await index.apply([document("a", "words", acl=1)])
    [shown] = await index.look_up([A])
    assert shown.put.description.acl_id == AclId(1)


async def test_all_that_is_hidden_is_read_back_as_hidden(index: OpenSearchBackend) -> None:
    await index.apply([document("a", "words", acl=1), document("b", "words", acl=2)])
    await index.put_seal("seal", hide_all=True)
    await index.apply([Readmit(A, AclId(1), None)])
    stored = await index.stored_documents(limit=10)
    assert [each.put.description.acl_id for each in stored] == [AclId(1), HIDDEN_ACL]


async def test_an_index_that_was_deleted_is_not_made_anew_by_a_write(
    index: OpenSearchBackend, config: OpenSearchConfig, opensearch: OpenSearchServer
) -> None:
    opensearch.drop(config.alias)
    with pytest.raises(ConfigurationError):
        await index.apply([document("a", "words")])
    assert opensearch.call("GET", f"/_cat/indices/{config.alias}*?format=json").json() == []


async def test_an_index_of_vectors_of_another_size_is_refused(
    index: OpenSearchBackend, config: OpenSearchConfig
) -> None:
    with pytest.raises(ConfigurationError, match=f"holds vectors of {DIMENSIONS} dimensions, the model gives 8"):
        async with OpenSearchBackend(config, dimensions=8):
            pass


async def test_an_index_of_other_languages_is_refused(index: OpenSearchBackend, config: OpenSearchConfig) -> None:
    with pytest.raises(ConfigurationError, match=r"languages: .* was analysed as en \(version 1\)"):
        async with OpenSearchBackend(config, dimensions=DIMENSIONS, languages=("de", "en")):
            pass


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
