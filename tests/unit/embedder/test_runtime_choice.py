"""What computes a model: which runtime is chosen on which machine, and why; and models that come as ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import EmbedderConfig, RuntimeName, open_enricher
from embedder.models import ModelLocation
from embedder.models.folder import OtherArchitecture
from embedder.runtimes.choice import Folder, Machine, choose, read_model
from tests.fakes.onnx_model import POSITIONS, expected, write_onnx_folder
from tests.unit.embedder.conftest import WORDS, TinyModel
from vocabulary.documents import ReadText
from vocabulary.errors import ConfigurationError, SettingInvalid

PROCESSOR = Machine(has_torch=lambda: False, has_gpu=lambda: False)
TORCH = Machine(has_torch=lambda: True, has_gpu=lambda: False)
GPU = Machine(has_torch=lambda: True, has_gpu=lambda: True)
DRIVER_ALONE = Machine(has_torch=lambda: False, has_gpu=lambda: True)

OnnxModel = Callable[..., Path]


@pytest.fixture
def onnx_model(tmp_path: Path, tiny_model: TinyModel) -> OnnxModel:
    def write(**changes: Any) -> Path:
        tokenizer = (tiny_model() / "tokenizer.json").read_bytes()
        return write_onnx_folder(tmp_path / "onnx-model", tokenizer, vocabulary=len(WORDS), **changes)

    return write


def chosen(folder: Path, machine: Machine, **settings: Any) -> RuntimeName:
    return choose(EmbedderConfig(model=str(folder), **settings), Folder(folder), machine).runtime


@pytest.mark.parametrize(
    ("machine", "runtime"),
    [
        (PROCESSOR, RuntimeName.OPENVINO),
        (TORCH, RuntimeName.OPENVINO),
        (DRIVER_ALONE, RuntimeName.OPENVINO),
        (GPU, RuntimeName.TORCH),
    ],
)
def test_a_bert_encoder_goes_to_the_gpu_if_torch_finds_one(
    tiny_model: TinyModel, machine: Machine, runtime: RuntimeName
) -> None:
    folder = tiny_model()
    assert chosen(folder, machine) is runtime
    assert chosen(folder, machine, device="cpu") is RuntimeName.OPENVINO


def test_whether_there_is_a_gpu_is_not_asked_where_it_does_not_matter(tiny_model: TinyModel) -> None:
    def never() -> bool:
        raise AssertionError("torch would be imported")

    folder = tiny_model()
    assert chosen(folder, Machine(has_torch=lambda: False, has_gpu=never)) is RuntimeName.OPENVINO
    assert chosen(folder, Machine(has_torch=lambda: True, has_gpu=never), device="cpu") is RuntimeName.OPENVINO
    for runtime in (RuntimeName.OPENVINO, RuntimeName.TORCH):
        assert chosen(folder, Machine(has_torch=lambda: True, has_gpu=never), runtime=runtime) is runtime


@pytest.mark.parametrize(
    ("machine", "runtime"), [(PROCESSOR, RuntimeName.ONNX), (TORCH, RuntimeName.ONNX), (GPU, RuntimeName.TORCH)]
)
def test_a_model_of_another_kind_is_computed_from_its_onnx_file(
    onnx_model: OnnxModel, machine: Machine, runtime: RuntimeName
) -> None:
    assert chosen(onnx_model(), machine) is runtime


def test_without_an_onnx_file_it_needs_torch_and_says_so(tiny_model: TinyModel) -> None:
    folder = tiny_model(model_type="roberta")
    assert chosen(folder, TORCH) is RuntimeName.TORCH
    for settings in ({}, {"runtime": RuntimeName.OPENVINO}):
        with pytest.raises(OtherArchitecture, match=r"sightline\[gpu\]"):
            chosen(folder, PROCESSOR, **settings)


def test_a_damaged_folder_is_told_as_one_whatever_is_installed(tiny_model: TinyModel) -> None:
    folder = tiny_model()
    (folder / "model.safetensors").unlink()
    for machine in (PROCESSOR, TORCH):
        with pytest.raises(SettingInvalid, match=r"model\.safetensors is missing"):
            chosen(folder, machine)


def test_settings_that_do_not_go_together_are_refused(tiny_model: TinyModel) -> None:
    folder = tiny_model()
    assert chosen(folder, PROCESSOR, device="cuda:1") is RuntimeName.TORCH  # and it says what it lacks
    for settings in (
        {"runtime": "openvino", "device": "cuda"},
        {"runtime": "onnx", "device": "cuda:0"},
        {"runtime": "onnx"},
    ):
        with pytest.raises(ConfigurationError, match=r"^embedder\.(device|runtime): "):
            chosen(folder, PROCESSOR, **settings)


@pytest.mark.parametrize("settings", [{}, {"runtime": "openvino"}])
def test_the_reason_of_a_choice_is_told(tiny_model: TinyModel, settings: dict[str, Any]) -> None:
    folder = tiny_model()
    config = EmbedderConfig(model=str(folder), **settings)
    why = choose(config, Folder(folder), PROCESSOR).why
    assert why == ('embedder.runtime = "openvino"' if settings else "auto: a BERT encoder, on the processor")


# -- models that come as ONNX ------------------------------------------------------------------------------------------

TEXTS = ["a", "b c d", "", "x y z a b c d e f", "q"]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
async def test_an_onnx_model_gives_its_own_vectors_in_batches_of_any_lengths(
    onnx_model: OnnxModel, pooling: str
) -> None:
    folder = onnx_model(pooling=pooling)
    async with open_enricher(EmbedderConfig(model=str(folder), threads=1, precision="float32", device="cpu")) as model:
        texts = [ReadText(text, model.tokenise(text)) for text in TEXTS]
        found = await model.enrich(texts)
        assert model.runtime == "openvino (onnx) float32, 1 threads (auto: the model comes as ONNX)"
        assert f"/{pooling}-unit" in model.recipe
        assert model.toxicity_version == ""
    wanted = [expected([2, *text.tokens.ids, 3], len(WORDS), pooling=pooling) for text in texts]
    np.testing.assert_allclose(found.vectors, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pooling": "pooling_mode_max_tokens"}, "max"),
        ({"hidden_size": 9}, "the pooling is for 8 numbers, not 9"),
        ({"max_position_embeddings": 5}, "max_seq_length 12 is outside"),
        ({"vocab_size": 3}, "knows more tokens than the model"),
    ],
)
async def test_an_onnx_model_that_cannot_be_computed_exactly_is_refused(
    onnx_model: OnnxModel, changes: dict[str, Any], words: str
) -> None:
    config = EmbedderConfig(model=str(onnx_model(**changes)), runtime=RuntimeName.ONNX)
    with pytest.raises(SettingInvalid, match=words):
        async with open_enricher(config):
            pass


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda _: b"no model", lambda _: b""])
async def test_a_damaged_onnx_file_is_refused(onnx_model: OnnxModel, damage: Callable[[bytes], bytes]) -> None:
    folder = onnx_model()
    file = folder / "onnx" / "model.onnx"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SettingInvalid, match=r"model\.onnx"):
        async with open_enricher(EmbedderConfig(model=str(folder), runtime=RuntimeName.ONNX)):
            pass


def test_the_sum_of_an_onnx_model_is_that_of_the_file_and_of_the_weights_beside_it(onnx_model: OnnxModel) -> None:
    folder = onnx_model()
    config = EmbedderConfig(model=str(folder), runtime=RuntimeName.ONNX)
    location = ModelLocation("m", folder)
    before = read_model(location, config).sha256
    (folder / "onnx" / "model.onnx_data").write_bytes(b"weights")
    assert len({before, read_model(location, config).sha256}) == 2
    assert read_model(location, config).facts.max_tokens == 10 < POSITIONS
