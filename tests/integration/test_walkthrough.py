"""The reference walk-through over HTTP: sites, a folder by aspect, a public site; who finds what, and who does not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from indexer.state.run_history import RunState
from tests.integration.whole_system import (
    DEV_1,
    DEV_2,
    KENDRA_1,
    KENDRA_3,
    MANAGER,
    OUTSIDER,
    WholeSystem,
    whole_system,
)
from vocabulary.documents import DocumentState

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUSTAINABILITY = "wellarchitected-sustainability-pillar.pdf"
CARBON = "reduce the carbon footprint of workloads"
EVERYTHING: dict[str, Any] = {"facets": ["source", "site", "type", "author"]}

PRIVATE = {
    DEV_1: {SUSTAINABILITY, "WorkDocs.docx", "WorldPopulation.csv", "Polly-dg.pdf", "Transcribe-api.pdf"},
    DEV_2: {SUSTAINABILITY, "WorkDocs.docx", "WorldPopulation.csv"},
    MANAGER: {"ChannelMarketingBudget.xlsx", "WorkDocs.docx", "WorldPopulation.csv"},
    KENDRA_1: {"ML_Training.pptx"},
    KENDRA_3: {"DDoS_White_Paper.pdf", "wellarchitected-framework.pdf"},
    OUTSIDER: set[str](),
    "nobody@example.com": set[str](),
    "": set[str](),
}
PUBLIC = {
    "batch_user.pdf",
    "Amazon Simple Storage Service – User Guide.pdf",
    "AWS Batch – User Guide.pdf",
    "Amazon Detective.docx",
    "Pricing.xlsx",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    async with whole_system(Path(tmp_path_factory.mktemp("walkthrough"))) as running:
        await running.sync_all()
        yield running


async def test_every_source_is_synced_with_sums_that_match(system: WholeSystem) -> None:
    assert {source: run.state for source, run in system.reports.items()} == dict.fromkeys(
        ("onprem-private", "onprem-aspect", "cloud-private", "cloud-public"), RunState.SUCCEEDED
    )
    indexed = {source: run.tally.states[DocumentState.INDEXED] for source, run in system.reports.items()}
    assert indexed == {"onprem-private": 4, "onprem-aspect": 2, "cloud-private": 3, "cloud-public": 5}
    aspect = system.reports["onprem-aspect"].tally
    assert aspect.reasons["filtered: aspect"] == aspect.scanned - 2 == 3


async def test_a_private_index_answers_nobody_without_a_token(system: WholeSystem) -> None:
    answer = await system.ask("private", {"query": CARBON})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "results" not in answer.json()


async def test_the_sustainability_pillar_is_the_first_hit_of_a_developer(system: WholeSystem) -> None:
    assert (await system.titles("private", CARBON, email=DEV_1))[0] == SUSTAINABILITY
    assert SUSTAINABILITY in await system.titles("private", CARBON, email=DEV_2)


@pytest.mark.parametrize("email", [MANAGER, KENDRA_1, OUTSIDER, "nobody@example.com"])
@pytest.mark.parametrize("mode", ["hybrid", "keyword", "semantic"])
async def test_someone_without_access_sees_none_of_it(system: WholeSystem, email: str, mode: str) -> None:
    query = {"query": CARBON, "mode": mode, "page": {"size": 100}, **EVERYTHING}
    answer = await system.ask("private", query, email=email)
    assert answer.status_code == 200
    text = answer.text.lower()
    assert "sustainability" not in text
    assert "carbon" not in text
    body = answer.json()
    assert body["total"]["value"] == len(body["results"]) <= len(PRIVATE[email])
    for counts in body["facets"].values():
        assert sum(count["count"] for count in counts) <= len(body["results"])


@pytest.mark.parametrize("email", [email for email in PRIVATE if email])
async def test_each_person_browses_exactly_what_they_may_read(system: WholeSystem, email: str) -> None:
    answer = (await system.ask("private", {"query": "", "page": {"size": 100}, **EVERYTHING}, email=email)).json()
    assert {result["title"] for result in answer["results"]} == PRIVATE[email]
    assert answer["total"] == {"value": len(PRIVATE[email]), "relation": "eq"}
    assert sum(count["count"] for count in answer["facets"]["source"]) == len(PRIVATE[email])


async def test_only_the_tagged_documents_of_the_folder_are_indexed_and_only_for_their_reader(
    system: WholeSystem,
) -> None:
    tagged = {"Polly-dg.pdf", "Transcribe-api.pdf"}
    folder = {"filter": {"equals": {"field": "source", "value": "onprem-aspect"}}}
    for email in PRIVATE:
        if email:
            found = set(await system.titles("private", "", email=email, **folder))
            assert found == (tagged if email == DEV_1 else set())


async def test_the_public_index_answers_without_a_token(system: WholeSystem) -> None:
    assert set(await system.titles("public", "")) == PUBLIC
    assert "AWS Batch – User Guide.pdf" in (await system.titles("public", "job queues and compute environments"))[:2]


async def test_the_e_mail_address_finds_the_person_whatever_its_case(system: WholeSystem) -> None:
    assert await system.titles("private", "", email=DEV_1.upper()) == await system.titles("private", "", email=DEV_1)


async def test_words_of_a_comment_find_its_document_for_its_readers_alone(system: WholeSystem) -> None:
    answer = (await system.ask("private", {"query": "hydropower", "mode": "keyword"}, email=DEV_2)).json()
    assert [result["title"] for result in answer["results"]] == [SUSTAINABILITY]
    assert "hydropower region" in answer["results"][0]["excerpt"]["text"]
    assert await system.titles("private", "hydropower", email=MANAGER, mode="keyword") == []


async def test_hits_carry_an_excerpt_with_the_words_that_matched(system: WholeSystem) -> None:
    answer = (await system.ask("private", {"query": "carbon footprint"}, email=DEV_1)).json()
    excerpt = answer["results"][0]["excerpt"]
    marked = [excerpt["text"][span["start"] : span["end"]].lower() for span in excerpt["highlights"]]
    assert {"carbon", "footprint"} <= set(marked)


async def test_an_unchanged_world_is_neither_read_nor_embedded_again(system: WholeSystem) -> None:
    read_before = system.content_requests()
    for run in (await system.sync_all()).values():
        tally = run.tally
        assert tally.passages_embedded == 0
        assert tally.states[DocumentState.UNCHANGED] + tally.states[DocumentState.FILTERED] == tally.scanned > 0
    assert system.content_requests() == read_before
