"""The contract of `SearchBackend`: comments that match, shown under their document."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.contract.search_backends import KEYWORD, SEMANTIC, ask
from tests.fakes.documents import description, hashed_vector, passage, reader
from vocabulary.documents import EnrichedPassage, PassageKind
from vocabulary.indexing import Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Excerpt, SearchMode

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def comment(
    text: str, name: str, *, ordinal: int, author: str | None = None, written_at: datetime | None = None
) -> EnrichedPassage:
    enriched = passage(text, ordinal=ordinal, kind=PassageKind.COMMENT, comment_id=name)
    return replace(enriched, passage=replace(enriched.passage, author=author, written_at=written_at))


def commented(name: str, body: str, *comments: str, acl: int = 1) -> Put:
    remarks = [comment(text, str(number), ordinal=number) for number, text in enumerate(comments, start=1)]
    return Put(description(name, acl=acl), (passage(body), *remarks))


async def shown(index: SearchBackend, text: str, **options: object) -> tuple[Excerpt, ...]:
    (hit,) = (await ask(index, text, **options)).hits
    return hit.comments


async def test_a_comment_shows_its_author_and_date_and_what_matches(index: SearchBackend) -> None:
    remark = comment("The crane is broken again", "1", ordinal=1, author="Åse Ørn", written_at=NOON)
    await index.apply([Put(description("a"), (passage("crane crane crane"), remark))])
    (excerpt,) = await shown(index, "crane")
    assert (excerpt.kind, excerpt.author, excerpt.written_at) == (PassageKind.COMMENT, "Åse Ørn", NOON)
    assert [excerpt.text[span.start : span.end] for span in excerpt.highlights] == ["crane"]
    assert (await shown(index, "crane", highlight=False))[0].highlights == ()


async def test_a_comment_that_is_the_excerpt_has_its_author_there_and_is_not_shown_twice(index: SearchBackend) -> None:
    remark = comment("the crane", "1", ordinal=1, author="Ann", written_at=NOON)
    second = replace(remark, passage=replace(remark.passage, ordinal=2, text="and this crane in the same comment"))
    await index.apply([Put(description("a"), (passage("a long body about harbours"), remark, second))])
    (hit,) = (await ask(index, "crane")).hits
    assert hit.excerpt is not None
    assert (hit.excerpt.kind, hit.excerpt.author, hit.excerpt.written_at) == (PassageKind.COMMENT, "Ann", NOON)
    assert hit.comments == ()


async def test_a_long_comment_is_shown_once(index: SearchBackend) -> None:
    parts = [comment(text, "1", ordinal=n) for n, text in ((1, "crane"), (2, "crane and crane"), (3, "crane"))]
    await index.apply([Put(description("a"), (passage("crane " * 9), *parts))])
    assert [each.text for each in await shown(index, "crane")] == ["crane and crane"]


async def test_the_three_comments_with_most_of_the_words_are_shown_best_first(index: SearchBackend) -> None:
    texts = ("one crane", "nothing of it", "crane hook", "crane crane", "a crane", "hook, crane and crane")
    await index.apply([commented("a", "crane hook " * 5, *texts)])
    comments = await shown(index, "crane hook")
    assert [each.text for each in comments] == ["hook, crane and crane", "crane hook", "crane crane"]


async def test_of_equal_comments_the_newer_comes_first_and_undated_ones_last(index: SearchBackend) -> None:
    years = (2024, None, 2026)
    remarks = [
        comment(f"crane {year}", f"{year}", ordinal=n, written_at=None if year is None else NOON.replace(year=year))
        for n, year in enumerate(years, start=1)
    ]
    await index.apply([Put(description("a"), (passage("crane " * 5), *remarks))])
    assert [each.text for each in await shown(index, "crane")] == ["crane 2026", "crane 2024", "crane None"]


async def test_without_words_of_the_query_a_comment_matches_by_meaning_only_where_the_query_does(
    index: SearchBackend,
) -> None:
    near = replace(comment("broken lifting gear", "1", ordinal=1), vector=hashed_vector("crane"))
    words = comment("crane", "2", ordinal=2)
    far = replace(comment("lunch", "3", ordinal=3), vector=-hashed_vector("crane"))
    body = replace(passage("crane " * 5), vector=hashed_vector("crane"))
    await index.apply([Put(description("a"), (body, near, words, far))])
    assert [each.text for each in await shown(index, "crane", mode=KEYWORD)] == ["crane"]
    for mode in (SEMANTIC, SearchMode.HYBRID):
        assert [each.text for each in await shown(index, "crane", mode=mode)] == ["crane", "broken lifting gear"]


async def test_browsing_shows_no_comments(index: SearchBackend) -> None:
    await index.apply([commented("a", "body", "comment")])
    assert await shown(index, "") == ()


async def test_comments_of_other_documents_are_not_shown(index: SearchBackend) -> None:
    await index.apply([commented("a", "crane " * 5, "crane a"), commented("hidden", "crane", "crane secret", acl=2)])
    assert [each.text for each in await shown(index, "crane", access=reader(1))] == ["crane a"]


@pytest.mark.parametrize("author", ["", "x" * 500, "\udcff"])
async def test_any_author_can_be_stored(index: SearchBackend, author: str) -> None:
    remark = comment("crane", "1", ordinal=1, author=author)
    await index.apply([Put(description("a"), (passage("crane " * 5), remark))])
    stored = (await index.stored_passages(description("a").document_id))[1].passage
    assert stored.author in {author, "?"}
    assert stored.written_at is None
