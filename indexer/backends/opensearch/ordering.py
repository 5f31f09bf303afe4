"""The order of rows as the cluster computes it, and the columns of a row that comes back.

Every order ends with when a document was first stored, so that it is the same every time. Two programs may have stored
theirs in the same nanosecond: a row is known by that moment, its source and its own id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from indexer.backends.opensearch.attribute_keys import field_prefix, key_of_keyword
from indexer.backends.opensearch.mapping import Field
from indexer.search.analysis import storable
from indexer.search.collapsing import NO_CONTENT_KEY
from indexer.search.recency import latest
from vocabulary.search import Sort

_BY_AGE = {Field.STORED_AT.value: "asc"}
_BY_TITLE = {Field.TITLE_KEY.value: "asc"}
_BY_SCORE = {"_score": "desc"}

KEY_COLUMNS = (Field.SOURCE, Field.NATIVE_ID)

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


class RowKey(NamedTuple):
    """Which document a row is; in the order in which documents were first stored."""

    stored_at: int
    source: str
    native_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """One document as its columns tell it. `value` is what it is sorted by, None where it has none.

    Where newer documents are preferred, `keywords` are its attributes, and `recency` is what multiplies its score.
    """

    key: RowKey
    score: float
    value: str | None
    content_key: int
    keywords: Sequence[str] = ()
    recency: float | None = None

    def latest(self, field: str) -> int:
        """Return the latest moment of an attribute; `NO_MOMENT` without one."""
        prefix = field_prefix(field)
        return latest(key_of_keyword(each) for each in self.keywords if each.startswith(prefix))


@dataclass(frozen=True, slots=True)
class Order:
    """The order of one query's rows."""

    sort: Sort | None
    is_browse: bool

    @property
    def clauses(self) -> Sequence[Mapping[str, Any]]:
        """The order, as a search spells it."""
        first = [] if self.sort is None else [_by_attribute(self.sort)]
        return [*first, _BY_TITLE if self.is_browse else _BY_SCORE, _BY_AGE]

    def rows(self, answered: Mapping[str, Any]) -> list[Row]:
        """Return the rows of an answer that was asked for in this order."""
        return [self._row(hit) for hit in answered["hits"]["hits"]]

    def _row(self, hit: Mapping[str, Any]) -> Row:
        *first, relevance, stored_at = hit["sort"]
        value = first[0] if first and first[0] != _missing(self.sort) else None
        (content_key,) = hit["fields"].get(Field.CONTENT_KEY.value, [NO_CONTENT_KEY])
        keywords = hit["fields"].get(Field.ATTRIBUTE_KEYS.value, ())
        score = 0.0 if self.is_browse else float(relevance)
        return Row(key_of(hit, stored_at), score, value, content_key, keywords)


def key_of(hit: Mapping[str, Any], stored_at: int) -> RowKey:
    """Return which document a row is that came with the `KEY_COLUMNS`."""
    source, native_id = (hit["fields"][column.value][0] for column in KEY_COLUMNS)
    return RowKey(stored_at, source, native_id)


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
