"""How rare what a query asks for is among what one reader may read.

The clusters' own statistics count every document, and would let a hidden one move the order of the visible ones. So the
reader's documents are counted in the first round trip, under the reader's filter, and the weights travel with the
second.

Each count is a search of its own. It begins at what holds the clause, which is little, where one aggregation with all
of them would walk through all that the reader may read; and a cluster answers the same count for the same reader from
its request cache until something is written, whatever else a query asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from indexer.backends.opensearch.clauses import holding
from indexer.backends.opensearch.filters import filter_clause
from indexer.backends.opensearch.requests import PermittedSearch, Reader
from indexer.search import bm25
from indexer.search.query_language import Clause
from vocabulary.search import Exists


def counting(reader: Reader, clauses: Iterable[Clause]) -> list[PermittedSearch]:
    """Return the searches that count the reader's documents that hold each of the clauses."""
    return [reader.counting([holding(clause)]) for clause in clauses]


def looking_for_fields(reader: Reader, names: Sequence[str]) -> list[PermittedSearch]:
    """Return the searches that find out which names are fields of one of the reader's documents."""
    return [reader.counting([filter_clause(Exists(name))]) for name in names]


def count_of(answered: Mapping[str, Any]) -> int:
    """Return how many documents a search has counted."""
    count: int = answered["hits"]["total"]["value"]
    return count


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
