"""`toxicity` over HTTP while versions are approved and taken back: each answer is one version's, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from embedder import EmbedderConfig, open_enricher
from embedder.toxicity.registry import ModelRegistry
from service.http.app import create_app
from service.models.access import model_access
from service.models.key_config import ModelKeyConfig
from service.search import SearchService
from tests.unit.embedder.conftest import write_tiny_model
from tests.unit.embedder.test_scorers import publish

KEY = "models-" + "m" * 32
SCORES = {"own@1": 0.1, "own@2": 0.7, "own@3": 0.3}
# One goes ahead of what waits, one is longer than the model reads, several are scored as passages are.
REQUESTS = (["a b c"], ["a b. c d e f. " * 20], ["a b. c d.", "e f", "g"])


@pytest.fixture
def config(tmp_path: Path) -> EmbedderConfig:
    folder = write_tiny_model(tmp_path / "tiny")
    config = EmbedderConfig(model=str(folder), models_folder=tmp_path / "models", toxicity_model="own", threads=1)
    publish(config, SCORES["own@1"])
    return config


@pytest.fixture
async def client(config: EmbedderConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with open_enricher(config) as model:
        unused: Any = None
        access = model_access([ModelKeyConfig(name="assistant", key=SecretStr(KEY))], model)
        app = create_app(SearchService({}, unused), unused, probes={}, models=access)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            client.headers["Authorization"] = f"Bearer {KEY}"
            yield client


async def infer(client: httpx.AsyncClient, texts: list[str], *, path: str = "") -> httpx.Response:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    body = {"inputs": [tensor], "outputs": [{"name": "score"}]}
    return await client.post(f"/v2/models/toxicity{path}/infer", json=body)


def told(answer: httpx.Response) -> str:
    """Return the version that an answer names, having checked that all of its scores are that version's."""
    version: str = answer.json()["model_version"]
    scores = answer.json()["outputs"][0]["data"]
    assert scores == pytest.approx([SCORES[version]] * len(scores), abs=1e-5)
    return version


async def test_every_answer_is_of_the_version_that_it_names(client: httpx.AsyncClient, config: EmbedderConfig) -> None:
    for version in ("own@2", "own@3"):
        under_way = [asyncio.create_task(infer(client, texts)) for texts in REQUESTS * 4]
        await asyncio.sleep(0)
        await asyncio.to_thread(publish, config, SCORES[version])
        present = await asyncio.gather(*(infer(client, texts) for texts in REQUESTS))
        assert {told(answer) for answer in present} == {version}
        assert {told(answer) for answer in await asyncio.gather(*under_way)} <= SCORES.keys()


async def test_the_version_of_now_is_described_and_a_former_one_is_unknown(
    client: httpx.AsyncClient, config: EmbedderConfig
) -> None:
    assert (await client.get("/v2/models/toxicity")).json()["versions"] == ["own@1"]
    publish(config, SCORES["own@2"])
    assert (await client.get("/v2/models/toxicity")).json()["versions"] == ["own@2"]
    assert told(await infer(client, ["a"], path="/versions/own@2")) == "own@2"
    assert (await infer(client, ["a"], path="/versions/own@1")).status_code == 404


async def test_an_approval_that_is_taken_back_counts_at_once(client: httpx.AsyncClient, config: EmbedderConfig) -> None:
    publish(config, SCORES["own@2"])
    for version in ("own@2", "own@1"):
        assert told(await infer(client, ["a"])) == version
        (config.models_folder / "own" / version[-1] / "approval.json").unlink()
    assert (await infer(client, ["a"])).status_code == 404
    assert (await client.get("/v2/models/toxicity/ready")).status_code == 404
    assert (await client.get("/v2/models/tiny/ready")).status_code == 200


async def test_a_damaged_version_leaves_the_former_one_to_answer(
    client: httpx.AsyncClient, config: EmbedderConfig
) -> None:
    publish(config, SCORES["own@2"])
    (*_, newest) = ModelRegistry(config.models_folder).versions()
    newest.file.write_bytes(newest.file.read_bytes()[:-9])
    assert told(await infer(client, ["a"])) == "own@1"
