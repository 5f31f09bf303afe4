from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedder import EmbedderConfig, open_enricher
from embedder.models.folder import OtherArchitecture, read_model_folder
from embedder.models.library_folder import read_library_folder
from vocabulary.errors import SettingInvalid

TinyModel = Callable[..., Path]


def _change(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _add_dense(path: Path, *, kind: str = "sentence_transformers.models.Dense", **config: Any) -> None:
    modules = json.loads((path / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "2_Dense", "type": kind})
    (path / "modules.json").write_text(json.dumps(modules))
    (path / "2_Dense").mkdir()
    described = {"in_features": 8, "out_features": 3, "activation_function": "torch.nn.modules.activation.Tanh"}
    (path / "2_Dense" / "config.json").write_text(json.dumps(described | config))
    save_file({"linear.weight": np.ones((3, 8), np.float32)}, path / "2_Dense" / "model.safetensors")


@pytest.mark.parametrize(
    "changes", [{"model_type": "mpnet"}, {"hidden_act": "swish"}, {"position_embedding_type": "relative_key"}]
)
async def test_another_architecture_is_refused_with_the_runtime_that_has_it(
    tiny_model: TinyModel, changes: dict[str, Any]
) -> None:
    path = tiny_model(**changes)
    with pytest.raises(OtherArchitecture, match=r'embedder\.runtime = "torch"'):
        read_model_folder(path)
    with pytest.raises(SettingInvalid, match="only the torch runtime"):
        async with open_enricher(EmbedderConfig(model=str(path), threads=1)):
            pass


def test_what_is_known_of_any_model_is_read(tiny_model: TinyModel) -> None:
    found = read_library_folder(tiny_model(model_type="electra"))
    assert (found.architecture, found.vocabulary, found.hidden, found.layers) == ("electra", 31, 8, 4)
    assert (found.dimensions, found.max_tokens, found.pooling_name, found.query_prompt) == (8, 10, "mean", "")


def test_a_projection_decides_the_size_of_the_vectors(tiny_model: TinyModel) -> None:
    path = tiny_model()
    _add_dense(path)
    found = read_library_folder(path)
    assert (found.dimensions, found.pooling_name) == (3, "mean+dense")


def test_poolings_side_by_side_add_up(tiny_model: TinyModel) -> None:
    path = tiny_model()
    _change(path / "1_Pooling" / "config.json", pooling_mode_cls_token=True)
    found = read_library_folder(path)
    assert (found.dimensions, found.pooling_name) == (16, "mean+cls")


def test_the_present_format_of_the_library_is_read_as_the_former_one(tiny_model: TinyModel) -> None:
    path = tiny_model()
    former = read_model_folder(path)
    (path / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 8, "pooling_mode": "mean"}))
    (path / "sentence_bert_config.json").write_text(json.dumps({"transformer_task": "feature-extraction"}))
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 12}))
    assert read_model_folder(path) == former


@pytest.mark.parametrize(("limit", "longest"), [(12, 10), (10**30, 14), (None, 14)])
def test_a_model_without_a_limit_has_its_tokenisers_or_its_positions(
    tiny_model: TinyModel, limit: int | None, longest: int
) -> None:
    path = tiny_model()
    (path / "sentence_bert_config.json").write_text("{}")
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit}))
    assert read_model_folder(path).max_tokens == longest


def test_positions_that_count_from_the_padding_are_fewer(tiny_model: TinyModel) -> None:
    path = tiny_model(model_type="roberta", pad_token_id=1)
    (path / "sentence_bert_config.json").write_text("{}")
    assert read_library_folder(path).max_tokens == 16 - 2 - 2


def test_code_of_a_models_own_is_refused(tiny_model: TinyModel) -> None:
    path = tiny_model(auto_map={"AutoModel": "modeling.Own"})
    with pytest.raises(SettingInvalid, match="code of its own"):
        read_library_folder(path)


@pytest.mark.parametrize("config", [{"activation_function": "os.system"}, {"kind": "custom.Dense"}])
def test_modules_and_activations_of_others_are_refused(tiny_model: TinyModel, config: dict[str, Any]) -> None:
    path = tiny_model()
    _add_dense(path, **config)
    with pytest.raises(SettingInvalid, match="code of its own"):
        read_library_folder(path)


def test_weights_that_are_no_safetensors_are_refused(tiny_model: TinyModel) -> None:
    path = tiny_model(model_type="electra")
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    with pytest.raises(SettingInvalid, match="safetensors"):
        read_library_folder(path)


def test_whatever_decides_a_vector_changes_the_sum(tiny_model: TinyModel) -> None:
    path = tiny_model()
    _add_dense(path)
    sums = {read_library_folder(path).sha256}
    tensors = load_file(path / "model.safetensors")
    tensors["embeddings.LayerNorm.bias"] += 1
    save_file(tensors, path / "model.safetensors")
    sums.add(read_library_folder(path).sha256)
    _change(path / "2_Dense" / "config.json", activation_function="torch.nn.modules.linear.Identity")
    sums.add(read_library_folder(path).sha256)
    save_file({"linear.weight": np.zeros((3, 8), np.float32)}, path / "2_Dense" / "model.safetensors")
    sums.add(read_library_folder(path).sha256)
    assert len(sums) == 4


@pytest.mark.parametrize("file", ["modules.json", "config.json", "1_Pooling/config.json", "tokenizer.json"])
def test_a_missing_file_is_named(tiny_model: TinyModel, file: str) -> None:
    path = tiny_model(model_type="electra")
    (path / file).unlink()
    with pytest.raises(SettingInvalid, match=file.rpartition("/")[2]):
        read_library_folder(path)
