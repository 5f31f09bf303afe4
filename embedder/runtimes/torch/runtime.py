"""What the two ways on torch have in common: their account of themselves, and batches in parts that find room.

A batch comes in, is cut by the budget, computed part by part by the way at hand, and put together again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch

from embedder.runtimes.port import Batching, Pooled
from embedder.runtimes.torch.budget import Budget, joined, run_within
from embedder.runtimes.torch.devices import Device
from vocabulary.documents import TokenIds


class TorchRuntime(ABC):
    """A `Runtime` on one device of torch. `_dtype` and `_batching` may change while a way is opened, not after."""

    def __init__(self, device: Device, dtype: torch.dtype, *, parallel_runs: int, batching: Batching) -> None:
        self._device, self._dtype = device, dtype
        self._parallel_runs = parallel_runs
        self._batching = batching
        self._budget = Budget(batching.max_tokens)

    @property
    def name(self) -> str:
        kind = str(self._dtype).removeprefix("torch.")
        return f"torch {kind} on {self._device.name}, {self._way}"

    @property
    def parallel_runs(self) -> int:
        return self._parallel_runs

    @property
    def batching(self) -> Batching:
        return self._batching

    def run(self, sequences: Sequence[TokenIds]) -> Pooled:
        """Compute one batch, in parts where the device has no room for all of it.

        Raises:
            torch.cuda.OutOfMemoryError: there is no room for the least batch, or for one sequence, either.
            NoRung: the last way to compute the model failed, too.
        """
        return joined(run_within(self._budget, sequences, self._compute, free_memory=self._free_memory))

    @property
    @abstractmethod
    def _way(self) -> str:
        """How it is computed, for the name."""

    @abstractmethod
    def _compute(self, sequences: Sequence[TokenIds]) -> Pooled: ...

    def _free_memory(self) -> None:
        """Let go of what the device holds for later use."""
        self._device.free_memory()
