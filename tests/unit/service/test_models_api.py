"""The models over HTTP, as programs written for the OpenAI API and for the Open Inference Protocol use them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from pydantic import SecretStr, ValidationError

from embedder import EmbedderConfig, LoadedModel, open_enricher
from service.http.app import create_app
from service.models import desk
from service.models.access import ModelAccess, model_access
from service.models.desk import MAX_REQUESTS, MAX_TEXTS, CallerGone, ModelDesk
from service.models.key_config import ModelKeyConfig
from service.routes.embeddings import EmbeddingsBody
from service.routes.inference import InferBody
from service.routes.model_errors import MAX_BODY_BYTES
from service.search import SearchService
from tests.unit.service.admin_world import EVERYTHING
from tests.unit.service.http_world import bearer
from vocabulary.documents import ReadText, Vector
from vocabulary.errors import ModelUnavailable, QueryInvalid

NAME = "all-MiniLM-L6-v2"
KEY = "models-" + "m" * 32
TEXTS = ["lunch", "the board meets on monday", "Größe 42, «naïve»"]
LONG = "the minutes of the board meeting are on the intranet. " * 40

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[LoadedModel]:
    async with open_enricher(EmbedderConfig(threads=1)) as opened:
        yield opened


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of an eighth of the size: requests of an eighth are cut into as many."""
    monkeypatch.setattr(desk, "_PIECE_TOKENS", desk._PIECE_TOKENS // 8)


@pytest.fixture
def access(model: LoadedModel) -> ModelAccess:
    access = model_access([ModelKeyConfig(name="assistant", key=SecretStr(KEY))], model)
    assert access is not None
    return access


@pytest_asyncio.fixture(loop_scope="module")
async def client(access: ModelAccess) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(access) as opened:
        opened.headers["Authorization"] = f"Bearer {KEY}"
        yield opened


def _client(access: ModelAccess | None) -> httpx.AsyncClient:
    unused: Any = None
    app = create_app(SearchService({}, unused), unused, probes={}, models=access)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test")


async def embedded(model: LoadedModel, *texts: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (await model.enrich([ReadText(text, model.tokenise(text)) for text in texts])).vectors


async def embed(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/embeddings", json={"model": NAME} | body)


async def infer(client: httpx.AsyncClient, model: str, *texts: str, **changes: Any) -> httpx.Response:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return await client.post(f"/v2/models/{model}/infer", json={"inputs": [tensor]} | changes)


def told(answer: httpx.Response) -> str:
    message: str = answer.json()["error"]["message"]
    return message


# -- who may ask -------------------------------------------------------------------------------------------------------

DOORS = [
    ("GET", "/v1/models"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v2"),
    ("GET", f"/v2/models/{NAME}"),
    ("GET", f"/v2/models/{NAME}/ready"),
    ("POST", "/v2/models/toxicity/infer"),
]
NO_KEYS: list[Any] = [
    {},
    {"Authorization": f"Bearer {KEY}x"},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": f"Bearer {EVERYTHING}"},  # an administrator's
    bearer("ann@example.com"),  # a reader's
    [("Authorization", f"Bearer {KEY}")] * 2,
]


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_nobody_passes_without_a_key_of_the_models(access: ModelAccess, method: str, path: str) -> None:
    async with _client(access) as stranger:
        for headers in NO_KEYS:
            answer = await stranger.request(method, path, headers=headers, content=b"{" if method == "POST" else None)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert set(answer.json()) == {"error"}


async def test_without_keys_in_the_settings_there_are_no_such_routes(model: LoadedModel) -> None:
    assert model_access([], model) is None
    async with _client(None) as anybody:
        for method, path in [*DOORS, ("GET", "/v2/health/live")]:
            assert (await anybody.request(method, path)).status_code == 404


async def test_whether_the_models_live_is_told_to_everybody(access: ModelAccess) -> None:
    async with _client(access) as anybody:
        assert (await anybody.get("/v2/health/live")).json() == {"live": True}
        assert (await anybody.get("/v2/health/ready")).json() == {"ready": True}


# -- /v1 ---------------------------------------------------------------------------------------------------------------


async def test_vectors_are_those_that_passages_get(client: httpx.AsyncClient, model: LoadedModel) -> None:
    answer = (await embed(client, input=TEXTS)).json()

    assert answer["object"] == "list"
    assert answer["model"] == NAME
    assert [entry["index"] for entry in answer["data"]] == [0, 1, 2]
    assert {entry["object"] for entry in answer["data"]} == {"embedding"}
    vectors = np.array([entry["embedding"] for entry in answer["data"]])
    np.testing.assert_allclose(vectors, await embedded(model, *TEXTS), atol=1e-5)


async def test_one_text_may_come_by_itself(client: httpx.AsyncClient, model: LoadedModel) -> None:
    (entry,) = (await embed(client, input=TEXTS[1], user="u-1")).json()["data"]
    np.testing.assert_allclose(entry["embedding"], (await embedded(model, TEXTS[1]))[0], atol=1e-5)


async def test_token_ids_give_the_vector_of_their_text(client: httpx.AsyncClient, model: LoadedModel) -> None:
    ids = [model.tokenise(text).ids.tolist() for text in TEXTS]
    several = (await embed(client, input=ids)).json()["data"]
    alone = (await embed(client, input=ids[0])).json()["data"]

    np.testing.assert_allclose([each["embedding"] for each in several], await embedded(model, *TEXTS), atol=1e-5)
    np.testing.assert_allclose(alone[0]["embedding"], several[0]["embedding"], atol=1e-5)


async def test_base64_holds_the_same_numbers(client: httpx.AsyncClient) -> None:
    plain = (await embed(client, input=TEXTS)).json()["data"]
    packed = (await embed(client, input=TEXTS, encoding_format="base64")).json()["data"]
    for one, other in zip(plain, packed, strict=True):
        np.testing.assert_array_equal(
            np.frombuffer(base64.b64decode(other["embedding"]), "<f4"), np.array(one["embedding"], np.float32)
        )


async def test_usage_counts_the_tokens_of_all_texts(client: httpx.AsyncClient, model: LoadedModel) -> None:
    tokens = sum(len(model.tokenise(text).ids) for text in TEXTS)
    assert (await embed(client, input=TEXTS)).json()["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


@pytest.mark.usefixtures("small_pieces")
async def test_many_texts_keep_their_order_over_all_pieces(client: httpx.AsyncClient, model: LoadedModel) -> None:
    texts = [f"{LONG[: 50 * (number % 9 + 1)]} number {number}" for number in range(60)]
    answer = (await embed(client, input=texts)).json()
    vectors = np.array([entry["embedding"] for entry in answer["data"]])
    assert len(vectors) == 60
    for number in (0, 27, 59):
        np.testing.assert_allclose(vectors[number], (await embedded(model, texts[number]))[0], atol=1e-5)


async def test_the_models_own_number_of_dimensions_may_be_asked_for_and_no_other(client: httpx.AsyncClient) -> None:
    assert (await embed(client, input="a", dimensions=384)).status_code == 200
    answer = await embed(client, input="a", dimensions=256)
    assert answer.status_code == 400
    assert "384" in told(answer)


async def test_another_model_is_unknown(client: httpx.AsyncClient) -> None:
    answer = await embed(client, input="a", model="text-embedding-3-small")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


async def test_models_are_listed(client: httpx.AsyncClient) -> None:
    (entry,) = (await client.get("/v1/models")).json()["data"]
    assert (entry["id"], entry["object"]) == (NAME, "model")


BAD_INPUTS: list[Any] = ["", [], [""], ["a", 1], [[]], [[1], []], [[1.5]], [-1], [1 << 40], [30522], None, {"a": 1}]


@pytest.mark.parametrize("given", BAD_INPUTS, ids=repr)
async def test_what_is_no_text_is_refused_in_the_apis_own_words(client: httpx.AsyncClient, given: Any) -> None:
    answer = await embed(client, input=given)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith("input")


async def test_a_text_that_the_model_cannot_read_whole_is_refused_by_its_place(client: httpx.AsyncClient) -> None:
    answer = await embed(client, input=["short", LONG])
    assert answer.status_code == 400
    assert "text 1 has" in told(answer)
    assert "254" in told(answer)
    assert "intranet" not in answer.text


async def test_requests_have_limits(client: httpx.AsyncClient) -> None:
    assert (await embed(client, input=["a"] * (MAX_TEXTS + 1))).status_code == 400
    body = json.dumps({"model": NAME, "input": "a" * MAX_BODY_BYTES})
    answer = await client.post("/v1/embeddings", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (413, None)
    answer = await client.post("/v1/embeddings", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
    assert (await embed(client, input="a", inputs="b")).status_code == 400


# -- /v2 ---------------------------------------------------------------------------------------------------------------


async def test_models_describe_themselves(client: httpx.AsyncClient, model: LoadedModel) -> None:
    assert (await client.get("/v2")).json()["name"] == "sightline"
    described = (await client.get(f"/v2/models/{NAME}")).json()
    assert described["versions"] == [model.version]
    assert described["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert described["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}]

    toxicity = (await client.get("/v2/models/toxicity")).json()
    assert toxicity["versions"] == [model.toxicity_version]
    assert [each["name"] for each in toxicity["outputs"]] == ["score", "category", "spans"]
    path = f"/v2/models/toxicity/versions/{model.toxicity_version}"
    assert (await client.get(path)).json() == toxicity
    assert (await client.get(f"{path}/ready")).json() == {"name": "toxicity", "ready": True}


@pytest.mark.parametrize(
    "path", ["/v2/models/other", "/v2/models/toxicity/versions/0", f"/v2/models/{NAME}/versions/0"]
)
async def test_other_models_and_versions_are_unknown(client: httpx.AsyncClient, path: str) -> None:
    for answer in (await client.get(path), await client.get(f"{path}/ready")):
        assert answer.status_code == 404
        assert isinstance(answer.json()["error"], str)


async def test_texts_are_embedded_as_a_tensor(client: httpx.AsyncClient, model: LoadedModel) -> None:
    answer = (await infer(client, NAME, *TEXTS, id="request-1")).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (NAME, model.version, "request-1")
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("embedding", "FP32", [3, 384])
    vectors = np.reshape(output["data"], output["shape"])
    np.testing.assert_allclose(vectors, await embedded(model, *TEXTS), atol=1e-5)


async def test_texts_are_scored_as_documents_are(client: httpx.AsyncClient, model: LoadedModel) -> None:
    texts = ["you are a stupid worthless idiot", "the canteen opens at noon"]
    answer = (await infer(client, "toxicity", *texts)).json()
    outputs = {output["name"]: output for output in answer["outputs"]}
    expected = await model.score([ReadText(text, model.tokenise(text)) for text in texts])

    assert {name: (each["datatype"], each["shape"]) for name, each in outputs.items()} == {
        "score": ("FP32", [2]), "category": ("BYTES", [2]), "spans": ("BYTES", [2]),
    }  # fmt: skip
    assert outputs["score"]["data"] == pytest.approx([each.score_0_1 for each in expected], abs=1e-4)
    assert outputs["score"]["data"][0] > 0.5 > outputs["score"]["data"][1]
    assert outputs["category"]["data"] == [each.category for each in expected]
    assert [len(json.loads(each)) for each in outputs["spans"]["data"]] == [len(each.spans) for each in expected]


async def test_one_text_to_score_may_be_longer_than_the_model_reads_and_is_looked_at_sentence_by_sentence(
    client: httpx.AsyncClient, model: LoadedModel
) -> None:
    async def nothing() -> None:
        return None

    nasty = "You are a stupid worthless idiot."
    text = f"{LONG}{nasty} {LONG}"
    outputs = {each["name"]: each["data"][0] for each in (await infer(client, "toxicity", text)).json()["outputs"]}
    expected = await model.score_long(ReadText(text, model.tokenise(text)), before_piece=nothing)

    assert outputs["score"] == pytest.approx(expected.score_0_1, abs=1e-3)
    assert outputs["score"] > 0.5
    spans = json.loads(outputs["spans"])
    assert [text[span["start"] : span["end"]].strip() for span in spans] == [nasty]
    assert (await infer(client, "toxicity", text, "two")).status_code == 400


async def test_outputs_may_be_chosen_and_the_tensor_may_have_a_second_dimension(client: httpx.AsyncClient) -> None:
    tensor = {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": [["a"], ["b"]]}
    answer = await client.post("/v2/models/toxicity/infer", json={"inputs": [tensor], "outputs": [{"name": "score"}]})
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["shape"]) == ("score", [2])


BAD_TENSORS: list[dict[str, Any]] = [
    {"shape": [2]},
    {"shape": [1, 2]},
    {"shape": []},
    {"datatype": "FP32"},
    {"name": "input_ids"},
    {"data": []},
    {"data": [1]},
    {"data": [["a", "b"]]},
    {"data": [LONG]},
    {"binary": True},
]


@pytest.mark.parametrize("changes", BAD_TENSORS, ids=lambda changes: str(changes)[:30])
async def test_a_wrong_tensor_is_refused_in_the_protocols_own_form(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]} | changes
    answer = await client.post(f"/v2/models/{NAME}/infer", json={"inputs": [tensor]})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)


async def test_an_output_that_the_model_does_not_have_is_refused(client: httpx.AsyncClient) -> None:
    answer = await infer(client, NAME, "a", outputs=[{"name": "score"}])
    assert (answer.status_code, answer.json()) == (400, {"error": "outputs: the model has embedding"})


# -- fairness ----------------------------------------------------------------------------------------------------------


async def never_gone() -> bool:
    return False


def short_of_limit(model: LoadedModel, count: int) -> list[ReadText]:
    text = LONG[: len(LONG) // 2]
    return [ReadText(text, model.tokenise(text))] * count


async def test_a_short_text_waits_for_no_request_of_many(model: LoadedModel, client: httpx.AsyncClient) -> None:
    many = asyncio.create_task(embed(client, input=[LONG[: len(LONG) // 2]] * 600))
    await asyncio.sleep(0.05)
    assert (await embed(client, input="lunch")).status_code == 200
    assert not many.done()
    many.cancel()
    await asyncio.wait({many})


@pytest.mark.usefixtures("small_pieces")
async def test_a_syncs_passages_wait_for_a_piece_of_a_request_and_not_for_all_of_it(model: LoadedModel) -> None:
    pieces = ModelDesk(model).embed(short_of_limit(model, 600), gone=never_gone)
    first = await anext(aiter(pieces))
    assert len(first) < 13
    await pieces.aclose()


@pytest.mark.usefixtures("small_pieces")
async def test_nothing_more_is_computed_once_the_caller_is_gone(model: LoadedModel) -> None:
    asked: list[int] = []

    async def gone_after_the_first_piece() -> bool:
        asked.append(1)
        return len(asked) > 1

    computed = 0
    with pytest.raises(CallerGone):
        async for piece in ModelDesk(model).embed(short_of_limit(model, 600), gone=gone_after_the_first_piece):
            computed += len(piece)
    assert 0 < computed < 13


async def test_a_long_text_to_score_keeps_no_other_text_waiting(model: LoadedModel, client: httpx.AsyncClient) -> None:
    long = asyncio.create_task(infer(client, "toxicity", LONG * 40))
    await asyncio.sleep(0.05)
    assert (await infer(client, "toxicity", "lunch")).status_code == 200
    assert not long.done()
    long.cancel()
    await asyncio.wait({long})


async def test_requests_beyond_the_places_are_asked_to_come_again(
    access: ModelAccess, client: httpx.AsyncClient
) -> None:
    places = [access.desk.admitted() for _ in range(MAX_REQUESTS)]
    for place in places:
        place.__enter__()
    answers = [await embed(client, input="a"), await infer(client, NAME, "a")]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].headers["Retry-After"] == "1"
    assert answers[0].json()["error"]["type"] == "server_error"

    places.pop().__exit__(None, None, None)
    assert (await embed(client, input="a")).status_code == 200


async def test_a_model_that_does_not_answer_is_503_and_tells_nothing_of_where_it_is(
    access: ModelAccess, client: httpx.AsyncClient, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(text: ReadText) -> Vector:
        raise ModelUnavailable("https://models.internal: status 502", retry_after_s=7)

    monkeypatch.setattr(model, "embed_now", away)
    answer = await embed(client, input="a")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert "internal" not in answer.text


async def test_a_request_has_a_limit_on_tokens(model: LoadedModel) -> None:
    text = LONG[: len(LONG) // 2]
    with pytest.raises(QueryInvalid, match="tokens in one request"):
        await ModelDesk(model).read([text] * 2_000)


async def test_no_text_is_logged(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    secret = "the merger of the two companies"
    requests: list[Callable[[], Any]] = [
        lambda: embed(client, input=secret),
        lambda: embed(client, input=secret * 100),
        lambda: infer(client, "toxicity", secret),
        lambda: infer(client, "toxicity", secret, shape=[3]),
    ]
    for request in requests:
        await request()
    assert "merger" not in caplog.text


@pytest.mark.parametrize("given", [[None] * 5_000, [[None] * 5_000] * 2], ids=["texts", "ids"])
async def test_of_many_mistakes_few_are_counted(given: list[Any]) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": given}
    bodies = (EmbeddingsBody, {"model": NAME, "input": given}), (InferBody, {"inputs": [tensor]})
    for kind, body in bodies:
        with pytest.raises(ValidationError) as refused:
            kind.model_validate(body)
        assert refused.value.error_count() < 20
