"""The JSON body of a search, read as SearchMapper reads it.

Of the many parts of a request those are understood that a crawler needs; any other is refused, so that nobody tests
against an answer that a real server would not give. Queries in `lucene` are read as `afts`, those in `cmis` refused.

Source: SearchMapper of the community repository.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from connectors.alfresco.simulator.afts import Expression, parse, qualified
from connectors.alfresco.simulator.paging import Paging, read_paging
from connectors.alfresco.simulator.search import Search, SortBy
from connectors.alfresco.simulator.wire import invalid_argument

_Json: TypeAlias = dict[str, Any]

# SearchMapper.PERMITTED_INCLUDES
_INCLUDES = frozenset(
    {"allowableOperations", "aspectNames", "isLink", "path", "properties"}
    | {"association", "isLocked", "permissions", "isFavorite"}
)
_PARTS = frozenset(
    {"query", "paging", "include", "fields", "sort", "filterQueries", "defaults", "scope", "limits", "localization"}
)
_SORT_TYPES = frozenset({"FIELD", "DOCUMENT", "SCORE"})
_TRACKED_HITS = 10_000  # counted exactly unless limits.trackTotalHitsLimit says otherwise
_UNLIMITED_RESULTS = 1000  # solr.query.maximumResultsFromUnlimitedQuery


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search, the paging as it was asked for, and what its hits shall show."""

    search: Search
    paging: Paging
    include: tuple[str, ...]
    fields: tuple[str, ...]


def read_request(text: bytes) -> SearchRequest:
    """Read a request's body.

    Raises:
        ApiError: 400, something is missing, wrong or beyond what this server understands.
    """
    body = _parsed(text)
    if unknown := sorted(name for name, value in body.items() if value and name not in _PARTS):
        raise invalid_argument(f"The simulated repository does not understand {unknown[0]}")
    if _part(body, "scope").get("locations") not in (None, "nodes", ["nodes"]):
        raise invalid_argument("The simulated repository searches the location nodes only")
    paging = read_paging({name: str(value) for name, value in _part(body, "paging").items()})
    include = tuple(_list(body, "include"))
    for name in include:
        if name not in _INCLUDES:
            raise invalid_argument(f"An invalid argument was received {name}")
    return SearchRequest(_search(body, paging), paging, include, tuple(_list(body, "fields")))


def _search(body: _Json, paging: Paging) -> Search:
    language, query = _language(body), _part(body, "query")["query"]
    limits = _part(body, "limits")
    joins_by_and = str(_part(body, "defaults").get("defaultFTSOperator", "OR")).upper() == "AND"
    texts = [query, *_filter_queries(body, language)]
    sort = _sort(body, language)
    if language == "cmis":
        raise invalid_argument("The simulated repository has no queries in cmis")
    expressions: tuple[Expression, ...] = tuple(parse(text, joins_by_and=joins_by_and) for text in texts)
    return Search(
        expressions,
        _effective(paging, limits),
        sort=sort,
        is_for_index=language == "lucene",
        counts_to=_counts_to(limits),
    )


def _language(body: _Json) -> str:
    if not body.get("query"):
        raise invalid_argument("query is a mandatory parameter")
    query = _part(body, "query")
    if not isinstance(query.get("query"), str) or not query["query"].strip():
        raise invalid_argument("query is a mandatory parameter")
    language = str(query.get("language") or "afts").casefold()
    if language not in {"afts", "lucene", "cmis"}:
        raise invalid_argument("An invalid argument was received : language allowed values: afts,lucene,cmis")
    return language


def _filter_queries(body: _Json, language: str) -> list[str]:
    filters = _list(body, "filterQueries")
    if filters and language == "cmis":
        raise invalid_argument("An invalid argument was received : filterQueries {} not allowed with cmis language")
    texts = [str(one.get("query") or "").strip() if isinstance(one, dict) else "" for one in filters]
    if not all(texts):
        raise invalid_argument("filterQueries query is a mandatory parameter")
    return texts


def _sort(body: _Json, language: str) -> tuple[SortBy, ...]:
    """Return what to sort by; position in the index and score are the order that there is without a sort."""
    asked = _list(body, "sort")
    if asked and language == "cmis":
        raise invalid_argument("An invalid argument was received : sort {} not allowed with cmis language")
    for one in asked:
        if not isinstance(one, dict) or one.get("type", "FIELD") not in _SORT_TYPES:
            raise invalid_argument(f"An invalid argument was received {one}")
    return tuple(
        SortBy(
            qualified(str(one.get("field", "")).lstrip("@")), descends=str(one.get("ascending")).casefold() != "true"
        )
        for one in asked
        if one.get("type", "FIELD") == "FIELD"
    )


def _effective(paging: Paging, limits: _Json) -> Paging:
    """Return the paging that counts: a limit on permission checks overrides `maxItems` (SearchMapper.fromLimits)."""
    if limits.keys() & {"permissionEvaluationCount", "permissionEvaluationTime"}:
        return Paging(paging.skip_count, _UNLIMITED_RESULTS)
    return paging


def _counts_to(limits: _Json) -> int | None:
    limit = limits.get("trackTotalHitsLimit", 0)
    if not isinstance(limit, int):
        raise invalid_argument(f"An invalid argument was received {limit}")
    return None if limit < 0 else limit or _TRACKED_HITS


def _parsed(text: bytes) -> _Json:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid_argument("Could not read content from HTTP request body")
    return body


def _part(body: _Json, name: str) -> _Json:
    part = body.get(name) or {}
    if not isinstance(part, dict):
        raise invalid_argument(f"Could not read {name}: an object is expected")
    return part


def _list(body: _Json, name: str) -> list[Any]:
    values = body.get(name) or []
    if not isinstance(values, list):
        raise invalid_argument(f"Could not read {name}: an array is expected")
    return values
