"""Sequences of any lengths laid end to end, without padding, for a device that reads them through their offsets.

In come token sequences, out go the integers that one pass needs. Everything here is numpy: what reaches a device is
decided, and tested, where there is none.

Invariants: every token of every sequence occurs once, in order, its special tokens around it; offsets ascend from 0;
blocks never cross from one sequence into the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import BLOCK_TOKENS
from embedder.runtimes.torch.buckets import Bucket
from vocabulary.documents import TokenIds

Integers: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """One batch, end to end. All arrays are int32."""

    ids: Integers  # [tokens]
    positions: Integers  # [tokens], each token's place in its own sequence
    offsets: Integers  # [sequences + 1], where each sequence begins, in tokens
    block_offsets: Integers  # [blocks + 1], where each block begins, in tokens
    sequence_blocks: Integers  # [sequences + 1], where each sequence's blocks begin, in blocks
    longest: int

    @property
    def tokens(self) -> int:
        return len(self.ids)

    @property
    def sequences(self) -> int:
        return len(self.offsets) - 1

    @property
    def blocks(self) -> int:
        return len(self.block_offsets) - 1


def pack(sequences: Sequence[TokenIds], special_ids: tuple[int, int]) -> Packed:
    """Lay at least one sequence, without special tokens, end to end and put each between its special tokens."""
    lengths = sequence_lengths(sequences)
    offsets = _ascending(lengths)
    starts, total = offsets[:-1], int(offsets[-1])
    inner = np.ones(total, dtype=bool)
    inner[starts] = inner[offsets[1:] - 1] = False
    ids = np.empty(total, dtype=np.int32)
    ids[starts], ids[offsets[1:] - 1] = special_ids
    ids[inner] = np.concatenate(sequences)

    counts = -(-lengths // BLOCK_TOKENS)
    sequence_blocks = _ascending(counts)
    place = np.arange(sequence_blocks[-1], dtype=np.int32) - np.repeat(sequence_blocks[:-1], counts)
    return Packed(
        ids=ids,
        positions=np.arange(total, dtype=np.int32) - np.repeat(starts, lengths),
        offsets=offsets,
        block_offsets=np.append(np.repeat(starts, counts) + BLOCK_TOKENS * place, np.int32(total)),
        sequence_blocks=sequence_blocks,
        longest=int(lengths.max()),
    )


def sequence_lengths(sequences: Sequence[TokenIds]) -> Integers:
    """Return the lengths with special tokens, int32 [n]."""
    return np.fromiter((len(sequence) + SPECIAL_TOKENS for sequence in sequences), np.int32, len(sequences))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the five arrays of a batch lie in one array of integers, so that one copy takes them to the device."""

    ids: slice
    positions: slice
    offsets: slice
    block_offsets: slice
    sequence_blocks: slice

    @property
    def size(self) -> int:
        stop: int = self.sequence_blocks.stop
        return stop

    @classmethod
    def of(cls, bucket: Bucket) -> Layout:
        sizes = (bucket.tokens, bucket.tokens, bucket.sequences + 1, bucket.blocks + 1, bucket.sequences + 1)
        ends = np.cumsum(sizes).tolist()
        return cls(*(slice(end - size, end) for size, end in zip(sizes, ends, strict=True)))


def write(packed: Packed, bucket: Bucket, into: Integers) -> Layout:
    """Write a batch into the front of `into` as `bucket` wants it; returns where its arrays lie.

    What a bucket holds beyond the batch is tokens of id 0 that belong to no sequence, and empty sequences and blocks
    behind the last token of the batch: they cost their time and reach no result.
    """
    layout = Layout.of(bucket)
    _fill(into[layout.ids], packed.ids, 0)
    _fill(into[layout.positions], packed.positions, 0)
    _fill(into[layout.offsets], packed.offsets, packed.tokens)
    _fill(into[layout.block_offsets], packed.block_offsets, packed.tokens)
    _fill(into[layout.sequence_blocks], packed.sequence_blocks, packed.blocks)
    return layout


def block_rectangle(rows: npt.NDArray[np.float32], packed: Packed) -> npt.NDArray[np.float32]:
    """Lay the rows of a batch's blocks out as `port.Pooled` wants them: float32 [sequences, blocks, columns]."""
    counts = np.diff(packed.sequence_blocks)
    rectangle = np.zeros((packed.sequences, int(counts.max()), rows.shape[1]), dtype=np.float32)
    rectangle[np.arange(rectangle.shape[1]) < counts[:, None]] = rows[: packed.blocks]
    return rectangle


def _fill(row: Integers, values: Integers, rest: int) -> None:
    row[: len(values)] = values
    row[len(values) :] = rest


def _ascending(lengths: Integers) -> Integers:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
