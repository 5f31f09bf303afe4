"""Models of any architecture on torch, through sentence-transformers' own loader.

In come token sequences, out go their vectors as the model's modules make them and, from the hidden states, the same
poolings as of a BERT encoder: a toxicity model can be trained for such a model, too. Loading looks at local files only
and runs no code of theirs. Batches are padded, for the library's models read rectangles.

What is kept of the library's behaviour is checked where it could be silent: weights that a file lacks, which it would
fill with random numbers, and an arithmetic in which the model overflows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from embedder.models.library_folder import LibraryFolder
from embedder.runtimes.port import Batching, Pooled, feature_layers
from embedder.runtimes.torch.devices import Device
from embedder.runtimes.torch.ladder import demand_equal
from embedder.runtimes.torch.packing import Packed, block_rectangle, pack
from embedder.runtimes.torch.poolings import Batch, Means, join_features
from embedder.runtimes.torch.probe import probe_sequences
from embedder.runtimes.torch.runtime import TorchRuntime
from vocabulary.documents import TokenIds
from vocabulary.errors import SettingInvalid

# A layer behind the last hidden state that the vector may, but need not, be made from; many files leave it out.
_OPTIONAL_WEIGHTS = ("pooler.",)

_log = logging.getLogger(__name__)


class LibraryTorchRuntime(TorchRuntime):
    """A `Runtime` for whatever sentence-transformers loads. Opened by `open_torch_runtime`."""

    def __init__(
        self,
        folder: LibraryFolder,
        *,
        special_ids: tuple[int, int],
        device: Device,
        dtype: torch.dtype,
        parallel_runs: int,
        batching: Batching,
        blocks: bool,
    ) -> None:
        """Load the model; blocks for seconds. Where it is wrong in `dtype`, it computes in float32.

        Raises:
            SettingInvalid: the library cannot load the model, or a file lacks weights.
        """
        super().__init__(device, dtype, parallel_runs=parallel_runs, batching=batching)
        self._folder = folder
        self._blocks = blocks
        self._special_ids = special_ids
        self._model = _load(folder, device.name)
        self._padding_id = int(self._model.tokenizer.pad_token_id or 0)
        self._dtype = self._settle_on(dtype)

    @property
    def _way(self) -> str:
        return f"{self._folder.architecture} by sentence-transformers"

    def _compute(self, sequences: Sequence[TokenIds]) -> Pooled:
        packed = pack(sequences, self._special_ids)
        with torch.inference_mode():
            ids, mask = (part.to(self._device.name) for part in _rectangle(packed, self._padding_id))
            outputs = self._model({"input_ids": ids, "attention_mask": mask})
            pooled = Pooled(outputs["sentence_embedding"].float().cpu().numpy())
            states = outputs.get("all_layer_embeddings")
            if states is None or len(states) != self._folder.layers + 1:  # the first ones are the embeddings'
                return pooled
            return self._with_features(pooled, states, mask.bool(), packed)

    def _with_features(self, pooled: Pooled, states: Sequence[Tensor], real: Tensor, packed: Packed) -> Pooled:
        """Pool the hidden states as a packed encoder does."""
        batch = _on_device(packed, self._device.name)
        layers = [states[number][real] for number in feature_layers(self._folder.layers)]
        means = [Means.over(layer, batch) for layer in layers]
        features, rows = join_features(means, layers[-1], batch, blocks=self._blocks)
        blocks = block_rectangle(rows.cpu().numpy(), packed) if self._blocks else None
        return replace(pooled, features=features.cpu().numpy(), blocks=blocks)

    def _settle_on(self, dtype: torch.dtype) -> torch.dtype:
        probe = probe_sequences(vocabulary=self._folder.vocabulary, max_tokens=self._folder.max_tokens)
        wanted = self._compute(probe)
        if dtype is torch.float32:
            return dtype
        self._model.to(dtype)
        try:
            demand_equal(self._compute(probe), wanted)
        except ValueError as error:
            _log.warning("the model computes in float32: in %s its %s", dtype, error)
        else:
            return dtype
        # Rounded weights do not come back: they are read again.
        self._model = _load(self._folder, self._device.name)
        return torch.float32


def _load(folder: LibraryFolder, device: str) -> Any:
    """Load a model for computing in float32, its hidden states at hand."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds and half a gigabyte
    from transformers import AutoModel  # noqa: PLC0415 - as above

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        _, report = AutoModel.from_pretrained(
            str(folder.transformer), output_loading_info=True, use_safetensors=True, **local
        )
        model = SentenceTransformer(str(folder.path), device=device, **local)
    except Exception as error:
        raise SettingInvalid(f"embedder.model: {folder.path} cannot be loaded: {error}") from error
    lacking = sorted(name for name in report["missing_keys"] if not name.startswith(_OPTIONAL_WEIGHTS))
    if lacking:
        raise SettingInvalid(f"embedder.model: {folder.transformer} lacks the tensor {lacking[0]}")
    model.eval().to(torch.float32)
    model[0].auto_model.config.output_hidden_states = True
    return model


def _rectangle(packed: Packed, padding_id: int) -> tuple[Tensor, Tensor]:
    """Return ids and mask, int64 [sequences, longest]."""
    ids = torch.full((packed.sequences, packed.longest), padding_id, dtype=torch.int64)
    lengths = torch.from_numpy(np.diff(packed.offsets))
    real = torch.arange(packed.longest) < lengths[:, None]
    ids[real] = torch.from_numpy(packed.ids).long()
    return ids, real.long()


def _on_device(packed: Packed, device: str) -> Batch:
    arrays = (packed.ids, packed.positions, packed.offsets, packed.block_offsets, packed.sequence_blocks)
    return Batch(*(torch.from_numpy(array).to(device) for array in arrays))
