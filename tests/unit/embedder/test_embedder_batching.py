from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from embedder.batching import MAX_PADDED_SHARE, padded_share, plan_batches

LENGTHS = st.lists(st.integers(2, 256), max_size=200)


@given(LENGTHS, st.integers(64, 4096))
def test_every_sequence_is_in_exactly_one_batch(lengths: list[int], max_tokens: int) -> None:
    batches = plan_batches(lengths, max_tokens=max_tokens)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))


@given(LENGTHS, st.integers(64, 4096))
def test_batches_stay_within_the_budget_and_the_padding(lengths: list[int], max_tokens: int) -> None:
    for batch in plan_batches(lengths, max_tokens=max_tokens):
        width = max(lengths[position] for position in batch)
        assert len(batch) == 1 or len(batch) * width <= max_tokens
        assert padded_share(lengths, [batch]) <= MAX_PADDED_SHARE


def test_batches_of_equal_lengths_are_as_full_as_the_budget_allows() -> None:
    assert [len(batch) for batch in plan_batches([40] * 60, max_tokens=1000)] == [25, 25, 10]


def test_mixed_lengths_waste_little_where_unsorted_batches_waste_half() -> None:
    lengths = [8 + (number * 37) % 240 for number in range(640)]
    unsorted = [list(range(start, start + 32)) for start in range(0, 640, 32)]
    assert padded_share(lengths, unsorted) > 0.4
    assert padded_share(lengths, plan_batches(lengths, max_tokens=2048)) < 0.03


def test_nothing_gives_no_batches() -> None:
    assert plan_batches([], max_tokens=100) == []
    assert padded_share([], []) == 0.0


@given(LENGTHS, st.integers(256, 4096))
def test_packed_batches_cost_their_tokens_and_no_rectangle(lengths: list[int], max_tokens: int) -> None:
    batches = plan_batches(lengths, max_tokens=max_tokens, packed=True)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    sums = [sum(lengths[position] for position in batch) for batch in batches]
    assert all(tokens <= max_tokens for tokens in sums)
    # All but the last are full: the next sequence, one of the longest left, did not fit any more.
    assert all(tokens + max(lengths, default=0) > max_tokens for tokens in sums[:-1])
