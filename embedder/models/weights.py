"""The weights of a BERT encoder, checked against the shape its folder states.

safetensors holds numbers and nothing that runs. Every tensor the encoder needs is read once, as float32 [out, in] or
[out], and a missing, misshapen or truncated one refuses the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from embedder.models.folder import BertShape, ModelFolder
from vocabulary.errors import SettingInvalid

Array: TypeAlias = npt.NDArray[np.float32]
_READABLE = ("F32", "F16")


@dataclass(frozen=True, slots=True, eq=False)
class BertWeights:
    """Tensors by their name within the encoder, for example `encoder.layer.0.output.dense.weight`."""

    tensors: dict[str, Array]
    sha256: str  # of the file that all or most of them are of

    def __getitem__(self, name: str) -> Array:
        return self.tensors[name]

    def replaced(self, tensors: Mapping[str, npt.NDArray[np.floating[Any]]]) -> BertWeights:
        """Return the weights of an encoder with some tensors of its own; the others are shared with this one.

        Raises:
            ValueError: a tensor that the encoder does not have, or has in another shape.
        """
        for name, tensor in tensors.items():
            if name not in self.tensors or self.tensors[name].shape != tensor.shape:
                wanted = list(self.tensors[name].shape) if name in self.tensors else "no such tensor"
                raise ValueError(f"{name} is {list(tensor.shape)}, and the encoder has {wanted}")
        own = {name: tensor.astype(np.float32, copy=False) for name, tensor in tensors.items()}
        return BertWeights(self.tensors | own, self.sha256)


def read_weights(folder: ModelFolder, *, expected_sha256: str | None = None) -> BertWeights:
    """Read every tensor the encoder needs. Blocks: about 0.2 s per 100 MB.

    Raises:
        SettingInvalid: the file is not the expected one, is damaged, or lacks a tensor of the stated shape.
    """
    file = folder.weights_file
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if expected_sha256 not in (None, sha256):
        raise SettingInvalid(f"embedder.model: {file} is damaged: its SHA-256 is {sha256}, expected {expected_sha256}")
    try:
        return BertWeights(_read_tensors(file, folder.shape), sha256)
    except (SafetensorError, OSError) as error:
        raise SettingInvalid(f"embedder.model: {file} cannot be read: {error}") from error


def _read_tensors(file: Path, shape: BertShape) -> dict[str, Array]:
    with safe_open(file, framework="numpy") as stored:
        names = set(stored.keys())
        prefix = "" if "embeddings.word_embeddings.weight" in names else "bert."
        tensors = {}
        for name, wanted in _needed(shape):
            if prefix + name not in names:
                raise SettingInvalid(f"embedder.model: {file} lacks the tensor {name}")
            tensor = stored.get_slice(prefix + name)
            if tuple(tensor.get_shape()) != wanted or tensor.get_dtype() not in _READABLE:
                raise SettingInvalid(
                    f"embedder.model: {file}: {name} is {tensor.get_dtype()} {tensor.get_shape()}, "
                    f"expected {' or '.join(_READABLE)} {list(wanted)}"
                )
            tensors[name] = stored.get_tensor(prefix + name).astype(np.float32, copy=False)
        return tensors


def _needed(shape: BertShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, wide = shape.hidden, shape.feed_forward
    yield "embeddings.word_embeddings.weight", (shape.vocabulary, hidden)
    yield "embeddings.position_embeddings.weight", (shape.positions, hidden)
    yield "embeddings.token_type_embeddings.weight", (2, hidden)
    yield from _affine("embeddings.LayerNorm", (hidden,))
    for layer in range(shape.layers):
        path = f"encoder.layer.{layer}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            yield from _affine(f"{path}attention.{part}", (hidden, hidden))
        yield from _affine(f"{path}attention.output.LayerNorm", (hidden,))
        yield from _affine(f"{path}intermediate.dense", (wide, hidden))
        yield from _affine(f"{path}output.dense", (hidden, wide))
        yield from _affine(f"{path}output.LayerNorm", (hidden,))


def _affine(name: str, weight: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", weight
    yield f"{name}.bias", weight[:1]
