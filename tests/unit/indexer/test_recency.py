"""By how much newer documents are preferred."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from indexer.search.matching import Key, Kind, key_of
from indexer.search.recency import DAY_US, NO_MOMENT, RecencyRule, latest
from vocabulary.search import Recency

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RULE = RecencyRule.on(Recency("at", half_life_days=10, weight=0.5), NOON.timestamp())


def test_ages_are_counted_from_the_beginning_of_the_day() -> None:
    evening = RecencyRule.on(Recency("at", half_life_days=10, weight=0.5), NOON.timestamp() + 11.9 * 3600)
    assert evening == RULE
    assert RULE.today_us == key_of(datetime(2026, 5, 1, tzinfo=UTC)).value  # type: ignore[union-attr] # it is a moment


def test_half_of_the_advantage_is_left_after_each_half_life() -> None:
    ages = np.asarray([-3, 0, 10, 20], np.int64)
    assert RULE.factors(RULE.today_us - ages * DAY_US) == pytest.approx([1.5, 1.5, 1.25, 1.125])


def test_the_ends_of_the_calendar_and_no_moment_at_all_have_a_factor() -> None:
    ends = [key_of(each) for each in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))]
    moments = np.asarray([*(each.value for each in ends if each is not None), NO_MOMENT], np.int64)
    assert RULE.factors(moments) == pytest.approx([1.0, 1.5, 1.0])


def test_the_latest_moment_counts_and_no_other_kind_of_value() -> None:
    assert latest([Key(Kind.MOMENT, 5), Key(Kind.MOMENT, 7), Key(Kind.NUMBER, 9), Key(Kind.TEXT, "2026")]) == 7
    assert latest([Key(Kind.NUMBER, 9)]) == NO_MOMENT
