"""Pages of lists: `skipCount` and `maxItems`, their errors, and the `list` object around the entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.alfresco.simulator.wire import invalid_argument

DEFAULT_MAX_ITEMS = 100  # the repository's Paging.DEFAULT_MAX_ITEMS
_JAVA_INT = re.compile(r"[+-]?\d{1,10}")
_JAVA_INT_LIMIT = 2**31


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is asked for; there is no upper bound on `max_items`."""

    skip_count: int
    max_items: int

    def pagination(self, *, count: int, total: int, show_total: bool) -> dict[str, object]:
        """Describe a page of `count` entries cut from `total`."""
        shown: dict[str, object] = {"totalItems": total} if show_total else {}
        return {
            "count": count,
            "hasMoreItems": self.skip_count + count < total,
            **shown,
            "skipCount": self.skip_count,
            "maxItems": self.max_items,
        }


def read_paging(parameters: Mapping[str, str]) -> Paging:
    """Read both parameters.

    Raises:
        ApiError: 400, a value is not an integer, `maxItems` < 1 or `skipCount` < 0.
    """
    skip_text, max_text = parameters.get("skipCount"), parameters.get("maxItems")
    skip_count, max_items = _java_int(skip_text, default=0), _java_int(max_text, default=DEFAULT_MAX_ITEMS)
    if skip_count is None or max_items is None:
        raise invalid_argument(_not_a_number(skip_text, max_text))
    if max_items < 1:
        raise invalid_argument("Only positive values supported for maxItems.")
    if skip_count < 0:
        raise invalid_argument("Negative values not supported for skipCount.")
    return Paging(skip_count, max_items)


def _java_int(text: str | None, *, default: int) -> int | None:
    """Return what Integer.parseInt would, None where it would throw."""
    if text is None:
        return default
    if not _JAVA_INT.fullmatch(text):
        return None
    number = int(text)
    return number if -_JAVA_INT_LIMIT <= number < _JAVA_INT_LIMIT else None


def _not_a_number(skip_text: str | None, max_text: str | None) -> str:
    if skip_text is None:
        return f"Invalid paging parameter maxItems:{max_text}"
    if max_text is None:
        return f"Invalid paging parameter skipCount:{skip_text}"
    return f"Invalid paging parameters skipCount: {skip_text}, maxItems:{max_text}"
