"""How rare what a query asks for is among what one reader may read.

The clusters' own statistics count every document, and would let a hidden one move the order of the visible ones. So the
reader's documents are counted in the first round trip, under the reader's filter, and the weights travel with the
second. A cluster answers the same count for the same reader from its request cache until something is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indexer.backends import bm25
from indexer.backends.opensearch.clauses import holding
from indexer.backends.opensearch.requests import PermittedSearch, Reader
from indexer.backends.query_language import Clause


def counting(reader: Reader, clauses: Sequence[Clause]) -> PermittedSearch:
    """Return the search that counts the reader's documents, and those that hold each of the clauses."""
    return reader.counting({str(place): holding(clause) for place, clause in enumerate(clauses)})


def weights_of(clauses: Sequence[Clause], answered: Mapping[str, Any]) -> dict[Clause, float]:
    """Return the weight of each clause that one of the reader's documents holds."""
    documents = answered["hits"]["total"]["value"]
    counted = answered["aggregations"]["holding"]["buckets"]
    held = {clause: counted[str(place)]["doc_count"] for place, clause in enumerate(clauses)}
    return {
        clause: bm25.inverse_document_frequency(documents=documents, documents_with_clause=count)
        * bm25.clause_weight(clause)
        for clause, count in held.items()
        if count
    }
