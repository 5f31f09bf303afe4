"""No search of the OpenSearch engine without its reader's filter: by its types, and in every body that it can make."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pyroaring import FrozenBitMap

import indexer.backends.opensearch
from indexer.backends.opensearch import facets, transport
from indexer.backends.opensearch.access_clause import AclIdSpelling, access_clause, spelling_for
from indexer.backends.opensearch.clauses import holding, matching, one_of, preferring_newer
from indexer.backends.opensearch.filters import filter_clause
from indexer.backends.opensearch.hits import BY_WORDS, Shown, opening
from indexer.backends.opensearch.ordering import Order, RowKey
from indexer.backends.opensearch.requests import PermittedSearch, Reader, Rows
from indexer.search.analysis import analyzer
from indexer.search.query_language import Word
from indexer.search.recency import RecencyRule
from indexer.search.tuning import Tuned
from tests.contract.opensearch_watch import violations_of
from tests.fakes.documents import NUMBERING, hashed_vector, reader
from vocabulary.access import AccessFilter, Principal
from vocabulary.search import (
    DateFacet,
    DateInterval,
    Equals,
    FacetRequest,
    Recency,
    Sort,
    Tuning,
)

FOLDER = Path(indexer.backends.opensearch.__file__).parent
ME = Principal.user("wiki", "me")
ACCESS = reader(1, 7, 2**31 + 5, if_owner=[9], owners=[ME])
BUDGET = Word("budget")
TUNED = Tuned(Tuning(), analyzer())
ROW = RowKey(1, "wiki", "a")


def _every_search(spelling: AclIdSpelling, access: AccessFilter = ACCESS) -> dict[str, PermittedSearch]:
    """Return one search of each kind that is ever sent."""
    asks = Reader(access, epoch=3, spelling=spelling)
    vector = hashed_vector("budget")
    filters = [filter_clause(Equals("type", "pdf"))]
    counted = facets.aggregations([FacetRequest("type"), DateFacet("at", DateInterval.MONTH)])
    order = Order(Sort("n"), is_browse=False).clauses
    by_words = matching({BUDGET: 1.5}, TUNED.boosts)
    recency = RecencyRule.on(Recency("at", half_life_days=30, weight=0.5), now_s=0.0)
    return {
        "counts": asks.counting([holding(BUDGET)]),
        "nearest": asks.nearest(vector, filters, count=10, looked_for=20, is_quantised=True),
        "rows": asks.rows(Rows(by_words, filters, order, size=10, counted=counted)),
        "browse": asks.rows(Rows(None, size=10)),
        "newer first": asks.rows(Rows(preferring_newer(by_words, recency), filters, order, size=10)),
        "near rows": asks.rows(Rows(by_words, [one_of([ROW])], order, size=10)),
        "page": opening(asks, [Shown(ROW, 0.5, BY_WORDS, 0)], weights={BUDGET: 1.5}, vector=vector),
    }


@pytest.mark.parametrize("bitmaps", [True, False])
def test_every_search_is_under_its_readers_filter(bitmaps: bool) -> None:
    for name, search in _every_search(AclIdSpelling(bitmaps)).items():
        assert violations_of(search.body, ACCESS) == [], name


def _without_the_filter(body: dict[str, Any]) -> None:
    del body["query"]["bool"]["filter"][0]


def _with_another_readers(body: dict[str, Any]) -> None:
    body["query"]["bool"]["filter"][0] = access_clause(reader(1, 7, 8), epoch=3, spelling=AclIdSpelling())


def _as_an_option(body: dict[str, Any]) -> None:
    body["query"]["bool"]["should"] = body["query"]["bool"].pop("filter")


def _counting_past_it(body: dict[str, Any]) -> None:
    body["aggs"] = {"all": {"global": {}, "aggs": {"n": {"value_count": {"field": "acl_id"}}}}}


def _suggesting(body: dict[str, Any]) -> None:
    body["suggest"] = {"s": {"text": "budgte", "term": {"field": "title_terms"}}}


def _rescoring(body: dict[str, Any]) -> None:
    body["rescore"] = {"window_size": 50, "query": {"rescore_query": {"match_all": {}}}}


@pytest.mark.parametrize(
    "spoil", [_without_the_filter, _with_another_readers, _as_an_option, _counting_past_it, _suggesting, _rescoring]
)
def test_the_watch_notices_a_search_that_looks_past_the_filter(spoil: Callable[[dict[str, Any]], None]) -> None:
    for name, search in _every_search(AclIdSpelling()).items():
        spoilt = copy.deepcopy(dict(search.body))
        spoil(spoilt)
        assert violations_of(spoilt, ACCESS), name


def test_the_watch_notices_neighbours_that_are_sought_past_the_filter() -> None:
    spoilt = copy.deepcopy(dict(_every_search(AclIdSpelling())["nearest"].body))
    (nested,) = spoilt["query"]["bool"]["must"]
    (near,) = nested["nested"]["query"]["knn"].values()
    del near["filter"]["bool"]["filter"][0]
    assert violations_of(spoilt, ACCESS)


def test_a_search_cannot_be_made_without_an_access_filter() -> None:
    access = inspect.signature(Reader.__init__).parameters["access"]
    assert access.default is inspect.Parameter.empty
    assert get_type_hints(Reader.__init__)["access"] is AccessFilter
    with pytest.raises(TypeError):
        Reader(epoch=1, spelling=AclIdSpelling())  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        PermittedSearch(body={"query": {"match_all": {}}})  # type: ignore[call-arg]


def test_only_one_function_searches_for_readers_and_takes_nothing_but_permitted_searches() -> None:
    senders = {path.name for path in FOLDER.glob("*.py") if "msearch" in _methods_called(path)}
    assert senders == {"transport.py"}
    assert "PermittedSearch" in str(get_type_hints(transport.send)["searches"])


def test_the_modules_that_answer_readers_have_no_other_way_to_the_cluster() -> None:
    for name in ("search.py", "requests.py", "hits.py", "statistics.py", "facets.py", "candidates.py", "clauses.py"):
        assert not _methods_called(FOLDER / name) & {"call", "msearch", "mget", "scroll"}, name


def _methods_called(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("bitmaps", [True, False])
def test_the_hidden_acl_is_in_no_clause(bitmaps: bool) -> None:
    nothing = AccessFilter(NUMBERING, FrozenBitMap([0]), FrozenBitMap([0]), frozenset({str(ME)}))
    assert access_clause(nothing, epoch=1, spelling=AclIdSpelling(bitmaps)) == {"match_none": {}}


def test_ownership_admits_nobody_who_owns_nothing() -> None:
    assert access_clause(reader(if_owner=[4]), epoch=1, spelling=AclIdSpelling()) == {"match_none": {}}


@pytest.mark.parametrize(
    ("number", "bitmaps"), [("2.16.0", False), ("2.17.0", True), ("2.19.1", True), ("3.5.0", True), ("1.3.20", False)]
)
def test_the_clusters_version_decides_how_ids_are_sent(number: str, bitmaps: bool) -> None:
    assert spelling_for({"version": {"number": number, "distribution": "opensearch"}}).bitmaps is bitmaps


def test_a_cluster_that_tells_no_version_is_a_recent_one() -> None:
    assert spelling_for({}).bitmaps


def test_an_older_cluster_gets_plain_terms_in_portions_and_they_are_counted() -> None:
    told: list[str] = []
    spelling = AclIdSpelling(bitmaps=False, on_plain=lambda: told.append("plain"))
    clause = access_clause(reader(*range(1, 70_001)), epoch=1, spelling=spelling)
    portions = clause["bool"]["filter"][1]["bool"]["should"]
    assert [len(each["terms"]["acl_id"]) for each in portions] == [65_536, 4_464]
    assert told == ["plain"]
