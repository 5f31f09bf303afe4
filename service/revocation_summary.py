"""Many revocations in few numbers, for reports and `status`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from service.revocation_times import Since, TimedRevocation


def summary_json(timed: Sequence[TimedRevocation]) -> dict[str, Any]:
    """Spell how long they took for programs: seconds, null where there is nothing to tell."""
    in_force = [one.in_force_s for one in timed]
    obeyed = [one.obeyed_s for one in timed if one.obeyed_s is not None]
    return {
        "counted": len(timed),
        "exact": sum(one.since is Since.CHANGE for one in timed),
        "in_force_p50_s": quantile(in_force, 0.5),
        "in_force_p99_s": quantile(in_force, 0.99),
        "obeyed": len(obeyed),
        "obeyed_p50_s": quantile(obeyed, 0.5),
        "obeyed_p99_s": quantile(obeyed, 0.99),
    }


def in_words(timed: Sequence[TimedRevocation]) -> str:
    """Say how long the longest of them took; there is at least one."""
    longest = max(timed, key=lambda one: one.in_force_s)
    how = "" if longest.since is Since.CHANGE else "at most "
    words = f"The slowest of {len(timed)} revocations was in force {how}{longest.in_force_s:.1f} s after its change"
    obeyed = [one.obeyed_s for one in timed if one.obeyed_s is not None]
    return f"{words}; a query obeyed after {max(obeyed):.1f} s" if obeyed else f"{words}; nobody has asked since"


def quantile(seconds: Sequence[float], share: float) -> float | None:
    """The least of the values that at least this share of them does not exceed; None of none."""
    if not seconds:
        return None
    return round(sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)], 3)
