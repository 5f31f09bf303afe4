"""One document over HTTP: shown to who may read it, and to everybody else as if it were not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest

from service.http.errors import MEDIA_TYPE
from tests.fakes.documents import description, document, passage
from tests.unit.service.http_world import MENU_TEXT, PLAN_TEXT, HttpWorld, bearer
from vocabulary.documents import Toxicity, ToxicSpan
from vocabulary.indexing import Put, Scoring

PLANS_LIST = 1  # the first that the world stores
ANN, BOB = "ann@example.com", "bob@example.com"


async def look_at(
    world: HttpWorld,
    document_id: str,
    *,
    headers: Mapping[str, str] | None = None,
    index: str = "private",
    **query: int,
) -> httpx.Response:
    return await world.client.get(f"/indexes/{index}/documents/{document_id}", params=query, headers=headers)


async def test_a_reader_is_shown_a_document(world: HttpWorld) -> None:
    answer = await look_at(world, "hr/plan", headers=bearer(ANN))
    assert answer.json() == {
        "document_id": "hr/plan",
        "source": "hr",
        "title": "plan",
        "uri": "https://hr.example/plan",
        "attributes": {
            "modified_at": "2025-03-01T12:30:00Z",
            "n": [1, 2.5],
            "site": "board",
            "tags": ["a", "b"],
        },
        "toxicity": 0.0,
        "toxicity_categories": [],
        "toxicity_model": None,
        "passages": [
            {
                "text": PLAN_TEXT,
                "kind": "body",
                "page": None,
                "heading": None,
                "author": None,
                "written_at": None,
                "toxicity": 0.0,
                "toxic_sentences": [],
            }
        ],
        "next_passage": None,
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_a_shown_document_tells_which_of_its_sentences_offend(world: HttpWorld) -> None:
    rude = Toxicity(0.9, "insult", (ToxicSpan(5, 15, 0.9, "insult"),))
    found = Put(description("plan", source="hr", acl=PLANS_LIST), (passage("Good. You fools!"),))
    rude_passage = replace(found.passages[0], toxicity=rude)
    await world.backends["private"].apply(
        [replace(found, passages=(rude_passage,), scoring=Scoring("h/1", ("insult",)))]
    )
    answer = (await look_at(world, "hr/plan", headers=bearer(ANN))).json()
    assert (answer["toxicity"], answer["toxicity_categories"], answer["toxicity_model"]) == (0.9, ["insult"], "h/1")
    assert [(each["toxicity"], each["toxic_sentences"]) for each in answer["passages"]] == [
        (0.9, [{"start": 5, "end": 15, "toxicity": 0.9, "category": "insult"}])
    ]


async def test_what_is_not_there_and_what_may_not_be_read_answer_alike(world: HttpWorld) -> None:
    ids = ("hr/plan", "hr/missing", "web/menu", "nowhere/plan", "plan", "/plan", "hr/", "hr/plan/x")
    answers = [await look_at(world, each, headers=bearer(BOB)) for each in ids]
    bodies = [{key: value for key, value in answer.json().items() if key != "instance"} for answer in answers]
    assert bodies == [
        {"type": "urn:sightline:problem:document-unknown", "title": "There is no such document", "status": 404}
    ] * len(ids)
    headers = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
    assert all(each == headers[0] for each in headers)
    assert headers[0]["content-type"] == MEDIA_TYPE


async def test_without_a_token_nobody_learns_whether_a_document_is_there(world: HttpWorld) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}):
        answers = [await look_at(world, each, headers=headers) for each in ("hr/plan", "hr/missing")]
        assert [answer.status_code for answer in answers] == [401, 401]


async def test_a_public_index_shows_what_is_public(world: HttpWorld) -> None:
    answer = await look_at(world, "web/menu", index="open")
    assert [passage["text"] for passage in answer.json()["passages"]] == [MENU_TEXT]
    assert (await look_at(world, "hr/menu", index="open")).status_code == 404


async def test_an_id_may_be_a_path_with_any_signs(world: HttpWorld) -> None:
    name = "board/100% plan?#1.txt"
    await world.backends["private"].apply([document(name, "words", source="hr", acl=PLANS_LIST)])
    answer = await look_at(world, "hr/board/100%25%20plan%3F%231.txt", headers=bearer(ANN))
    assert answer.json()["document_id"] == f"hr/{name}"


async def test_passages_are_shown_piece_by_piece(world: HttpWorld) -> None:
    await world.backends["private"].apply(
        [document("long", *(f"part {n}" for n in range(5)), source="hr", acl=PLANS_LIST)]
    )
    seen: list[str] = []
    first: int | None = 0
    while first is not None:
        page = (await look_at(world, "hr/long", headers=bearer(ANN), first=first, passages=2)).json()
        seen += [passage["text"] for passage in page["passages"]]
        first = page["next_passage"]
    assert seen == [f"part {n}" for n in range(5)]
    assert (await look_at(world, "hr/long", headers=bearer(ANN), first=9)).json()["passages"] == []


@pytest.mark.parametrize("query", [{"passages": -1}, {"passages": 201}, {"first": -1}])
async def test_pieces_that_cannot_be_are_400(world: HttpWorld, query: dict[str, int]) -> None:
    assert (await look_at(world, "hr/plan", headers=bearer(ANN), **query)).status_code == 400


async def test_an_index_of_another_state_shows_nothing(world: HttpWorld) -> None:
    world.backends["private"]._numbering = "another state"  # as after a restored backup of the state store
    for document_id in ("hr/plan", "hr/missing"):
        answer = await look_at(world, document_id, headers=bearer(ANN))
        assert (answer.status_code, "plan" in answer.text) == (503, False)
