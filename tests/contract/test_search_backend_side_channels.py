"""The contract of `SearchBackend`: beside documents that a reader may not see, every part of an answer is as without.

Two indexes of one engine: the first holds what the reader may read, the second the same and, before, between and
behind it, documents that only others may read. These hold everything that might show through: a secret word and slips
of readable ones, copies of readable texts, comments, attributes, dates, toxicity. Whatever is asked, the answers are
equal to the last digit, pages and cursors included.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from indexer.search.collapsing import MIN_WORDS
from tests.contract.search_backends import ENGINES, EVERY_ENGINE, ask
from tests.fakes.documents import NUMBERING, description, document, passage, reader
from vocabulary.access import HIDDEN_ACL, Principal
from vocabulary.documents import EnrichedPassage, PassageKind
from vocabulary.indexing import IndexOperation, Put, Scoring
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    Bounds,
    DateFacet,
    DateInterval,
    Equals,
    Exists,
    FacetRequest,
    Not,
    Page,
    Range,
    RangeFacet,
    SearchMode,
    Sort,
)

SECRET = "zephyrine"  # a word of hidden documents alone
ME, YOU = Principal.user("wiki", "me"), Principal.user("wiki", "you")
READER = reader(1, if_owner=[2], owners=[ME])
COPIED = "harbour report " + " ".join(f"part{n}" for n in range(MIN_WORDS))

FACETS = (
    FacetRequest("type"),
    FacetRequest("source"),
    FacetRequest("secret"),
    RangeFacet("n", (Bounds(lt=3), Bounds(gte=3, lt=6), Bounds(gte=6))),
    FacetRequest("toxicity_category"),
    RangeFacet("toxicity", (Bounds(lt=0.5), Bounds(gte=0.5))),
    DateFacet("at", DateInterval.MONTH),
    DateFacet("at", DateInterval.DAY, size=3, time_zone="Asia/Tokyo", name="days"),
)
QUESTIONS: list[dict[str, Any]] = [
    {"text": ""},
    {"text": "harbour"},
    {"text": "harbour report", "collapse": False},
    {"text": SECRET},
    {"text": f"harbour {SECRET}"},
    {"text": f'harbour -{SECRET} -"secret merger"'},
    {"text": "harbuor reprot"},  # slips
    {"text": "zephyrin merger"},
    {"text": "har* merg*"},
    {"text": "secret:1 harbour"},
    {"text": f"type:{SECRET}"},
    {"text": "crane", "sort": Sort("n")},
    {"text": "harbour", "sort": Sort("at", descending=True)},
    {"text": "harbour", "sort": Sort("toxicity", descending=True)},
    {"text": "harbour", "sort": Sort("secret")},
    {"text": "harbour", "filter": Not(Equals("type", "pdf"))},
    {"text": "harbour", "filter": Exists("secret")},
    {"text": "", "filter": Range("toxicity", gte=0.5)},
    {"text": "", "filter": Exists("toxicity_category")},
    {"text": "harbour", "filter": Equals("toxicity_category", SECRET)},
    {"text": f"toxicity_category:{SECRET} harbour"},
    {"text": "harbour -toxicity_category:insult"},
    {"text": "harbour", "sort": Sort("toxicity_category")},
]
TYPED = ["har", "harbour re", "zeph", "mer", "secret ", "crane ", SECRET]


@dataclass(frozen=True)
class Twins:
    """The same readable documents, once alone and once beside hidden ones."""

    alone: SearchBackend
    beside: SearchBackend


def comment(text: str, *, ordinal: int) -> EnrichedPassage:
    enriched = passage(text, ordinal=ordinal, kind=PassageKind.COMMENT, comment_id=str(ordinal))
    return replace(enriched, passage=replace(enriched.passage, author="Ann", written_at=moment(ordinal)))


def moment(day: int) -> datetime:
    return datetime(2026, 1 + day % 3, 1 + day, 22, tzinfo=UTC)


def readable(number: int) -> Put:
    """One of a dozen documents with something of everything; some are read by their owner."""
    attributes = {"type": ("pdf", "docx")[number % 2], "n": number, "at": moment(number)}
    described = description(
        f"r{number}", title=f"Harbour {number}", acl=1 + number % 2, owner=ME, attributes=attributes
    )
    body = COPIED if number % 4 == 0 else f"the crane of harbour {number} lifts plan{number % 3} and reports"
    toxicity = number / 12
    marked = Scoring("head/1", ("insult",) if number > 8 else ())
    return Put(
        described, (passage(body, toxicity=toxicity), comment(f"harbour crane remark {number}", ordinal=1)), marked
    )


def hidden(number: int) -> Put:
    """A document that the reader may not see, for one of four reasons, and that would change everything."""
    attributes = {"type": (SECRET, "pdf"), "n": number % 7, "at": moment(number % 20), "secret": 1, "source": "wiki"}
    acl, owner = ((3, None), (2, YOU), (HIDDEN_ACL, ME), (4, YOU))[number % 4]
    described = description(
        f"h{number}",
        title=f"Harbour {SECRET}",
        acl=acl,
        owner=owner,
        attributes=attributes,
        source=("wiki", "vault")[number % 2],
    )
    body = (
        COPIED if number % 3 == 0 else f"{SECRET} secret merger harbuor reprot harbour harbour harvest crane {number}"
    )
    marked = Scoring("head/1", ("insult", SECRET))
    return Put(described, (passage(body, toxicity=0.9), comment(f"harbour {SECRET} crane", ordinal=1)), marked)


def in_turn(documents: Sequence[Put], others: Sequence[Put]) -> list[IndexOperation]:
    """Put hidden documents before, between and behind the readable ones."""
    operations: list[IndexOperation] = []
    share = len(others) // (len(documents) + 1)
    for place, each in enumerate(documents):
        operations += [*others[place * share : (place + 1) * share], each]
    return [*operations, *others[len(documents) * share :]]


@pytest.fixture(params=EVERY_ENGINE)
async def twins(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Twins]:
    async with AsyncExitStack() as opened:
        backends = []
        for name in ("alone", "beside"):
            (tmp_path / name).mkdir()
            backends.append(await opened.enter_async_context(ENGINES[request.param](tmp_path / name)))
        for backend in backends:
            await backend.adopt(NUMBERING)
        documents = [readable(number) for number in range(12)]
        await backends[0].apply(documents)
        await backends[1].apply(in_turn(documents, [hidden(number) for number in range(60)]))
        yield Twins(*backends)


async def pages(index: SearchBackend, question: dict[str, Any], mode: SearchMode) -> list[Page]:
    """Return the answer page by page, to its end."""
    options: dict[str, Any] = {"mode": mode, "access": READER, "facets": FACETS, "size": 5, **question}
    read = [await ask(index, **options)]
    while read[-1].next_cursor is not None:
        read.append(await ask(index, **options, cursor=read[-1].next_cursor))
    return read


@pytest.mark.parametrize("mode", SearchMode)
async def test_no_part_of_an_answer_tells_of_hidden_documents(twins: Twins, mode: SearchMode) -> None:
    for question in QUESTIONS:
        alone, beside = await pages(twins.alone, question, mode), await pages(twins.beside, question, mode)
        assert beside == alone, question
        assert SECRET not in repr(beside).lower(), question
        assert "merger" not in repr(beside), question


async def test_the_questions_have_answers_worth_comparing(twins: Twins) -> None:
    """The comparison above would hold of empty answers, too."""
    (page, *_) = await pages(twins.beside, {"text": "harbour"}, SearchMode.KEYWORD)
    assert page.total.value == 12
    assert {hit.copies for hit in page.hits} == {0, 2}
    assert any(hit.comments for hit in (await pages(twins.beside, {"text": "lifts crane"}, SearchMode.KEYWORD))[0].hits)
    assert all(page.facets[facet.key] for facet in FACETS if facet.field != "secret")
    assert (await pages(twins.beside, {"text": "harbuor reprot"}, SearchMode.KEYWORD))[0].spelling == "harbour report"
    everything = reader(1, 2, 3, 4)
    seen = await ask(twins.beside, SECRET, access=everything)
    assert seen.total.value > 0


async def test_no_suggestion_tells_of_hidden_documents(twins: Twins) -> None:
    for typed in TYPED:
        alone = await twins.alone.suggest(typed, READER, size=20)
        assert await twins.beside.suggest(typed, READER, size=20) == alone, typed
        assert all(SECRET not in each.text.lower() for each in alone), typed


async def test_what_was_hidden_later_leaves_no_trace_either(twins: Twins) -> None:
    """Words that a reader could read once are in the index's own tables for long; answers forget them at once."""
    number_of_secrets = 8
    seen = [document(f"s{number}", f"{SECRET} harbour crane", acl=1) for number in range(number_of_secrets)]
    await twins.beside.apply(seen)
    assert (await ask(twins.beside, "zephyrinx", access=READER)).spelling == SECRET
    await twins.beside.apply([Put(replace(each.description, acl_id=HIDDEN_ACL), each.passages) for each in seen])
    for question in ({"text": "zephyrinx harbuor"}, {"text": "crane"}):
        for mode in SearchMode:
            assert await pages(twins.beside, question, mode) == await pages(twins.alone, question, mode)
    for typed in TYPED:
        expected = await twins.alone.suggest(typed, READER, size=20)
        assert await twins.beside.suggest(typed, READER, size=20) == expected
