"""The searches that may be sent, each under one reader's filter.

`PermittedSearch` is the only thing that is ever sent to `_msearch`, and it is made of a `Reader`, which is made of an
`AccessFilter`: a search without the filter cannot be written down. The reader's clause is the first filter of every
query, and of every search of neighbours; aggregations count what their query admits (none is global), and there is no
suggester, no rescoring of a whole search and no post filter, which would look past it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.backends.opensearch.access_clause import AclIdSpelling, Clause, access_clause, any_of
from indexer.backends.opensearch.mapping import Field, PassageField
from vocabulary.access import AccessFilter
from vocabulary.documents import Vector

# Rows are read from columns: no stored document is opened for what is ranked and not shown.
_FROM_COLUMNS: dict[str, Any] = {"_source": False, "stored_fields": "_none_"}


@dataclass(frozen=True, slots=True, eq=False)
class PermittedSearch:
    """The body of one search. Only a `Reader` makes one."""

    reader: Reader
    body: Mapping[str, Any]

    @property
    def header(self) -> Mapping[str, Any]:
        """How the search is sent: whole or not at all, and to the copies that the reader's other searches go to."""
        return {"allow_partial_search_results": False, "preference": self.reader.preference}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Which documents to list, in which order, and how many; all that is shown of one is its columns."""

    matching: Clause | None  # scored; None: everything
    filters: Sequence[Clause] = ()
    sort: Sequence[Mapping[str, Any]] = ()
    size: int = 0
    columns: Sequence[Field] = ()
    counted: Mapping[str, Any] = field(default_factory=dict)


class Reader:
    """One reader at one state of an index: makes the searches of one query."""

    def __init__(self, access: AccessFilter, *, epoch: int, spelling: AclIdSpelling) -> None:
        self._admitted = access_clause(access, epoch=epoch, spelling=spelling)
        # Copies of a shard may be a moment apart: the searches of one query are answered by the same ones.
        self.preference = hashlib.sha256(json.dumps(self._admitted).encode()).hexdigest()[:16]

    def everything(self) -> PermittedSearch:
        """Count all that the reader may read."""
        return self._search([], size=0, track_total_hits=True)

    def counting(self, holding: Sequence[Clause]) -> PermittedSearch:
        """Count the reader's documents that each clause holds for, beginning at those that any of them holds for."""
        counted = {"holding": {"filters": {"filters": list(holding)}}}
        return self._search([any_of(holding)], size=0, track_total_hits=False, aggs=counted)

    def rows(self, wanted: Rows) -> PermittedSearch:
        """List documents by their columns, and count them all."""
        return self._search(
            wanted.filters,
            matching=wanted.matching,
            size=wanted.size,
            sort=list(wanted.sort),
            docvalue_fields=[each.value for each in wanted.columns],
            track_total_hits=True,
            aggs=dict(wanted.counted),
            **_FROM_COLUMNS,
        )

    def nearest(
        self, vector: Vector, filters: Sequence[Clause], *, count: int, looked_for: int, is_quantised: bool
    ) -> PermittedSearch:
        """List `count` documents with the passages nearest to a vector, among those that the filters hold for.

        In each segment's graph `looked_for` passages are kept while it is searched. Where it holds their vectors
        coarsely, those kept are compared once more by their own vectors: cosines count as they are in every index.

        Source: OpenSearch documentation, "Memory-optimized vectors", rescoring to full precision.
        """
        near: dict[str, Any] = {
            "vector": vector.tolist(),
            "k": looked_for,
            "filter": {"bool": {"filter": [self._admitted, *filters]}},
        }
        if is_quantised:
            near["rescore"] = True
        matching = nested({"knn": {PassageField.VECTOR.value: near}})
        return self._search(
            filters,
            matching=matching,
            size=count,
            sort=[{"_score": "desc"}, {Field.STORED_AT.value: "asc"}],
            docvalue_fields=[Field.SOURCE.value, Field.NATIVE_ID.value],
            track_total_hits=False,
            **_FROM_COLUMNS,
        )

    def documents(
        self, filters: Sequence[Clause], parts: Sequence[Clause], *, size: int, sort: Sequence[Mapping[str, Any]] = ()
    ) -> PermittedSearch:
        """Open the documents that the filters hold for; `parts` add their inner hits and decide nothing."""
        return self._search(
            filters,
            optional=parts,
            size=size,
            _source={"excludes": [Field.PASSAGES.value]},
            sort=list(sort),
            track_total_hits=False,
        )

    def whole(self, document: Clause) -> PermittedSearch:
        """Open the one document that the clause holds for, with its passages and without what they are found by."""
        hidden = [PassageField.VECTOR.value, PassageField.TERMS.value]
        return self._search([document], size=1, _source={"excludes": hidden}, track_total_hits=False)

    def _search(
        self,
        filters: Sequence[Clause],
        *,
        matching: Clause | None = None,
        optional: Sequence[Clause] = (),
        **options: Any,
    ) -> PermittedSearch:
        query = {
            "filter": [self._admitted, *filters],
            "must": [] if matching is None else [matching],
            "should": list(optional),
            "minimum_should_match": 0,
        }
        kept = {name: each for name, each in options.items() if each not in ({}, [])}
        return PermittedSearch(self, {"query": {"bool": query}, **kept})


def nested(query: Clause, **options: Any) -> Clause:
    """Return a clause on a document's passages, which counts as its best passage does."""
    return {"nested": {"path": Field.PASSAGES.value, "score_mode": "max", "query": query, **options}}
