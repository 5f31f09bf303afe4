"""The contract of `SearchBackend`: identity, numbering and writing.

Every sentence of the port, for every engine; `…_matching`, `…_answers` and `…_access` are the other parts. A new engine
adds one line to `ENGINES` in `search_backends.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.contract.search_backends import ENGINES, EVERY_ENGINE, SEMANTIC, ask, ask_to_the_end
from tests.fakes.documents import (
    DIMENSIONS,
    NUMBERING,
    description,
    document,
    names,
    passage,
    reader,
)
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import NumberingMismatch
from vocabulary.indexing import (
    Delete,
    Describe,
    Hide,
    IndexStatistics,
    Put,
    Readmit,
    Refusal,
)
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    Equals,
    Exists,
    FacetRequest,
    SearchMode,
    Total,
    TotalRelation,
)

# --- identity and numbering ---


@pytest.mark.parametrize("engine", EVERY_ENGINE)
async def test_two_indexes_have_two_names(engine: str, tmp_path: Path) -> None:
    async with ENGINES[engine](tmp_path / "a") as first, ENGINES[engine](tmp_path / "b") as second:
        assert first.index_id
        assert first.index_id != second.index_id


async def test_an_index_that_was_never_tied_answers_with_nothing(empty_index: SearchBackend) -> None:
    await empty_index.apply([document("a", "budget")])
    page = await ask(empty_index, "budget", facets=(FacetRequest("source"),))
    assert (page.total, page.hits, page.next_cursor) == (Total(0, TotalRelation.EQUAL), (), None)


async def test_documents_stored_before_any_tie_cannot_be_claimed(empty_index: SearchBackend) -> None:
    await empty_index.apply([document("a", "budget")])
    with pytest.raises(NumberingMismatch):
        await empty_index.adopt(NUMBERING)


async def test_an_empty_index_can_be_tied_anew(index: SearchBackend) -> None:
    await index.apply([document("a", "budget"), Delete(DocumentId("wiki", "a"))])
    await index.adopt("another")
    await index.apply([document("b", "budget")])
    assert names(await ask(index, "budget", access=reader(1, numbering="another"))) == ["b"]


async def test_a_filled_index_refuses_another_state_and_keeps_its_own(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    with pytest.raises(NumberingMismatch):
        await index.adopt("another")
    await index.adopt(NUMBERING)
    assert names(await ask(index, "budget")) == ["a"]


async def test_a_filter_of_another_numbering_is_refused(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    with pytest.raises(NumberingMismatch):
        await ask(index, "budget", access=reader(1, numbering="another"))


async def test_an_index_bears_the_seal_that_was_put_on_it_last(empty_index: SearchBackend) -> None:
    assert await empty_index.seal() == ""
    for seal in ("first", "second"):
        await empty_index.put_seal(seal, hide_all=False)
        assert await empty_index.seal() == seal


async def test_a_seal_hides_nothing_unless_asked(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    await index.put_seal("seal", hide_all=False)
    assert names(await ask(index, "budget")) == ["a"]


async def test_a_seal_that_hides_all_hides_every_document_of_every_source_and_keeps_it(index: SearchBackend) -> None:
    await index.apply([document("a", "budget"), document("b", "budget", source="other")])
    assert names(await ask(index, "budget")) == ["a", "b"]
    await index.put_seal("seal", hide_all=True)
    assert names(await ask(index, "budget")) == []
    await index.apply([Readmit(DocumentId("other", "b"), AclId(1), None)])
    assert names(await ask(index, "budget")) == ["b"]


# --- writing ---


async def test_what_was_applied_can_be_searched_at_once(index: SearchBackend) -> None:
    for number in range(5):
        await index.apply([document(f"d{number}", "budget")])
        assert len(names(await ask(index, "budget"))) == number + 1


async def test_a_put_replaces_text_title_and_attributes(index: SearchBackend) -> None:
    await index.apply([document("a", "old words", "older words", title="former", attributes={"type": "pdf"})])
    await index.apply([document("a", "new words", title="current", attributes={"type": "docx"})])
    assert names(await ask(index, "old older former")) == []
    (hit,) = (await ask(index, "new current")).hits
    assert (hit.title, hit.attributes) == ("current", {"type": "docx"})
    assert names(await ask(index, filter=Equals("type", "pdf"))) == []
    assert await index.statistics() == IndexStatistics(documents=1, passages=1)


async def test_a_describe_replaces_the_description_and_keeps_the_passages(index: SearchBackend) -> None:
    await index.apply([document("a", "lasting words", title="former", attributes={"type": "pdf"})])
    before = await index.stored_passages(DocumentId("wiki", "a"))
    await index.apply([Describe(description("a", title="current", attributes={"size": 3}))])
    after = await index.stored_passages(DocumentId("wiki", "a"))
    assert [each.passage for each in after] == [each.passage for each in before]
    assert np.array_equal(after[0].vector, before[0].vector)
    assert names(await ask(index, "former")) == []
    assert names(await ask(index, "current")) == names(await ask(index, "lasting")) == ["a"]
    assert names(await ask(index, filter=Exists("type"))) == []
    assert names(await ask(index, filter=Equals("size", 3))) == ["a"]


async def test_a_describe_of_an_unknown_document_is_reported_and_writes_nothing(index: SearchBackend) -> None:
    unknown = await index.apply(
        [document("a", "budget"), Describe(description("a")), Describe(description("b", title="budget"))]
    )
    assert unknown == {DocumentId("wiki", "b"): Refusal.MISSING}
    assert await ask_to_the_end(index, "budget") == ["a"]


async def test_a_readmitted_document_is_under_its_new_list_and_owner_and_keeps_all_else(index: SearchBackend) -> None:
    me = Principal.user("wiki", "me")
    await index.apply([document("a", "budget", acl=1)])
    stored = await index.stored_passages(DocumentId("wiki", "a"))
    assert await index.apply([Readmit(DocumentId("wiki", "a"), AclId(2), me)]) == {}
    assert names(await ask(index, "budget", access=reader(1))) == []
    assert names(await ask(index, "budget", access=reader(2))) == ["a"]
    assert names(await ask(index, "budget", access=reader(if_owner=[2], owners=[me]))) == ["a"]
    kept = await index.stored_passages(DocumentId("wiki", "a"))
    assert [each.passage for each in kept] == [each.passage for each in stored]


async def test_readmitting_an_unknown_document_is_reported_and_adds_nothing(index: SearchBackend) -> None:
    unknown = DocumentId("wiki", "b")
    assert await index.apply([Readmit(unknown, AclId(1), None)]) == {unknown: Refusal.MISSING}
    assert names(await ask(index, "")) == []


async def test_a_hidden_document_is_kept_and_found_by_nobody_until_it_is_described_again(index: SearchBackend) -> None:
    me = Principal.user("wiki", "me")
    everything = reader(1, if_owner=[1], owners=[me])
    await index.apply([document("a", "budget", owner=me), Hide(DocumentId("wiki", "a")), Hide(DocumentId("wiki", "b"))])
    assert names(await ask(index, "budget", access=everything)) == []
    assert await index.statistics() == IndexStatistics(documents=1, passages=1)
    await index.apply([Describe(description("a", owner=me))])
    assert names(await ask(index, "budget", access=everything)) == ["a"]


async def test_a_deleted_document_is_gone_with_all_its_passages(index: SearchBackend) -> None:
    await index.apply([document("a", "budget", "more budget"), document("b", "budget")])
    await index.apply([Delete(DocumentId("wiki", "a")), Delete(DocumentId("wiki", "unknown"))])
    assert names(await ask(index, "budget")) == names(await ask(index, "budget", mode=SEMANTIC)) == ["b"]
    assert await index.stored_passages(DocumentId("wiki", "a")) == ()
    assert await index.statistics() == IndexStatistics(documents=1, passages=1)


async def test_operations_take_effect_in_their_order(index: SearchBackend) -> None:
    await index.apply([document("a", "first"), Delete(DocumentId("wiki", "a")), document("a", "second")])
    assert names(await ask(index, "first")) == []
    assert names(await ask(index, "second")) == ["a"]


async def test_a_batch_with_a_bad_operation_changes_nothing(index: SearchBackend) -> None:
    bad = Put(description("b"), (replace(passage("budget"), vector=np.zeros(DIMENSIONS + 1, np.float32)),))
    with pytest.raises(ValueError, match="wiki/b"):
        await index.apply([document("a", "budget"), bad])
    assert await index.statistics() == IndexStatistics(documents=0, passages=0)


async def test_a_replay_changes_nothing(index: SearchBackend) -> None:
    batch = [
        document("a", "budget of the year", "budget plan", attributes={"type": "pdf"}),
        document("b", "budget"),
        Describe(description("b", title="renamed budget")),
        Delete(DocumentId("wiki", "c")),
    ]
    await index.apply(batch)
    before = [await ask(index, "budget", mode=mode, facets=(FacetRequest("type"),)) for mode in SearchMode]
    await index.apply(batch)
    await index.apply(batch)
    after = [await ask(index, "budget", mode=mode, facets=(FacetRequest("type"),)) for mode in SearchMode]
    assert after == before


async def test_what_was_written_under_a_later_lease_stays_as_it_is(index: SearchBackend) -> None:
    written = DocumentId("wiki", "a")
    await index.apply([document("a", "newer words")], fence=7)
    for late in (document("a", "older"), Describe(description("a", acl=2)), Readmit(written, AclId(2), None)):
        assert await index.apply([late], fence=6) == {written: Refusal.SUPERSEDED}
    assert await index.apply([Hide(written), Delete(written)], fence=6) == {written: Refusal.SUPERSEDED}
    assert names(await ask(index, "newer")) == ["a"]
    assert await index.apply([Hide(written)], fence=7) == {}
    assert await index.apply([document("a", "newest")], fence=8) == {}
    assert names(await ask(index, "newest")) == ["a"]


async def test_what_was_deleted_under_a_later_lease_does_not_come_back(index: SearchBackend) -> None:
    deleted = DocumentId("wiki", "a")
    await index.apply([document("a", "budget"), document("b", "budget", source="other")], fence=5)
    await index.apply([Delete(deleted), Delete(DocumentId("wiki", "unknown"))], fence=7)
    assert await index.apply([document("a", "budget")], fence=6) == {deleted: Refusal.SUPERSEDED}
    assert names(await ask(index, "budget")) == ["b"]
    assert await index.apply([document("a", "budget")], fence=8) == {}
    assert names(await ask(index, "budget")) == ["b", "a"]


async def test_leases_on_one_source_say_nothing_of_another(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")], fence=7)
    assert await index.apply([document("b", "budget", source="other")], fence=1) == {}
    assert names(await ask(index, "budget")) == ["a", "b"]


async def test_stored_passages_come_back_in_their_order_within_float16(index: SearchBackend) -> None:
    kept = (
        passage("second", ordinal=7, kind=PassageKind.COMMENT, comment_id="c1", toxicity=0.25),
        passage("first ünïcode 文", ordinal=2, page=4, heading="Chapter"),
    )
    await index.apply([Put(description("a"), kept)])
    stored = await index.stored_passages(DocumentId("wiki", "a"))
    assert [each.passage for each in stored] == [kept[1].passage, kept[0].passage]
    assert [each.toxicity.score_0_1 for each in stored] == [0.0, 0.25]
    for each, original in zip(stored, reversed(kept), strict=True):
        assert each.vector.dtype == np.float32
        assert np.allclose(each.vector, original.vector, rtol=2**-10, atol=1e-6)


async def test_an_unknown_document_has_no_stored_passages(index: SearchBackend) -> None:
    assert await index.stored_passages(DocumentId("wiki", "a")) == ()


async def test_document_ids_are_those_of_the_source_in_order(index: SearchBackend) -> None:
    await index.apply([document(name, source=source) for name in ("b", "a/x", "Z") for source in ("wiki", "mail")])
    assert [str(each) async for each in index.document_ids("wiki")] == ["wiki/Z", "wiki/a/x", "wiki/b"]
    assert [each async for each in index.document_ids("nothing")] == []


async def test_statistics_count_regardless_of_readers(index: SearchBackend) -> None:
    await index.apply([document("a", "one", "two", acl=HIDDEN_ACL), document("b"), document("c", "three", acl=9)])
    assert await index.statistics() == IndexStatistics(documents=3, passages=3)
