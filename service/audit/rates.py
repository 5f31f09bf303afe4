"""From a share of a sample to what it says of the whole. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

_Z_95 = 1.959964  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in a sample, and between what bounds (95 %) the share of the whole lies; all from 0 to 1."""

    share: float
    low: float
    high: float


def rate_of(wrong: int, asked: int) -> Rate | None:
    """The share of wrong ones among those asked; None where nothing was.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927): also
    right where nothing, or nearly nothing, was wrong.
    """
    if asked == 0:
        return None
    share, spread = wrong / asked, _Z_95 * _Z_95 / asked
    centre = (share + spread / 2) / (1 + spread)
    reach = _Z_95 / (1 + spread) * sqrt(share * (1 - share) / asked + spread / asked / 4)
    return Rate(share, max(0.0, centre - reach), min(1.0, centre + reach))
