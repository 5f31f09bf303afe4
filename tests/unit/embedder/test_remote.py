"""The runtime that asks an endpoint: what it sends, what it believes of the answers, and when it asks again."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import respx
from pydantic import ValidationError

from embedder import EmbedderConfig, LoadedModel, RemoteProtocol, RuntimeName, open_enricher
from embedder.config import RemoteConfig
from embedder.models.text_side import read_text_side
from embedder.runtimes.remote import RemoteEnricher, open_remote_enricher
from tests.fakes.embedding_endpoints import KEY, TEI_BATCH, remote_config, sightline_app, tei_app
from tests.unit.embedder.conftest import TinyModel
from vocabulary.documents import CLEAN, ReadText
from vocabulary.errors import ConfigurationError, ModelUnavailable, SettingInvalid, SettingMissing

URL = "http://localhost/v1/embeddings"
SIZE = 3
TEXTS = [f"room {number} is closed" + " today" * (number % 11) for number in range(70)]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[LoadedModel]:
    async with open_enricher(EmbedderConfig(threads=1)) as opened:
        yield opened


class Waits(list[float]):
    """How long would have been waited between two questions."""

    async def note(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@asynccontextmanager
async def remote(
    answer: Callable[[httpx.Request], httpx.Response] | httpx.AsyncBaseTransport | None = None,
    protocol: RemoteProtocol = RemoteProtocol.OPENAI,
    *,
    waits: Waits | None = None,
    **changes: Any,
) -> AsyncIterator[RemoteEnricher]:
    """Open the runtime before a function that answers, a transport, or whatever respx has in its place."""
    transport = (
        httpx.MockTransport(answer) if callable(answer) and not isinstance(answer, httpx.AsyncBaseTransport) else answer
    )
    config = remote_config(protocol, **{"dimensions": SIZE} | changes)
    async with open_remote_enricher(
        config, transport=transport, sleep=(Waits() if waits is None else waits).note
    ) as opened:
        yield opened


def read(model: RemoteEnricher | LoadedModel, texts: Sequence[str]) -> list[ReadText]:
    return [ReadText(text, model.tokenise(text)) for text in texts]


def rows(*vectors: Sequence[float]) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": list(vector)} for index, vector in enumerate(vectors)]}


# -- what comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", RemoteProtocol)
async def test_every_protocol_gives_the_vectors_that_the_model_gives_here(
    model: LoadedModel, protocol: RemoteProtocol
) -> None:
    app = tei_app(model) if protocol is RemoteProtocol.TEI else sightline_app(model)
    async with remote(httpx.ASGITransport(app), protocol, dimensions=384, max_batch_texts=TEI_BATCH + 8) as asked:
        found = await asked.enrich(read(asked, TEXTS))
        query = await asked.embed_query("which room is closed?")

    expected = (await model.enrich(read(model, TEXTS))).vectors
    np.testing.assert_allclose(found.vectors, expected, atol=1e-5)
    np.testing.assert_allclose(query, await model.embed_query("which room is closed?"), atol=1e-5)
    assert list(found.toxicity) == [CLEAN] * len(TEXTS)


async def test_the_recipe_names_protocol_model_size_and_tokeniser() -> None:
    recipes = set()
    for changes in ({}, {"model": "other"}, {"dimensions": 4}, {"protocol": RemoteProtocol.TEI}, {"max_tokens": 9}):
        async with remote(**changes) as asked:
            recipes.add(asked.recipe)
    assert len(recipes) == 5
    async with remote(url="http://localhost/elsewhere", concurrency=1) as moved:
        assert moved.recipe in recipes


async def test_vectors_get_unit_length_and_the_order_of_their_indexes() -> None:
    answer = {"data": [{"index": 1, "embedding": [0, 0, 5]}, {"index": 0, "embedding": [3, 4, 0]}]}
    async with remote(lambda _: httpx.Response(200, json=answer)) as asked:
        vectors = (await asked.enrich(read(asked, ["b", "a"]))).vectors
    np.testing.assert_allclose(vectors, [[0.6, 0.8, 0], [0, 0, 1]], atol=1e-6)


WRONG_ANSWERS: list[Any] = [
    rows([1, 0, 0]),  # of two texts
    rows([1, 0, 0], [1, 0, 0], [1, 0, 0]),
    rows([1, 0], [0, 1]),  # of another size
    rows([1, 0, 0], [1, 0]),
    rows([1, 0, 0], [0, 0, 0]),
    rows([1, 0, 0], [1, 0, None]),
    rows([1, 0, 0], ["a", "b", "c"]),
    {"data": [{"index": 0, "embedding": [1, 0, 0]}, {"index": 0, "embedding": [1, 0, 0]}]},
    {"data": [{"index": 1, "embedding": [1, 0, 0]}, {"index": 2, "embedding": [1, 0, 0]}]},
    {"data": None},
    {"embeddings": [[1, 0, 0], [1, 0, 0]]},
    [[1, 0, 0], [1, 0, 0]],
    {},
    7,
    None,
]


@pytest.mark.parametrize("answer", WRONG_ANSWERS, ids=str)
async def test_an_answer_that_is_not_what_was_asked_for_is_refused(answer: Any) -> None:
    await demand_refusal(httpx.Response(200, json=answer))


ODD_ANSWERS = [
    httpx.Response(200, text=json.dumps(rows([1, 0, float("nan")], [1, 0, 0]))),
    httpx.Response(200, text=json.dumps(rows([1, 0, float("inf")], [1, 0, 0]))),
    httpx.Response(200, text=json.dumps(rows([1, 0, 0], [1, 0, 0])) + "1"),
    httpx.Response(200, text='{"data":[{"index":Infinity,"embedding":[1,0,0]}]}'),
    httpx.Response(200, content=b"\xff\xfe"),
    httpx.Response(200, content=b"[" * 60_000),
    httpx.Response(200, content=b" " * 100_000),
    httpx.Response(
        200,
        content=gzip.compress(json.dumps(rows([1, 0, 0], [1, 0, 0])).encode()),
        headers={"Content-Encoding": "gzip"},
    ),
    httpx.Response(204),
    httpx.Response(301, headers={"Location": "http://localhost/v1/embeddings/"}),
    httpx.Response(307, headers={"Location": "https://elsewhere.example.com/"}),
    *(httpx.Response(status) for status in (400, 401, 403, 404, 422)),
]


@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=lambda response: f"{response.status_code}")
async def test_an_answer_that_is_none_is_refused_and_not_asked_for_again(answer: httpx.Response) -> None:
    await demand_refusal(answer)


async def demand_refusal(answer: httpx.Response) -> None:
    asked_for: list[httpx.URL] = []

    def answering(request: httpx.Request) -> httpx.Response:
        asked_for.append(request.url)
        return answer

    async with remote(answering) as asked:
        with pytest.raises(ModelUnavailable) as refused:
            await asked.enrich(read(asked, ["a", "b"]))
    assert asked_for == [httpx.URL(URL)]
    assert str(refused.value).startswith("http://localhost/v1: ")
    assert KEY.get_secret_value() not in str(refused.value)


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [{"name": "a", "shape": [1, 3], "data": [1, 0]}],
        [{"name": "a", "shape": [1, 3], "data": [1, 0, 0]}] * 2,
        [{"name": "a", "shape": [3], "data": [1, 0, 0]}],
        [{"name": "a", "shape": [2, 3], "data": [1, 0, 0, 1, 0, 0]}],
    ],
    ids=str,
)
async def test_a_tensor_of_another_shape_is_refused(outputs: list[Any]) -> None:
    async with remote(lambda _: httpx.Response(200, json={"outputs": outputs}), RemoteProtocol.V2) as asked:
        with pytest.raises(ModelUnavailable, match="no single output of shape"):
            await asked.enrich(read(asked, ["a"]))


@pytest.mark.parametrize("answer", [7, "1.5", {}, [], True], ids=str)
async def test_a_bare_value_is_no_list_of_vectors(answer: Any) -> None:
    async with remote(lambda _: httpx.Response(200, json=answer), RemoteProtocol.TEI) as asked:
        with pytest.raises(ModelUnavailable, match="vectors"):
            await asked.enrich(read(asked, ["a"]))


# -- when it is asked again --------------------------------------------------------------------------------------------


def embedding(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=rows(*[[1, 0, 0] for _ in json.loads(request.content)["input"]]))


async def test_passing_faults_are_asked_again_and_a_wait_that_was_asked_for_is_kept(
    respx_mock: respx.MockRouter, waits: Waits
) -> None:
    respx_mock.post(URL).mock(
        side_effect=[
            httpx.Response(503),
            httpx.Response(429, headers={"Retry-After": "17"}),
            httpx.ConnectError("refused"),
            httpx.ReadTimeout("slow"),
            httpx.Response(200, json=rows([1, 0, 0])),
        ]
    )
    async with remote(waits=waits) as asked:
        assert len((await asked.enrich(read(asked, ["a"]))).vectors) == 1
    assert len(waits) == 4
    assert waits[1] == 17
    assert all(wait <= 8 for wait in waits[:1] + waits[2:])


async def test_a_moment_to_come_again_counts_by_the_clock_of_the_one_who_answers(
    respx_mock: respx.MockRouter, waits: Waits
) -> None:
    dates = {"Date": "Thu, 01 Jan 2026 10:00:00 GMT", "Retry-After": "Thu, 01 Jan 2026 10:00:40 GMT"}
    respx_mock.post(URL).mock(
        side_effect=[
            httpx.Response(503, headers=dates),
            httpx.Response(503, headers={"Retry-After": "soon"}),
            httpx.Response(503, headers={"Retry-After": "999999"}),
            httpx.Response(200, json=rows([1, 0, 0])),
        ]
    )
    async with remote(waits=waits) as asked:
        await asked.enrich(read(asked, ["a"]))
    assert waits[0] == 40
    assert waits[1] <= 2
    assert waits[2] == 300


async def test_a_dead_endpoint_is_one_clear_error_that_may_be_tried_again(
    respx_mock: respx.MockRouter, waits: Waits
) -> None:
    respx_mock.post(URL).mock(side_effect=httpx.ConnectError("refused"))
    async with remote(waits=waits, max_batch_texts=8) as asked:
        with pytest.raises(ModelUnavailable, match=r"^http://localhost/v1: ConnectError, asked \d times$"):
            await asked.enrich(read(asked, TEXTS))
        with pytest.raises(ModelUnavailable):
            await asked.embed_query("lunch")


async def test_a_query_waits_no_longer_than_it_is_told() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return embedding(request)

    async with remote(httpx.MockTransport(never), query_timeout_s=0.05) as asked:
        with pytest.raises(ModelUnavailable, match=r"no answer within 0\.05 s"):
            await asked.embed_query("lunch")


async def test_queries_wait_for_no_batch() -> None:
    let_go = asyncio.Event()

    async def slow_for_many(request: httpx.Request) -> httpx.Response:
        if len(json.loads(request.content)["input"]) > 1:
            await let_go.wait()
        return embedding(request)

    async with remote(httpx.MockTransport(slow_for_many), concurrency=1) as asked:
        bulk = asyncio.create_task(asked.enrich(read(asked, TEXTS)))
        await asyncio.sleep(0.01)
        await asked.embed_query("lunch")
        assert not bulk.done()
        let_go.set()
        assert len((await bulk).vectors) == len(TEXTS)


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_batches_are_bounded_by_count_and_bytes_and_few_at_once() -> None:
    sent: list[list[str]] = []
    under_way = most = 0

    async def counting(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        sent.append(json.loads(request.content)["input"])
        return embedding(request)

    texts = [*TEXTS, "long " * 180, "long " * 180]
    async with remote(httpx.MockTransport(counting), max_batch_texts=16, max_batch_bytes=1024, concurrency=3) as asked:
        await asked.enrich(read(asked, texts))
    assert sorted(text for batch in sent for text in batch) == sorted(text.rstrip() for text in texts)
    assert all(len(batch) <= 16 and len("".join(batch)) <= 1024 for batch in sent)
    assert most == 3


async def test_a_batch_that_is_too_large_is_halved_until_it_is_not() -> None:
    sizes: list[int] = []

    def at_most_ten(request: httpx.Request) -> httpx.Response:
        sizes.append(len(json.loads(request.content)["input"]))
        return embedding(request) if sizes[-1] <= 10 else httpx.Response(413)

    async with remote(at_most_ten, max_batch_texts=32) as asked:
        assert len((await asked.enrich(read(asked, TEXTS[:32]))).vectors) == 32
    assert sorted(sizes) == [8, 8, 8, 8, 16, 16, 32]


async def test_a_single_text_that_is_too_large_is_told_with_what_may_be_wrong() -> None:
    async with remote(lambda _: httpx.Response(413)) as asked:
        with pytest.raises(ModelUnavailable, match=r"refuses a text of at most 254 tokens: is embedder\.model"):
            await asked.enrich(read(asked, ["a", "b"]))


async def test_texts_are_cut_to_what_the_model_reads_and_none_is_empty() -> None:
    sent: list[str] = []

    def noting(request: httpx.Request) -> httpx.Response:
        sent.extend(json.loads(request.content)["input"])
        return embedding(request)

    async with remote(noting, max_tokens=4) as asked:
        await asked.enrich(read(asked, ["one two three four five six", "", " ", "broken \ud83d name"]))
    assert sorted(sent) == [" ", " ", "broken \ufffd name", "one two three four"]


async def test_an_answer_that_drips_for_ever_is_given_up_and_asked_for_again() -> None:
    asked_for: list[httpx.URL] = []

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.002)

    def answering(request: httpx.Request) -> httpx.Response:
        asked_for.append(request.url)
        return httpx.Response(200, content=dripping())

    async with remote(answering, timeout_s=0.02, total_timeout_s=0.02) as asked:
        words = r"no whole answer within 0\.02 s \(embedder\.remote\.total_timeout_s\), asked 6 times"
        with pytest.raises(ModelUnavailable, match=words):
            await asked.enrich(read(asked, ["a"]))
    assert len(asked_for) == 6


async def test_the_key_goes_to_the_endpoint_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com")
    seen: list[tuple[str, str | None]] = []

    def noting(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("Authorization")))
        return httpx.Response(302, headers={"Location": "https://elsewhere.example.com/v1/embeddings"})

    async with remote(noting) as asked:
        with pytest.raises(ModelUnavailable, match="redirects are not followed"):
            await asked.embed_query("lunch")
    assert seen == [("localhost", f"Bearer {KEY.get_secret_value()}")]


# -- settings ----------------------------------------------------------------------------------------------------------

WHOLE = {"url": "https://models.example.com/v1", "protocol": "openai", "model": "m", "dimensions": 3}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://models.example.com"}, "expected https"),
        ({"url": "https://name:word@models.example.com"}, "expected https"),
        ({"url": "https://models.example.com/?key=1"}, "expected https"),
        ({"url": "http://models.example.com", "api_key": "k"}, "a key is sent over https alone"),
        ({"dimensions": 0}, "dimensions"),
        ({"model": ""}, "model"),
        ({"protocol": "grpc"}, "protocol"),
    ],
)
async def test_an_endpoint_that_cannot_work_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        RemoteConfig.model_validate(WHOLE | changes)
    assert "word@" not in str(refused.value)


async def test_a_runtime_and_its_endpoint_go_together() -> None:
    RemoteConfig.model_validate(WHOLE | {"url": "http://127.0.0.1:8000", "api_key": "k"})
    for values in ({"runtime": "remote"}, {"remote": WHOLE}, {"runtime": "openvino", "remote": WHOLE}):
        with pytest.raises(ValidationError, match="go together"):
            EmbedderConfig.model_validate(values)


async def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="ca_certificate"):
        async with remote(ca_certificate=tmp_path / "missing.pem"):
            pass


async def test_the_runtime_is_chosen_by_the_settings_and_sends_nothing_to_begin_with() -> None:
    config = remote_config(RemoteProtocol.V2, url="http://127.0.0.1:1")
    assert config.runtime is RuntimeName.REMOTE
    async with open_enricher(config) as opened:
        assert opened.dimensions == 384
        assert opened.toxicity_version == ""
        assert "v2 at http://127.0.0.1:1" in opened.runtime


# -- the text side -----------------------------------------------------------------------------------------------------


async def test_a_folder_with_a_tokeniser_alone_will_do_where_the_length_is_set(
    tmp_path: Path, tiny_model: TinyModel
) -> None:
    (tmp_path / "tokenizer.json").write_bytes((tiny_model() / "tokenizer.json").read_bytes())
    with pytest.raises(SettingMissing, match=r"embedder\.remote\.max_tokens"):
        read_text_side(tmp_path, max_tokens=None)
    assert read_text_side(tmp_path, max_tokens=9).max_tokens == 9


async def test_a_models_folder_says_how_long_a_text_may_be(tiny_model: TinyModel) -> None:
    folder = tiny_model()
    assert read_text_side(folder, max_tokens=None).max_tokens == 10
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigurationError, match=r"tokenizer\.json is missing"):
        read_text_side(folder, max_tokens=None)


async def test_a_whole_request_may_take_no_less_than_a_silence() -> None:
    with pytest.raises(ValueError, match="total_timeout_s: 20 is less than timeout_s, 30"):
        remote_config(RemoteProtocol.OPENAI, dimensions=SIZE, total_timeout_s=20)
