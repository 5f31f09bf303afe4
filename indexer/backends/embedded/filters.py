"""A filter tree to the set of documents that satisfy it, by columns.

The result speaks of the whole index; it means something only together with what the reader may see.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from indexer.backends.embedded.columns import Column, Mask
from indexer.search.analysis import storable
from indexer.search.matching import predicate_of
from vocabulary.search import And, FilterClause, Not, Or

ColumnOf = Callable[[str], Column]


def documents_satisfying(clause: FilterClause, column_of: ColumnOf, *, size: int) -> Mask:
    """Return which documents satisfy the clause; bool [size], by row id."""
    if isinstance(clause, Not):
        return ~documents_satisfying(clause.clause, column_of, size=size)
    if isinstance(clause, And):
        holding = np.ones(size, np.bool_)
        for each in clause.clauses:
            holding &= documents_satisfying(each, column_of, size=size)
        return holding
    if isinstance(clause, Or):
        holding = np.zeros(size, np.bool_)
        for each in clause.clauses:
            holding |= documents_satisfying(each, column_of, size=size)
        return holding
    return column_of(storable(clause.field)).documents_where(predicate_of(clause), size=size)
