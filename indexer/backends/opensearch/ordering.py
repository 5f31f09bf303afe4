"""The order of rows as the cluster computes it, and the columns of a row that comes back.

Every order ends with the document's number, so that it is the same every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.backends.analysis import storable
from indexer.backends.collapsing import NO_CONTENT_KEY
from indexer.backends.opensearch.attribute_keys import field_prefix
from indexer.backends.opensearch.mapping import Field
from vocabulary.search import Sort

_BY_NUMBER = {Field.STORED_AT.value: "asc"}
_BY_TITLE = {Field.TITLE_KEY.value: "asc"}
_BY_SCORE = {"_score": "desc"}

# The smallest keyword of an attribute, or the largest; a document's keywords come in ascending order.
_FIRST_KEYWORD = """
for (def keyword : doc[params.keys]) if (keyword.startsWith(params.prefix)) return keyword;
return params.missing;
"""
_LAST_KEYWORD = """
def last = params.missing;
for (def keyword : doc[params.keys]) if (keyword.startsWith(params.prefix)) last = keyword;
return last;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One document as its columns tell it. `value` is what it is sorted by, None where it has none."""

    number: int
    score: float
    value: str | None
    content_key: int


@dataclass(frozen=True, slots=True)
class Order:
    """The order of one query's rows."""

    sort: Sort | None
    is_browse: bool

    @property
    def clauses(self) -> Sequence[Mapping[str, Any]]:
        """The order, as a search spells it."""
        first = [] if self.sort is None else [_by_attribute(self.sort)]
        return [*first, _BY_TITLE if self.is_browse else _BY_SCORE, _BY_NUMBER]

    def rows(self, answered: Mapping[str, Any]) -> list[Row]:
        """Return the rows of an answer that was asked for in this order."""
        return [self._row(hit) for hit in answered["hits"]["hits"]]

    def _row(self, hit: Mapping[str, Any]) -> Row:
        *first, relevance, number = hit["sort"]
        value = first[0] if first and first[0] != _missing(self.sort) else None
        keys = hit.get("fields", {}).get(Field.CONTENT_KEY.value, [NO_CONTENT_KEY])
        return Row(number, 0.0 if self.is_browse else float(relevance), value, keys[0])


BY_RELEVANCE = Order(sort=None, is_browse=False)


def _by_attribute(sort: Sort) -> Mapping[str, Any]:
    prefix = field_prefix(storable(sort.field))
    parameters = {"keys": Field.ATTRIBUTE_KEYS.value, "prefix": prefix, "missing": _missing(sort)}
    script = {"source": _LAST_KEYWORD if sort.descending else _FIRST_KEYWORD, "params": parameters}
    return {"_script": {"type": "string", "order": "desc" if sort.descending else "asc", "script": script}}


def _missing(sort: Sort | None) -> str:
    """Return what stands behind every keyword of the attribute in the order's direction."""
    if sort is None or sort.descending:
        return ""
    return f"{field_prefix(storable(sort.field))}~"
