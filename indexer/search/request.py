"""What both engines ask of a query before they look at anything."""

from __future__ import annotations

import numpy as np

from indexer.search.facets import refuse_impossible
from indexer.search.query_language import meaning_of
from vocabulary.documents import Vector
from vocabulary.errors import QueryInvalid
from vocabulary.indexing import IndexOperation, Put
from vocabulary.search import Query, SearchMode


def needed_vector(query: Query, vector: Vector | None, *, dimensions: int) -> Vector | None:
    """Return the vector that the query is to be answered with; None where words alone decide.

    Raises:
        QueryInvalid: the vector is missing or not one of this index, a size is negative, or a facet impossible.
    """
    if query.size < 0:
        raise QueryInvalid("the page size is negative")
    refuse_impossible(query.facets)
    if query.mode is SearchMode.KEYWORD or not meaning_of(query.text):
        return None
    if vector is None:
        raise QueryInvalid(f"a {query.mode} query needs the vector of its text")
    if vector.shape != (dimensions,) or not np.isfinite(vector).all():
        raise QueryInvalid(f"the query's vector is not one of {dimensions} finite numbers")
    return vector.astype(np.float32)


def refuse_foreign_vectors(operation: IndexOperation, *, dimensions: int) -> None:
    """Refuse passages of another model before anything is written.

    Raises:
        ValueError: a vector of another size, or with a number that is none.
    """
    if not isinstance(operation, Put):
        return
    for each in operation.passages:
        if each.vector.shape != (dimensions,) or not np.isfinite(each.vector).all():
            raise ValueError(f"{operation.description.document_id}: not a vector of {dimensions} finite numbers")
