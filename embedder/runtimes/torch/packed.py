"""BERT encoders on torch, on a processor or a GPU, without padding.

In come token sequences, out go their poolings; behind `run` lie the ladder of ways to compute (`ladder.py`), the
budget of tokens at once (`budget.py`) and the pipelines with batches in flight (`pipeline.py`). Short batches, such
as a query, have a pipeline of their own, which overtakes the others' work on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from embedder.models import BertWeights, ModelFolder
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import Batching, Pooled
from embedder.runtimes.torch.attention import choose_attention
from embedder.runtimes.torch.buckets import largest_bucket
from embedder.runtimes.torch.devices import CpuDevice, Device
from embedder.runtimes.torch.encoder import PackedEncoder
from embedder.runtimes.torch.ladder import Ladder, demand_equal
from embedder.runtimes.torch.packing import pack
from embedder.runtimes.torch.pipeline import Pipeline, Rung
from embedder.runtimes.torch.probe import probe_sequences
from embedder.runtimes.torch.runtime import TorchRuntime
from vocabulary.documents import TokenIds

GRAPH_COMPILED, GRAPH, PACKED, PADDED = "graph+compile", "graph", "packed", "padded"
GPU_RUNGS = (GRAPH_COMPILED, GRAPH, PACKED, PADDED)
CPU_RUNGS = (PADDED,)
_KERNELS = ("varlen", "flash", "efficient")
_SHORT_TOKENS = 512  # a batch that holds no more is over in a fraction of a full one's time and waits for none
_SHORT_SLOTS = 2


class PackedTorchRuntime(TorchRuntime):
    """A `Runtime` for BERT encoders. Opened by `open_torch_runtime`."""

    def __init__(
        self,
        folder: ModelFolder,
        weights: BertWeights,
        *,
        special_ids: tuple[int, int],
        device: Device,
        dtype: torch.dtype,
        parallel_runs: int,
        batching: Batching,
        rungs: Sequence[str],
        blocks: bool,
    ) -> None:
        """Load the weights onto the device and find the way to compute; blocks for seconds.

        Raises:
            NoRung: no way to compute the model works here.
            torch.cuda.OutOfMemoryError: the device has no room for the weights and the least batch.
        """
        super().__init__(device, dtype, parallel_runs=parallel_runs, batching=batching)
        self._folder = folder
        self._blocks = blocks
        self._special_ids = special_ids
        self._short = self._pipeline(_SHORT_TOKENS, slots=_SHORT_SLOTS, urgent=True)
        self._bulk = self._bulk_within_memory()
        self._probe = pack(probe_sequences(vocabulary=folder.vocabulary, max_tokens=folder.max_tokens), special_ids)
        self._wanted = self._reference(weights)
        self._encoder = self._load(weights, device.name, dtype)
        self._ladder = Ladder([partial(self._build, name) for name in rungs], check=self._check)
        self._batching = replace(batching, max_tokens=self._budget.tokens)

    @property
    def _way(self) -> str:
        return self._ladder.rung.name

    def _compute(self, sequences: Sequence[TokenIds]) -> Pooled:
        packed = pack(sequences, self._special_ids)
        pipeline = self._short if packed.tokens <= _SHORT_TOKENS and self._short.takes(packed) else self._bulk
        rung = self._ladder.rung
        while True:
            try:
                return pipeline.run(packed, rung)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError as error:
                rung = self._ladder.descend(rung, error)

    def _free_memory(self) -> None:
        self._bulk.forget()
        super()._free_memory()

    def _pipeline(self, max_tokens: int, *, slots: int, urgent: bool = False) -> Pipeline:
        shape = self._folder.shape
        largest = largest_bucket(max_tokens, self._folder.max_tokens + SPECIAL_TOKENS)
        return Pipeline(
            self._device, largest=largest, hidden=shape.hidden, blocks=self._blocks, slots=slots, urgent=urgent
        )

    def _bulk_within_memory(self) -> Pipeline:
        while True:
            tried = self._budget.tokens
            try:
                return self._pipeline(tried, slots=self._parallel_runs + 1)
            except torch.cuda.OutOfMemoryError:
                self._device.free_memory()
                if not self._budget.halve(tried):
                    raise

    def _build(self, name: str) -> Rung:
        shape = self._folder.shape
        kernels = ("padded",) if name == PADDED else _KERNELS
        kernel = choose_attention(
            kernels,
            heads=shape.heads,
            head_size=shape.hidden // shape.heads,
            device=self._device.name,
            dtype=self._dtype,
        )
        encoder = self._encoder.with_attention(kernel)
        return Rung(
            name=name if name == kernel else f"{name}, attention {kernel}",
            encoder=encoder,
            recorded=name in (GRAPH_COMPILED, GRAPH),
            compiled=encoder.compiled() if name == GRAPH_COMPILED else None,
        )

    def _load(self, weights: BertWeights, device: str, dtype: torch.dtype) -> PackedEncoder:
        folder = self._folder
        return PackedEncoder(folder.shape, weights, folder.pooling, device=device, dtype=dtype, blocks=self._blocks)

    def _reference(self, weights: BertWeights) -> Pooled:
        """Compute the probe by what runs everywhere, in float32 on the processor."""
        encoder = self._load(weights, "cpu", torch.float32)
        largest = largest_bucket(self._probe.tokens, self._probe.longest)
        pipeline = Pipeline(
            CpuDevice(), largest=largest, hidden=self._folder.shape.hidden, blocks=self._blocks, slots=1
        )
        return pipeline.run(self._probe, Rung("reference", encoder, recorded=False))

    def _check(self, rung: Rung) -> None:
        demand_equal(self._bulk.run(self._probe, rung), self._wanted)
        if rung.compiled:
            demand_equal(self._bulk.run(self._probe, rung, full=True), self._wanted)
