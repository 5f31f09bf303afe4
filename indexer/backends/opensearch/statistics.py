"""How rare what a query asks for is among what one reader may read.

The clusters' own statistics count every document, and would let a hidden one move the order of the visible ones. So the
reader's documents are counted in the first round trip, under the reader's filter, and the weights travel with the
second.

All that the reader may read is counted apart: a cluster answers that from its request cache, whatever else is asked,
until something is written. The words are counted among the documents that hold one of them, which are few, and by one
search: a reader's filter may be long, and each search carries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indexer.backends.opensearch.clauses import holding
from indexer.backends.opensearch.filters import filter_clause
from indexer.backends.opensearch.requests import PermittedSearch, Reader
from indexer.search import bm25
from indexer.search.query_language import Clause
from vocabulary.search import Exists


def counting(reader: Reader, clauses: Sequence[Clause]) -> PermittedSearch:
    """Return the search that counts the reader's documents that hold each of the clauses."""
    return reader.counting([holding(clause) for clause in clauses])


def looking_for_fields(reader: Reader, names: Sequence[str]) -> PermittedSearch:
    """Return the search that finds out which names are fields of one of the reader's documents."""
    return reader.counting([filter_clause(Exists(name)) for name in names])


def total_of(answered: Mapping[str, Any]) -> int:
    """Return how many documents a search has found."""
    total: int = answered["hits"]["total"]["value"]
    return total


def counts_of(answered: Mapping[str, Any]) -> list[int]:
    """Return how many of the reader's documents each clause holds for, in their order."""
    return [bucket["doc_count"] for bucket in answered["aggregations"]["holding"]["buckets"]]


def weights_of(clauses: Sequence[Clause], held: Mapping[Clause, int], *, documents: int) -> dict[Clause, float]:
    """Return the weight of each clause that one of the reader's documents holds.

    `held` says how many of them hold it, `documents` how many there are.
    """
    return {
        clause: bm25.inverse_document_frequency(documents=documents, documents_with_clause=held[clause])
        * bm25.clause_weight(clause)
        for clause in clauses
        if held.get(clause)
    }
