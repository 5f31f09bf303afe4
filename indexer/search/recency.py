"""How much more a newer document counts, where an operator asks for it. Pure.

    factor(d) = 1 + weight * 0.5 ** (age of d in days / half_life_days)

A document's scores by words and by meaning are both multiplied by it, before the two are fused (`ranking.py`): so it
acts alike in every mode, however large scores are there, and an engine that ranks by words alone can apply it by
itself. A document of the future counts as one of today, one without a moment as infinitely old. Ages are counted from
the beginning of the present day (UTC): an answer and its further pages have one order all day long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.search.analysis import storable
from indexer.search.matching import Key, Kind
from indexer.search.ranking import Scores
from vocabulary.search import Recency

DAY_US = 24 * 3600 * 1_000_000
NO_MOMENT = int(np.iinfo(np.int64).min)

Moments = npt.NDArray[np.int64]  # microseconds since 1970, as `matching.Key` has them


@dataclass(frozen=True, slots=True)
class RecencyRule:
    """The rule of one day: `field` as an index stores it, times in microseconds."""

    field: str
    weight: float
    half_life_us: float
    today_us: int

    @classmethod
    def on(cls, recency: Recency, now_s: float) -> RecencyRule:
        """Return the rule of the day that epoch second `now_s` lies in."""
        today_us = int(now_s * 1_000_000) // DAY_US * DAY_US
        return cls(storable(recency.field), recency.weight, recency.half_life_days * DAY_US, today_us)

    def factors(self, moments: Moments) -> Scores:
        """Return what the scores of documents with these latest moments are multiplied by."""
        is_known = moments != NO_MOMENT
        age_us = np.maximum(self.today_us - np.where(is_known, moments, self.today_us), 0)
        return np.where(is_known, 1 + self.weight * 0.5 ** (age_us / self.half_life_us), 1.0)


def latest(keys: Iterable[Key]) -> int:
    """Return the latest moment among an attribute's values; `NO_MOMENT` without one."""
    return max((int(key.value) for key in keys if key.kind is Kind.MOMENT), default=NO_MOMENT)
