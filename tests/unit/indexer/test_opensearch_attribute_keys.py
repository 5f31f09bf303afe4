"""Attribute values as OpenSearch keywords: their order is the order of values, and every one can be read back."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from indexer.backends.opensearch.attribute_keys import (
    MAX_KEYWORD_BYTES,
    field_prefix,
    key_of_keyword,
    keyword_of,
    keywords_of,
    kind_range,
    uncompared,
)
from indexer.search.matching import Kind, key_of
from vocabulary.search import Scalar

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.integers(-3, 3)
    | st.datetimes(timezones=st.just(UTC))
    | TEXTS
)


@given(SCALARS)
def test_a_value_is_read_back_equal(value: Scalar) -> None:
    key = key_of(value)
    assert key is not None
    assert key_of_keyword(keyword_of("a=b", key)) == key


@given(SCALARS, SCALARS)
def test_keywords_sort_in_utf8_as_values_do(one: Scalar, other: Scalar) -> None:
    first, second = key_of(one), key_of(other)
    assert first is not None
    assert second is not None
    spelled = (keyword_of("f", first).encode(), keyword_of("f", second).encode())
    assert (spelled[0] < spelled[1], spelled[0] == spelled[1]) == (first < second, first == second)


def test_integers_that_one_double_stands_for_stay_apart() -> None:
    numbers: list[Scalar] = [2**53, 2**53 + 1, 2.0**53, -(2**63), 2**63 - 1, float("inf"), -0.0, 0]
    spelled = [keyword_of("f", key) for key in map(key_of, numbers) if key is not None]
    assert len(set(spelled)) == 6
    assert spelled[0] == spelled[2]
    assert spelled[6] == spelled[7]


@given(TEXTS, TEXTS, SCALARS)
def test_the_keywords_of_one_field_never_begin_like_anothers(one: str, other: str, value: Scalar) -> None:
    key = key_of(value)
    assert key is not None
    assert keyword_of(one, key).startswith(field_prefix(other)) == (one == other)


@given(SCALARS, st.sampled_from(Kind))
def test_a_kinds_range_holds_its_values_and_no_other(value: Scalar, kind: Kind) -> None:
    key = key_of(value)
    assert key is not None
    first, beyond = kind_range("f", kind)
    assert (first <= keyword_of("f", key) < beyond) == (key.kind is kind)


def test_a_value_that_is_too_long_to_be_compared_is_left_out_and_told() -> None:
    short, long = key_of(datetime(2026, 1, 1, tzinfo=UTC)), key_of("é" * (MAX_KEYWORD_BYTES // 2))
    assert short is not None
    assert long is not None
    fields = {"f": frozenset({short, long}), "g": frozenset({short})}
    assert keywords_of(fields) == [keyword_of("f", short), keyword_of("g", short)]
    assert uncompared(fields) == ["f"]
