"""Which sizes a device computes in: a few fixed ones, so that each is prepared once and then only replayed.

A recorded CUDA graph has fixed sizes. Tokens, sequences and the longest sequence are each rounded up to a step; the
three together are a bucket. Also here: how a batch is cut into runs that a number of tokens allows. All of it is
arithmetic, tested without a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedder.runtimes.port import BLOCK_TOKENS

# Fewer tokens do not run faster: launching the kernels of a layer then takes longer than computing them.
_LEAST_TOKENS = 256
_LEAST_SEQUENCES = 8
# The longest sequence sets the grid of the attention kernels: a loose bound starts blocks that find nothing to do.
_LEAST_LONGEST = 32
# A sequence has two special tokens at least; a batch of sequences that average below eight tokens is cut early
# instead of keeping room for as many sequences as tokens.
_TOKENS_PER_SEQUENCE = BLOCK_TOKENS


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """The sizes of one prepared computation: each an upper bound of what it takes."""

    tokens: int
    sequences: int
    longest: int

    @property
    def blocks(self) -> int:
        """The most blocks that so many tokens in so many sequences make: each sequence may end in a part of one."""
        return self.tokens // BLOCK_TOKENS + self.sequences


def bucket_for(*, tokens: int, sequences: int, longest: int) -> Bucket:
    """Return the least bucket that holds such a batch; sizes are powers of two, the longest never beyond the tokens."""
    return Bucket(
        tokens=_power_of_two(tokens, _LEAST_TOKENS),
        sequences=_power_of_two(sequences, _LEAST_SEQUENCES),
        longest=_power_of_two(longest, _LEAST_LONGEST),
    )


def largest_bucket(max_tokens: int, longest: int) -> Bucket:
    """Return a bucket that holds every batch which `cut` makes under this budget: what buffers are made for."""
    tokens = max(max_tokens, longest)
    return bucket_for(tokens=tokens, sequences=most_sequences(tokens), longest=longest)


def most_sequences(max_tokens: int) -> int:
    return max(1, max_tokens // _TOKENS_PER_SEQUENCE)


def cut(lengths: Sequence[int], *, max_tokens: int) -> list[slice]:
    """Cut a batch into runs of neighbours that stay within a budget; the runs cover the batch in its order.

    A sequence that is longer than the budget by itself is a run of its own.
    """
    runs: list[slice] = []
    start = tokens = 0
    for position, length in enumerate(lengths):
        full = tokens + length > max_tokens or position - start >= most_sequences(max_tokens)
        if position > start and full:
            runs.append(slice(start, position))
            start, tokens = position, 0
        tokens += length
    if len(lengths) > start:
        runs.append(slice(start, len(lengths)))
    return runs


def _power_of_two(wanted: int, least: int) -> int:
    return max(least, 1 << (wanted - 1).bit_length())
