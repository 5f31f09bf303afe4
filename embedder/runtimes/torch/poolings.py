"""Hidden states of tokens that lie end to end, to one row for each sequence and one for each block of it.

Averages and maxima are taken in float32, whatever the layers computed in. The averages of a sequence are made from the
sums of its blocks: a layer's states are read once for both. No value is asked back from the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """The arrays of `packing.Packed` on a device, each int32."""

    ids: Tensor
    positions: Tensor
    offsets: Tensor
    block_offsets: Tensor
    sequence_blocks: Tensor


class Outputs(NamedTuple):
    """What one pass gives, float32: rows of sequences and of blocks, in the order of the batch."""

    embeddings: Tensor  # [sequences, the vector's size]
    features: Tensor  # [sequences, 4 * hidden]
    blocks: Tensor  # [blocks, 3 * hidden]; no rows where they are not wanted


class Means(NamedTuple):
    """Averages of one layer's states."""

    of_sequences: Tensor  # [sequences, hidden]
    of_blocks: Tensor  # [blocks, hidden]

    @classmethod
    def over(cls, states: Tensor, batch: Batch) -> Means:
        """Average states [tokens, hidden]; a sequence or block without tokens gives 0."""
        block_sums = _reduce(states.float(), "sum", batch.block_offsets)
        sums = _reduce(block_sums, "sum", batch.sequence_blocks)
        return cls(sums / _lengths(batch.offsets), block_sums / _lengths(batch.block_offsets))


def join_features(means: Sequence[Means], last: Tensor, batch: Batch, *, blocks: bool) -> tuple[Tensor, Tensor]:
    """Put the averages of three layers beside the maxima of the last states [tokens, hidden].

    Returns the rows of sequences, and those of blocks, which have averages alone; see `port.Pooled`.
    """
    maxima = _reduce(last.float(), "max", batch.offsets)
    of_sequences = torch.cat([*(mean.of_sequences for mean in means), maxima], dim=1)
    of_blocks = torch.cat([mean.of_blocks for mean in means], dim=1)
    return of_sequences, of_blocks if blocks else of_blocks[:0]


def _lengths(offsets: Tensor) -> Tensor:
    return (offsets[1:] - offsets[:-1]).clamp(min=1)[:, None]


def _reduce(rows: Tensor, how: str, offsets: Tensor) -> Tensor:
    """Reduce runs of rows, one row after the other and so always to the same bits."""
    # `unsafe` leaves out a check of the offsets that would wait for the device.
    return torch.segment_reduce(rows, how, offsets=offsets, axis=0, unsafe=True, initial=0 if how == "sum" else None)
