"""Models of other architectures, built in a folder of the test by the libraries themselves and loaded from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedder.config import Precision
from embedder.models.library_folder import LibraryFolder, read_library_folder
from embedder.runtimes.port import Runtime
from embedder.runtimes.torch import TorchSettings, open_torch_runtime
from embedder.tokeniser import Tokeniser
from tests.unit.embedder.torch_models import MAX_TOKENS, write_model
from vocabulary.documents import TokenIds
from vocabulary.errors import SettingInvalid

torch = pytest.importorskip("torch", reason="needs the gpu extra: make test-reference")
library = pytest.importorskip("sentence_transformers", reason="needs the gpu extra: make test-reference")

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore")]  # torch and transformers warn of themselves

TEXTS = ["a b c", "", "z", " ".join("abcdefghij" * 9), "k l m n o p q", "unknown words", "a b c"]


def _open(path: Path, *, blocks: bool = False) -> tuple[LibraryFolder, Tokeniser, Runtime]:
    folder = read_library_folder(path)
    tokeniser = Tokeniser(folder.tokenizer_file, vocabulary=folder.vocabulary)
    settings = TorchSettings(device="cpu", precision=Precision.FLOAT32, threads=1)
    runtime = open_torch_runtime(folder, None, special_ids=tokeniser.special_ids, settings=settings, blocks=blocks)
    return folder, tokeniser, runtime


def _tokenise(tokeniser: Tokeniser, folder: LibraryFolder) -> list[TokenIds]:
    return [tokeniser.tokenise(text).ids[: folder.max_tokens] for text in TEXTS]


@pytest.mark.parametrize(
    ("architecture", "dense"), [("roberta", False), ("mpnet", False), ("modernbert", False), ("roberta", True)]
)
def test_vectors_equal_the_librarys_own(tmp_path: Path, architecture: str, dense: bool) -> None:
    path = write_model(tmp_path, architecture, dense=dense)
    folder, tokeniser, runtime = _open(path, blocks=True)

    found = runtime.run(_tokenise(tokeniser, folder))

    wanted = library.SentenceTransformer(str(path), device="cpu").encode(TEXTS)
    assert folder.max_tokens == MAX_TOKENS - 2
    assert found.embeddings.shape == (len(TEXTS), folder.dimensions)
    assert architecture in runtime.name
    np.testing.assert_allclose(found.embeddings, wanted, atol=1e-5)


def test_features_are_poolings_of_the_hidden_states(tmp_path: Path) -> None:
    path = write_model(tmp_path, "mpnet")
    _folder, tokeniser, runtime = _open(path, blocks=True)
    sequence = tokeniser.tokenise("a b c d e f g h i").ids

    found = runtime.run([sequence, sequence[:2]])

    model = library.SentenceTransformer(str(path), device="cpu")
    model[0].auto_model.config.output_hidden_states = True
    ids = torch.tensor([[0, *sequence.tolist(), 2]])
    with torch.inference_mode():
        states = model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["all_layer_embeddings"]
    first, second, last = (states[number][0].numpy() for number in (1, 2, 3))
    wanted = np.concatenate([first.mean(0), second.mean(0), last.mean(0), last.max(0)])
    assert found.features is not None
    assert found.blocks is not None
    np.testing.assert_allclose(found.features[0], wanted, atol=1e-5)
    block = np.concatenate([first[8:].mean(0), second[8:].mean(0), last[8:].mean(0)])
    np.testing.assert_allclose(found.blocks[0, 1], block, atol=1e-5)
    assert not found.blocks[1, 1].any()


def test_a_model_that_is_wrong_in_half_precision_computes_in_float32(tmp_path: Path) -> None:
    path = write_model(tmp_path, "roberta")
    file = path / "model.safetensors"
    tensors = load_file(file)
    for name in tensors:
        if name.endswith("intermediate.dense.weight"):
            tensors[name] *= 1e6  # float16 ends at 65,504
    save_file(tensors, file, metadata={"format": "pt"})
    from embedder.runtimes.port import Batching  # noqa: PLC0415
    from embedder.runtimes.torch.devices import CpuDevice  # noqa: PLC0415 - imports torch
    from embedder.runtimes.torch.library import LibraryTorchRuntime  # noqa: PLC0415

    runtime = LibraryTorchRuntime(
        read_library_folder(path), special_ids=(0, 2), device=CpuDevice(), dtype=torch.float16, parallel_runs=1,
        batching=Batching(max_tokens=512, look_ahead=8), blocks=False,
    )  # fmt: skip
    assert "float32" in runtime.name
    assert np.isfinite(runtime.run([np.array([5, 6], np.int32)]).embeddings).all()


def test_a_truncated_file_of_weights_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path, "mpnet")
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SettingInvalid, match=r"embedder\.model: .* cannot be loaded"):
        _open(path)


def test_a_file_that_lacks_a_tensor_is_refused_instead_of_filled_with_random_numbers(tmp_path: Path) -> None:
    path = write_model(tmp_path, "roberta")
    file = path / "model.safetensors"
    tensors = load_file(file)
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(SettingInvalid, match=r"lacks the tensor .*layer\.1\.output\.dense\.weight"):
        _open(path)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path, other = write_model(tmp_path, "roberta"), write_model(tmp_path, "modernbert")
    (path / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(SettingInvalid, match=r"embedder\.model"):
        _open(path)
