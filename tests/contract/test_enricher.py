"""The contract of `vocabulary.enricher.Enricher`, for every implementation in `FACTORIES`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

import numpy as np
import pytest
import pytest_asyncio

from embedder import EmbedderConfig, RemoteProtocol, open_enricher
from tests.fakes.embedding_endpoints import remote_model
from vocabulary.documents import ReadText, Tokens
from vocabulary.enricher import Enricher

FACTORIES: dict[str, Callable[[], AbstractAsyncContextManager[Enricher]]] = {
    "openvino": lambda: open_enricher(EmbedderConfig()),
    "openvino-small-batches": lambda: open_enricher(EmbedderConfig(threads=1, max_batch_tokens=64, look_ahead=4)),
    "remote": lambda: remote_model(RemoteProtocol.OPENAI),
}
# The same models, run with other sizes of batches.
RUN_OTHERWISE: dict[str, Callable[[], AbstractAsyncContextManager[Enricher]]] = {
    "remote": lambda: remote_model(RemoteProtocol.OPENAI, max_batch_texts=3, concurrency=1),
}
TEXTS = (
    "The minutes of the board meeting are on the intranet.",
    "Reset the VPN token in the self-service portal before you travel.",
    "Größe: 42 – «naïve» 四半期 報告 🚀",
    "lunch",
    "",
    "All invoices above 10,000 euros need a second signature. " * 9,
)
SENTENCE = "Expenses are paid back within ten working days. "

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=FACTORIES)
async def enricher(request: pytest.FixtureRequest) -> AsyncIterator[Enricher]:
    async with FACTORIES[request.param]() as opened:
        yield opened


def _read(enricher: Enricher, *texts: str) -> list[ReadText]:
    return [ReadText(text, enricher.tokenise(text)) for text in texts]


async def test_vectors_and_scores_come_together_one_of_each_per_sequence(enricher: Enricher) -> None:
    enrichment = await enricher.enrich(_read(enricher, *TEXTS))

    assert enrichment.vectors.shape == (len(TEXTS), enricher.dimensions)
    assert enrichment.vectors.dtype == np.float32
    assert len(enrichment.toxicity) == len(TEXTS)


async def test_vectors_have_unit_length(enricher: Enricher) -> None:
    enrichment = await enricher.enrich(_read(enricher, *TEXTS))
    np.testing.assert_allclose(np.linalg.norm(enrichment.vectors, axis=1), 1, atol=1e-6)


async def test_toxicity_lies_between_0_and_1(enricher: Enricher) -> None:
    scores = (await enricher.enrich(_read(enricher, *TEXTS, "you are a stupid worthless idiot"))).toxicity
    assert all(0 <= each.score_0_1 <= 1 for each in scores)


async def test_what_is_pinned_is_the_same_model_and_names_one_that_scores(enricher: Enricher) -> None:
    pinned = await enricher.pinned()
    assert (pinned.recipe, pinned.toxicity_version) == (enricher.recipe, enricher.toxicity_version)
    assert await (await pinned.pinned()).score(_read(enricher, *TEXTS)) == await pinned.score(_read(pinned, *TEXTS))


async def test_thresholds_are_scores_and_hiding_asks_for_more_than_flagging(enricher: Enricher) -> None:
    thresholds = enricher.toxicity_thresholds
    assert 0 < thresholds.flag <= thresholds.hide <= 1


async def test_stored_texts_are_scored_as_they_are_when_they_are_embedded(enricher: Enricher) -> None:
    texts = _read(enricher, *TEXTS, "you are a stupid worthless idiot")
    embedded = [each.score_0_1 for each in (await enricher.enrich(texts)).toxicity]
    assert [each.score_0_1 for each in await enricher.score(texts)] == pytest.approx(embedded, abs=2e-2)


async def test_the_answer_keeps_the_order_of_the_texts(enricher: Enricher) -> None:
    texts = _read(enricher, *(SENTENCE * (number % 7 + 1) + str(number) for number in range(40)))
    one_by_one = [(await enricher.enrich([text])).vectors[0] for text in texts]

    together = await enricher.enrich(texts)
    reverse = await enricher.enrich(texts[::-1])

    np.testing.assert_allclose(together.vectors, one_by_one, atol=2e-3)
    np.testing.assert_allclose(reverse.vectors[::-1], one_by_one, atol=2e-3)
    backwards = [each.score_0_1 for each in reversed(reverse.toxicity)]
    assert backwards == pytest.approx([each.score_0_1 for each in together.toxicity], abs=2e-2)


async def test_concurrent_calls_get_their_own_answers(enricher: Enricher) -> None:
    calls = [_read(enricher, f"{SENTENCE}{number}", f"room {number}") for number in range(12)]
    alone = [(await enricher.enrich(call)).vectors for call in calls]

    at_once = await asyncio.gather(*(enricher.enrich(call) for call in calls))

    for expected, answer in zip(alone, at_once, strict=True):
        np.testing.assert_allclose(answer.vectors, expected, atol=2e-3)


async def test_no_texts_give_an_empty_answer(enricher: Enricher) -> None:
    enrichment = await enricher.enrich([])
    assert enrichment.vectors.shape == (0, enricher.dimensions)
    assert not enrichment.toxicity


async def test_texts_beyond_the_limit_are_cut_there(enricher: Enricher) -> None:
    (read,) = _read(enricher, SENTENCE * 60)
    tokens = read.tokens
    assert len(tokens.ids) > enricher.max_tokens + 50
    shortened = [
        ReadText(read.text, Tokens(tokens.ids[:count], tokens.offsets[:count]))
        for count in (enricher.max_tokens, enricher.max_tokens - 1)
    ]

    long, cut, shorter = (await enricher.enrich([read, *shortened])).vectors

    np.testing.assert_allclose(long, cut, atol=1e-5)
    assert not np.allclose(cut, shorter, atol=1e-5)


async def test_a_query_gets_the_vector_that_its_text_gets_as_a_passage(enricher: Enricher) -> None:
    for text in TEXTS:
        vector = await enricher.embed_query(text)
        assert vector.shape == (enricher.dimensions,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert float(vector @ (await enricher.enrich(_read(enricher, text))).vectors[0]) >= 0.999


async def test_a_query_longer_than_the_limit_is_cut(enricher: Enricher) -> None:
    vector = await enricher.embed_query(SENTENCE * 1000)
    passage = (await enricher.enrich(_read(enricher, SENTENCE * 60))).vectors[0]
    assert float(vector @ passage) >= 0.999


async def test_queries_do_not_wait_behind_a_long_enrich(enricher: Enricher) -> None:
    (read,) = _read(enricher, SENTENCE * 60)
    bulk = asyncio.create_task(enricher.enrich([read] * 400))
    await asyncio.sleep(0)

    for number in range(3):
        await enricher.embed_query(f"who approves travel {number}")

    assert not bulk.done()
    bulk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bulk


async def test_work_goes_on_after_a_cancelled_call(enricher: Enricher) -> None:
    bulk = asyncio.create_task(enricher.enrich(_read(enricher, *[SENTENCE * 20] * 50)))
    await asyncio.sleep(0)
    bulk.cancel()

    enrichment = await enricher.enrich(_read(enricher, "after it"))
    assert np.linalg.norm(enrichment.vectors[0]) == pytest.approx(1, abs=1e-6)


async def test_offsets_are_the_places_of_the_tokens_in_the_text(enricher: Enricher) -> None:
    for text in TEXTS:
        tokens = enricher.tokenise(text)
        assert tokens.offsets.shape == (len(tokens.ids), 2)
        assert tokens.ids.dtype == tokens.offsets.dtype == np.int32
        assert np.all(tokens.offsets[:, 0] <= tokens.offsets[:, 1])
        assert np.all(np.diff(tokens.offsets[:, 0]) >= 0)
        pieces = [text[start:end] for start, end in tokens.offsets]
        assert "".join(pieces) == "".join(text.split())


async def test_text_of_any_length_is_tokenised_whole(enricher: Enricher) -> None:
    once, often = len(enricher.tokenise(SENTENCE).ids), enricher.tokenise(SENTENCE * 3000)
    assert len(often.ids) == 3000 * once
    assert often.offsets[-1].tolist() == [len(SENTENCE) * 3000 - 2, len(SENTENCE) * 3000 - 1]


async def test_text_that_is_no_valid_unicode_is_tokenised(enricher: Enricher) -> None:
    (read,) = _read(enricher, "broken \ud83d name\x00")
    assert read.tokens.offsets.max() <= len(read.text)
    assert len((await enricher.enrich([read])).vectors) == 1


async def test_tokenise_may_be_called_from_many_threads(enricher: Enricher) -> None:
    texts = [f"{SENTENCE * (number % 5)} number {number}" for number in range(200)]
    expected = [enricher.tokenise(text).ids.tolist() for text in texts]

    with ThreadPoolExecutor(8) as threads:
        found = [tokens.ids.tolist() for tokens in threads.map(enricher.tokenise, texts)]

    assert found == expected


async def test_the_recipe_is_the_same_however_fast_the_model_runs(
    enricher: Enricher, request: pytest.FixtureRequest
) -> None:
    otherwise = RUN_OTHERWISE.get(request.node.callspec.params["enricher"])
    async with otherwise() if otherwise else open_enricher(EmbedderConfig(threads=2, max_batch_tokens=512)) as other:
        assert enricher.recipe == other.recipe
    assert enricher.recipe
