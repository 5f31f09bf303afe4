"""Batches to a device and back, several in flight: while one is computed, the next arrives and the last leaves.

A slot is the memory of one batch in flight, on the host and on the device. Each caller's thread takes a slot, fills
it, starts its three stages and waits for that slot alone; nobody waits for the device as such. A recorded computation
reads and writes fixed memory of its own: one recording for each bucket serves all slots, in turn.

Invariants: a slot belongs to one batch from the moment it is filled until its results were read; recordings of one
pipeline never overlap, for they share their memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from embedder.runtimes.port import Pooled
from embedder.runtimes.torch.buckets import Bucket, bucket_for
from embedder.runtimes.torch.devices import Device, Replay
from embedder.runtimes.torch.encoder import PackedEncoder
from embedder.runtimes.torch.packing import Layout, Packed, block_rectangle, write
from embedder.runtimes.torch.poolings import Batch, Outputs


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to compute a batch. `compiled`, if any, computes full buckets: compiling takes seconds a size."""

    name: str
    encoder: PackedEncoder
    recorded: bool
    compiled: PackedEncoder | None = None


class Pipeline:
    """Slots and recordings for batches up to one size, in a lane of their own. Safe from any thread."""

    def __init__(
        self, device: Device, *, largest: Bucket, hidden: int, blocks: bool, slots: int, urgent: bool = False
    ) -> None:
        self._device = device
        self._largest = largest
        self._room = _Room(Layout.of(largest).size, largest.sequences, largest.blocks if blocks else 0, hidden)
        self._lane = device.lane(urgent=urgent)
        self._slots: SimpleQueue[_Slot] = SimpleQueue()
        for _ in range(slots):
            self._slots.put(_Slot(device, self._room))
        device.settle()  # the memory is cleared by another stream than those of the lane
        self._compiles = not urgent  # compiling takes seconds, for which nothing urgent waits
        self._turn = threading.Lock()
        self._fixed: _Memory | None = None
        self._recordings: dict[tuple[str, Bucket], Replay] = {}

    def takes(self, packed: Packed) -> bool:
        """Say whether the slots have room for a batch."""
        return packed.tokens <= self._largest.tokens and packed.sequences <= self._largest.sequences

    def run(self, packed: Packed, rung: Rung, *, full: bool = False) -> Pooled:
        """Compute one batch and return its rows; blocks until they are here. `full`: in the largest bucket.

        Raises:
            torch.cuda.OutOfMemoryError: the device has no room; nothing else is wrong, a smaller batch may do.
            RuntimeError: this rung does not work here for such a batch.
        """
        exact = Bucket(packed.tokens, packed.sequences, packed.longest)
        rounded = bucket_for(tokens=exact.tokens, sequences=exact.sequences, longest=exact.longest)
        bucket = self._largest if full else rounded if rung.recorded else exact
        slot = self._slots.get()
        try:
            with torch.inference_mode():
                self._start(slot, packed, bucket, rung)
            slot.ticket.wait()
            return slot.read(packed)
        except BaseException:
            self._device.settle()  # the slot's memory may be in use still
            raise
        finally:
            self._slots.put(slot)

    def forget(self) -> None:
        """Drop all recordings, and what memory they hold."""
        with self._turn:
            self._device.settle()
            self._recordings.clear()
            self._fixed = None

    def _start(self, slot: _Slot, packed: Packed, bucket: Bucket, rung: Rung) -> None:
        layout = write(packed, bucket, slot.host.integers.numpy())
        with self._lane.to_device(slot.ticket):
            slot.device.integers[: layout.size].copy_(slot.host.integers[: layout.size], non_blocking=True)
        with self._turn if rung.recorded else nullcontext(), self._lane.computing(slot.ticket):
            if rung.recorded:
                outputs = self._replay(rung, bucket, slot.device.integers[: layout.size], layout)
            else:
                outputs = rung.encoder(slot.device.batch(layout), bucket.longest)
            _copy_rows(outputs, slot.device.outputs, packed)
        with self._lane.to_host(slot.ticket):
            _copy_rows(slot.device.outputs, slot.host.outputs, packed)

    def _replay(self, rung: Rung, bucket: Bucket, integers: Tensor, layout: Layout) -> Outputs:
        if self._fixed is None:
            self._fixed = _Memory.on(self._device.memory, self._room)
        self._fixed.integers[: layout.size].copy_(integers)  # before a recording, too: it is tried on this batch
        key = (rung.name, bucket)
        if key not in self._recordings:
            self._recordings[key] = self._record(rung, bucket, self._fixed, layout)
        self._recordings[key]()
        return self._fixed.outputs

    def _record(self, rung: Rung, bucket: Bucket, fixed: _Memory, layout: Layout) -> Replay:
        full = bucket.tokens == self._largest.tokens
        encoder = rung.compiled if full and rung.compiled and self._compiles else rung.encoder
        batch = fixed.batch(layout)

        def compute() -> None:
            for rows, into in zip(encoder(batch, bucket.longest), fixed.outputs, strict=True):
                into[: len(rows)].copy_(rows)

        return self._lane.record(compute)


Allocate: TypeAlias = Callable[..., Tensor]


class _Room(NamedTuple):
    """The sizes of a slot's memory."""

    integers: int
    sequences: int
    blocks: int
    hidden: int


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """Room for the largest bucket's integers and results on one side."""

    integers: Tensor  # int32
    outputs: Outputs

    @classmethod
    def on(cls, allocate: Allocate, room: _Room) -> _Memory:
        return cls(
            integers=allocate(room.integers, dtype=torch.int32),
            outputs=Outputs(
                embeddings=allocate(room.sequences, room.hidden, dtype=torch.float32),
                features=allocate(room.sequences, 4 * room.hidden, dtype=torch.float32),
                blocks=allocate(room.blocks, 3 * room.hidden, dtype=torch.float32),
            ),
        )

    def batch(self, layout: Layout) -> Batch:
        return Batch(
            ids=self.integers[layout.ids],
            positions=self.integers[layout.positions],
            offsets=self.integers[layout.offsets],
            block_offsets=self.integers[layout.block_offsets],
            sequence_blocks=self.integers[layout.sequence_blocks],
        )


class _Slot:
    def __init__(self, device: Device, room: _Room) -> None:
        self.host = _Memory.on(device.host_memory, room)
        self.device = _Memory.on(device.memory, room)
        self.ticket = device.ticket()

    def read(self, packed: Packed) -> Pooled:
        """Return copies of a batch's rows."""
        outputs = self.host.outputs
        return Pooled(
            embeddings=np.array(outputs.embeddings[: packed.sequences]),
            features=np.array(outputs.features[: packed.sequences]),
            blocks=block_rectangle(outputs.blocks.numpy(), packed) if len(outputs.blocks) else None,
        )


def _copy_rows(outputs: Outputs, into: Outputs, packed: Packed) -> None:
    rows = (packed.sequences, packed.sequences, packed.blocks)
    for source, target, count in zip(outputs, into, rows, strict=True):
        target[:count].copy_(source[:count], non_blocking=True)
