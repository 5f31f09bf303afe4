"""The contract of `SearchBackend`: who sees what, and that the rest leaves no trace."""

from __future__ import annotations

import pytest
from pyroaring import FrozenBitMap

from indexer.search.cursor import Position, encode
from tests.contract.search_backends import HYBRID, KEYWORD, ask
from tests.fakes.documents import (
    NUMBERING,
    description,
    document,
    names,
    reader,
)
from vocabulary.access import HIDDEN_ACL, AccessFilter, Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import Describe
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    FacetRequest,
    Page,
    Query,
    SearchMode,
    Sort,
)

ME, YOU = Principal.user("wiki", "me"), Principal.user("wiki", "you")


async def test_the_hidden_acl_admits_nobody_even_if_a_filter_holds_it(index: SearchBackend) -> None:
    await index.apply([document("a", "budget", acl=HIDDEN_ACL, owner=ME)])
    access = AccessFilter(NUMBERING, FrozenBitMap([0, 1]), FrozenBitMap([0, 1]), frozenset({str(ME)}))
    for mode in SearchMode:
        page = await ask(index, "budget", mode=mode, access=access, facets=(FacetRequest("source"),))
        assert (page.total.value, page.hits, page.facets["source"]) == (0, (), ())
    assert (await ask(index, access=access)).total.value == 0


async def test_owners_see_their_own_where_the_filter_says_so(index: SearchBackend) -> None:
    await index.apply(
        [
            document("mine", "budget", acl=2, owner=ME),
            document("yours", "budget", acl=2, owner=YOU),
            document("denied", "budget", acl=3, owner=ME),
            document("nobodys", "budget", acl=2),
        ]
    )
    assert names(await ask(index, "budget", access=reader(1, if_owner=[2], owners=[ME]))) == ["mine"]
    assert names(await ask(index, "budget", access=reader(if_owner=[2]))) == []


async def test_an_acl_number_that_the_index_never_saw_is_harmless(index: SearchBackend) -> None:
    await index.apply([document("a", "budget", acl=2**31)])
    assert names(await ask(index, "budget", access=reader(1, 5, 2**32 - 1))) == []
    assert names(await ask(index, "budget", access=reader(2**31))) == ["a"]


async def test_a_changed_acl_takes_effect_with_the_next_query(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    assert names(await ask(index, "budget", mode=HYBRID)) == ["a"]
    await index.apply([Describe(description("a", acl=2))])
    assert names(await ask(index, "budget", mode=HYBRID)) == []
    assert names(await ask(index, "budget", mode=HYBRID, access=reader(2))) == ["a"]


SECRETS = [
    document("s1", "secret apple apple apple merger", title="apple merger", acl=2, attributes={"type": "pdf"}),
    document("s2", "merger " * 50, "apple tree " * 40, acl=2, attributes={"type": "secret"}),
    document("s3", title="apple merger", acl=HIDDEN_ACL, owner=ME, attributes={"n": 0}),
]
PUBLIC = [
    document("a", "apple pie with merger of tastes", attributes={"type": "pdf", "n": 2}),
    document("b", "apple apple tree", title="tree", attributes={"type": "docx", "n": 1}),
    document("c", "a tree of words", "an apple", attributes={"type": "pdf"}),
    document("d", title="pear tree"),
]


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize("text", ["", "apple tree", "merger tree", "secret", "apple merger secret"])
async def test_what_a_reader_may_not_see_changes_nothing_in_any_answer(
    index: SearchBackend, text: str, mode: SearchMode
) -> None:
    access = reader(1, if_owner=[1], owners=[ME])
    facets = (FacetRequest("type"), FacetRequest("source"), FacetRequest("n"))

    async def answers() -> list[Page]:
        pages = [await ask(index, text, mode=mode, access=access, facets=facets, size=2)]
        pages.append(await ask(index, text, mode=mode, access=access, sort=Sort("n"), size=2))
        while (cursor := pages[-1].next_cursor) is not None:
            pages.append(await ask(index, text, mode=mode, access=access, sort=Sort("n"), size=2, cursor=cursor))
        return pages

    await index.apply(PUBLIC)
    alone = await answers()
    await index.apply(SECRETS)
    assert await answers() == alone
    assert "secret" not in repr([page.facets for page in alone])


async def test_a_forged_cursor_learns_nothing_of_hidden_documents(index: SearchBackend) -> None:
    await index.apply([*PUBLIC, *SECRETS])
    query = Query("", mode=KEYWORD, size=2)
    of_hidden, of_unknown = [
        await ask(index, size=2, cursor=encode(query, Position(1, DocumentId("wiki", name)))) for name in ("s1", "none")
    ]
    assert of_hidden == of_unknown
