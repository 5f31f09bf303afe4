"""The contract of `SearchBackend`: what is stored of toxicity, how it is asked for, and how it is scored anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from indexer.search.toxicity import texts_sha256
from tests.contract.search_backends import ask
from tests.fakes.documents import description, document, names, passage, reader
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import CLEAN, DocumentId, Toxicity, ToxicSpan
from vocabulary.indexing import (
    NOT_SCORED,
    Delete,
    Describe,
    Hide,
    IndexOperation,
    Put,
    Readmit,
    Refusal,
    Rescore,
    Scoring,
)
from vocabulary.ports import SearchBackend
from vocabulary.search import Equals, Exists, FacetCount, FacetRequest, Not, Range

A = DocumentId("wiki", "a")
SPANS = (ToxicSpan(0, 9, 0.91, "insult"), ToxicSpan(10, 14, 0.75, "threat"))
RUDE = Toxicity(0.91, "insult", SPANS)
MARKED = Scoring("head/1", ("insult", "threat"))
TEXTS = ("you fools, away", "a clean end")


def scored(*toxicity: Toxicity, scoring: Scoring = MARKED, name: str = "a", acl: int = 1) -> Put:
    """A document of two passages, of which this was found."""
    passages = [replace(passage(text, ordinal=place), toxicity=CLEAN) for place, text in enumerate(TEXTS)]
    found = [replace(each, toxicity=toxicity[place]) for place, each in enumerate(passages)]
    return Put(description(name, acl=acl, attributes={"n": 1}), tuple(found), scoring)


def rescore(*toxicity: Toxicity, scoring: Scoring, texts: tuple[str, ...] = TEXTS) -> Rescore:
    return Rescore(A, texts_sha256(texts), toxicity, scoring)


async def stored(index: SearchBackend) -> tuple[tuple[Toxicity, ...], Scoring]:
    (found,) = await index.look_up([A])
    return tuple(each.toxicity for each in found.put.passages), found.put.scoring


async def test_sentences_category_and_version_are_read_back_as_they_were_put(index: SearchBackend) -> None:
    await index.apply([scored(RUDE, CLEAN), document("b", "unscored")])
    (read, unscored) = await index.stored_documents(limit=10)
    assert [each.toxicity for each in read.put.passages] == [RUDE, CLEAN]
    assert (read.put.scoring, unscored.put.scoring) == (MARKED, NOT_SCORED)
    assert [each.toxicity for each in await index.stored_passages(A)] == [RUDE, CLEAN]


async def test_a_shown_document_tells_its_sentences_and_a_hit_what_it_is_marked_with(index: SearchBackend) -> None:
    await index.apply([scored(RUDE, CLEAN)])
    shown = await index.show(A, reader(1))
    assert shown is not None
    assert (shown.toxicity, shown.scoring, shown.toxicity_0_1) == ((RUDE, CLEAN), MARKED, 0.91)
    (hit,) = (await ask(index, "fools")).hits
    assert (hit.toxicity_categories, hit.toxicity_0_1) == (("insult", "threat"), 0.91)


async def test_categories_are_filtered_counted_and_named_in_a_query(index: SearchBackend) -> None:
    threat = replace(MARKED, categories=("threat",))
    await index.apply([scored(RUDE, CLEAN), scored(RUDE, CLEAN, scoring=threat, name="b"), document("c", "fools")])
    assert names(await ask(index, filter=Equals("toxicity_category", "insult"))) == ["a"]
    assert names(await ask(index, filter=Not(Exists("toxicity_category")))) == ["c"]
    assert names(await ask(index, "toxicity_category:Insult")) == ["a"]
    assert names(await ask(index, "fools -toxicity_category:threat")) == ["c"]
    page = await ask(index, facets=(FacetRequest("toxicity_category"),))
    assert page.facets["toxicity_category"] == (FacetCount("threat", 2), FacetCount("insult", 1))


async def test_an_attribute_of_that_name_does_not_stand_in_for_what_was_found(index: SearchBackend) -> None:
    posing = description("a", attributes={"toxicity_category": "harmless"})
    await index.apply([Put(posing, (passage("words"),))])
    assert names(await ask(index, filter=Exists("toxicity_category"))) == []
    await index.apply([replace(scored(RUDE, CLEAN), description=posing)])
    assert names(await ask(index, filter=Equals("toxicity_category", "harmless"))) == []
    assert names(await ask(index, "toxicity_category:harmless")) == []


@pytest.mark.parametrize(
    "operation", [Describe(description("a", title="renamed", acl=1)), Readmit(A, description("a").acl_id, None)]
)
async def test_what_is_written_of_a_document_besides_its_text_keeps_its_toxicity(
    index: SearchBackend, operation: IndexOperation
) -> None:
    await index.apply([scored(RUDE, CLEAN)])
    await index.apply([operation])
    assert await stored(index) == ((RUDE, CLEAN), MARKED)
    assert names(await ask(index, filter=Equals("toxicity_category", "insult"))) == ["a"]


async def test_new_scores_replace_the_old_ones_and_nothing_else(index: SearchBackend) -> None:
    await index.apply([scored(RUDE, CLEAN)])
    before = (await index.look_up([A]))[0].put
    mild, anew = Toxicity(0.6, "slur", (ToxicSpan(0, 5, 0.6, "slur"),)), Scoring("head/2", ("slur",))
    for _ in range(2):  # a replay changes nothing
        assert await index.apply([rescore(CLEAN, mild, scoring=anew)]) == {}
        assert await stored(index) == ((CLEAN, mild), anew)
        after = (await index.look_up([A]))[0].put
        assert (after.description, [each.passage for each in after.passages]) == (
            before.description,
            [each.passage for each in before.passages],
        )
        assert all(
            (ours.vector == theirs.vector).all() for ours, theirs in zip(after.passages, before.passages, strict=True)
        )
    assert names(await ask(index, filter=Range("toxicity", gte=0.55, lt=0.65))) == ["a"]
    assert names(await ask(index, filter=Equals("toxicity_category", "insult"))) == []
    assert names(await ask(index, "toxicity_category:slur")) == ["a"]
    assert names(await ask(index, "fools")) == ["a"]


async def test_scores_of_other_texts_than_the_stored_ones_are_refused(index: SearchBackend) -> None:
    await index.apply([scored(RUDE, CLEAN)])
    other = rescore(CLEAN, CLEAN, scoring=Scoring("head/2"), texts=("you fools, away", "another end"))
    assert await index.apply([other]) == {A: Refusal.CHANGED}
    fewer = rescore(CLEAN, scoring=Scoring("head/2"), texts=TEXTS[:1])
    assert await index.apply([fewer]) == {A: Refusal.CHANGED}
    assert await stored(index) == ((RUDE, CLEAN), MARKED)


async def test_scores_of_an_unknown_document_are_refused(index: SearchBackend) -> None:
    assert await index.apply([rescore(CLEAN, CLEAN, scoring=MARKED)]) == {A: Refusal.MISSING}
    assert await index.apply([scored(RUDE, CLEAN), Delete(A), rescore(CLEAN, CLEAN, scoring=MARKED)]) == {
        A: Refusal.MISSING
    }


async def test_scores_under_a_former_lease_are_refused(index: SearchBackend) -> None:
    await index.apply([scored(RUDE, CLEAN)], fence=2_000_000_000_001)
    late = rescore(CLEAN, CLEAN, scoring=Scoring("head/2"))
    assert await index.apply([late], fence=2_000_000_000_000) == {A: Refusal.SUPERSEDED}
    assert await stored(index) == ((RUDE, CLEAN), MARKED)


async def test_a_hidden_document_is_scored_anew_and_stays_hidden(index: SearchBackend) -> None:
    anew = Scoring("head/2")
    await index.apply([scored(RUDE, CLEAN), Hide(A)])
    assert await index.apply([rescore(CLEAN, CLEAN, scoring=anew)]) == {}
    assert await stored(index) == ((CLEAN, CLEAN), anew)
    assert (await index.look_up([A]))[0].put.description.acl_id == HIDDEN_ACL
    assert names(await ask(index)) == []


async def test_scores_and_what_shows_or_hides_their_document_may_come_together(index: SearchBackend) -> None:
    anew = Scoring("head/2", ("slur",))
    await index.apply([scored(RUDE, CLEAN)])
    assert await index.apply([rescore(RUDE, RUDE, scoring=anew), Hide(A)]) == {}
    assert (names(await ask(index)), await stored(index)) == ([], ((RUDE, RUDE), anew))
    shown = Readmit(A, description("a").acl_id, None)
    assert await index.apply([rescore(CLEAN, CLEAN, scoring=NOT_SCORED), shown]) == {}
    assert (names(await ask(index)), await stored(index)) == (["a"], ((CLEAN, CLEAN), NOT_SCORED))
    assert await index.apply([scored(CLEAN, CLEAN), rescore(RUDE, CLEAN, scoring=anew)]) == {}
    assert (names(await ask(index)), await stored(index)) == (["a"], ((RUDE, CLEAN), anew))
