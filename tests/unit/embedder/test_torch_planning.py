"""What decides sizes, order and bookkeeping of the torch runtime: plain arithmetic, tried without torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import BLOCK_TOKENS
from embedder.runtimes.torch.buckets import Bucket, bucket_for, cut, largest_bucket, most_sequences
from embedder.runtimes.torch.packing import Layout, block_rectangle, pack, sequence_lengths, write
from vocabulary.documents import TokenIds

CLS, SEP = 101, 102
LENGTHS = st.lists(st.integers(0, 70), min_size=1, max_size=40)


def _sequences(lengths: list[int]) -> list[TokenIds]:
    random = np.random.default_rng(len(lengths))
    return [random.integers(1000, 2000, size=length, dtype=np.int32) for length in lengths]


@given(LENGTHS)
def test_every_sequence_lies_between_its_special_tokens_in_its_order(lengths: list[int]) -> None:
    sequences = _sequences(lengths)
    packed = pack(sequences, (CLS, SEP))

    assert packed.longest == max(lengths) + SPECIAL_TOKENS
    for number, sequence in enumerate(sequences):
        rows = slice(packed.offsets[number], packed.offsets[number + 1])
        assert packed.ids[rows].tolist() == [CLS, *sequence.tolist(), SEP]
        assert packed.positions[rows].tolist() == list(range(len(sequence) + SPECIAL_TOKENS))
    assert packed.offsets[-1] == packed.tokens


@given(LENGTHS)
def test_blocks_cut_each_sequence_from_its_beginning_and_cross_into_none(lengths: list[int]) -> None:
    packed = pack(_sequences(lengths), (CLS, SEP))
    for number in range(packed.sequences):
        first, behind = packed.sequence_blocks[number : number + 2]
        begins = packed.block_offsets[first:behind]
        start, end = packed.offsets[number : number + 2]
        assert begins.tolist() == list(range(start, end, BLOCK_TOKENS))
    assert packed.block_offsets[-1] == packed.tokens


@given(LENGTHS)
def test_rows_of_blocks_come_back_beside_their_sequences(lengths: list[int]) -> None:
    packed = pack(_sequences(lengths), (CLS, SEP))
    rows = np.arange(1, packed.blocks + 1, dtype=np.float32)[:, None]
    rectangle = block_rectangle(np.vstack([rows, [[-1]]]), packed)
    assert rectangle[rectangle > 0].tolist() == rows[:, 0].tolist()
    assert (np.count_nonzero(rectangle, axis=(1, 2)) == np.diff(packed.sequence_blocks)).all()


@given(LENGTHS)
def test_a_bucket_holds_its_batch_and_less_than_twice_as_much(lengths: list[int]) -> None:
    packed = pack(_sequences(lengths), (CLS, SEP))
    bucket = bucket_for(tokens=packed.tokens, sequences=packed.sequences, longest=packed.longest)
    assert packed.tokens <= bucket.tokens < max(257, 2 * packed.tokens)
    assert packed.sequences <= bucket.sequences < max(9, 2 * packed.sequences)
    assert packed.longest <= bucket.longest < max(33, 2 * packed.longest)
    assert packed.blocks <= bucket.blocks


@pytest.mark.parametrize(("tokens", "rounded"), [(1, 256), (256, 256), (257, 512), (16_384, 16_384), (16_385, 32_768)])
def test_sizes_at_the_edge_of_a_bucket_stay_in_it(tokens: int, rounded: int) -> None:
    assert bucket_for(tokens=tokens, sequences=1, longest=1).tokens == rounded


@given(LENGTHS)
def test_what_a_bucket_holds_beyond_its_batch_belongs_to_no_sequence(lengths: list[int]) -> None:
    packed = pack(_sequences(lengths), (CLS, SEP))
    bucket = bucket_for(tokens=packed.tokens, sequences=packed.sequences, longest=packed.longest)
    memory = np.full(Layout.of(bucket).size + 5, -7, dtype=np.int32)

    layout = write(packed, bucket, memory)

    assert (memory[layout.size :] == -7).all()
    for name in ("ids", "positions", "offsets", "block_offsets", "sequence_blocks"):
        held, wanted = memory[getattr(layout, name)], getattr(packed, name)
        assert held[: len(wanted)].tolist() == wanted.tolist()
    # Behind the batch: sequences of no tokens, blocks of no tokens, tokens of the first id and position.
    assert set(memory[layout.offsets][packed.sequences :]) == {packed.tokens}
    assert set(memory[layout.block_offsets][packed.blocks :]) == {packed.tokens}
    assert set(memory[layout.sequence_blocks][packed.sequences :]) == {packed.blocks}
    assert not memory[layout.ids][packed.tokens :].any()


@given(st.lists(st.integers(2, 600), max_size=80), st.integers(256, 4096))
def test_runs_cover_a_batch_in_its_order_and_stay_within_the_budget(lengths: list[int], max_tokens: int) -> None:
    runs = cut(lengths, max_tokens=max_tokens)
    assert [length for run in runs for length in lengths[run]] == lengths
    for run in runs:
        assert len(lengths[run]) == 1 or sum(lengths[run]) <= max_tokens
        assert len(lengths[run]) <= most_sequences(max_tokens)


@given(st.lists(st.integers(2, 600), min_size=1, max_size=80), st.integers(256, 4096))
def test_the_largest_bucket_has_room_for_every_run(lengths: list[int], max_tokens: int) -> None:
    largest = largest_bucket(max_tokens, 600)
    for run in cut(lengths, max_tokens=max_tokens):
        part = lengths[run]
        bucket = bucket_for(tokens=sum(part), sequences=len(part), longest=max(part))
        assert bucket.tokens <= largest.tokens
        assert bucket.sequences <= largest.sequences
        assert bucket.blocks <= largest.blocks
        assert Layout.of(bucket).size <= Layout.of(largest).size


def test_a_layout_leaves_no_gap() -> None:
    layout = Layout.of(Bucket(tokens=16, sequences=2, longest=8))
    parts = (layout.ids, layout.positions, layout.offsets, layout.block_offsets, layout.sequence_blocks)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert [part.stop - part.start for part in parts] == [16, 16, 3, 5, 3]


def test_lengths_count_the_special_tokens() -> None:
    assert sequence_lengths(_sequences([0, 5])).tolist() == [2, 7]


def test_no_library_of_a_runtime_is_imported_before_it_is_chosen() -> None:
    rooms = "embedder, embedder.runtimes.torch, embedder.runtimes.remote, embedder.runtimes.choice"
    loaded = f"import {rooms}, sys; print(*{{'openvino', 'torch', 'transformers'}} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []
