"""The documents of a page, opened under the reader's filter once more, as hits.

What was ranked only proposes: a document that the filter does not admit, or does not any more, is not among what comes
back, and is no hit. Passages come as inner hits: the one that stands for the document by its words or by its meaning,
the first one where neither does, and the comments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.backends.embedded.codec import attributes_from_json
from indexer.backends.opensearch.access_clause import EVERYTHING, Clause
from indexer.backends.opensearch.clauses import one_of, passages_matching
from indexer.backends.opensearch.documents import passage_from, scoring_of, toxicity_of_passage
from indexer.backends.opensearch.mapping import Field, PassageField
from indexer.backends.opensearch.ordering import RowKey
from indexer.backends.opensearch.requests import PermittedSearch, Reader, nested
from indexer.search.comments import CommentPassage, best_comments
from indexer.search.highlighting import Marker, excerpt_of
from indexer.search.query_language import Clause as TextClause
from vocabulary.documents import DocumentId, Passage, PassageKind, Vector
from vocabulary.search import Hit
from vocabulary.shown_document import ShownDocument

# Who stands for a document, in the place of a passage's number: the best passage by the words, or by the meaning.
BY_WORDS, BY_MEANING = -2, -3

_WORDS, _MEANING, _FIRST, _COMMENTS = "words", "meaning", "first", "comments"
_MOST_COMMENTS = 100  # `index.max_inner_result_window`, as clusters come
_SHOWN = {"_source": {"excludes": [PassageField.VECTOR.value, PassageField.TERMS.value]}}


@dataclass(frozen=True, slots=True)
class Shown:
    """One hit to be: its row and score, who stands for it, how many copies it stands for, its score's parts."""

    key: RowKey
    score: float
    represented: int
    copies: int
    score_parts: Mapping[str, float] | None = None


def opening(
    reader: Reader, shown: Sequence[Shown], *, weights: Mapping[TextClause, float], vector: Vector | None
) -> PermittedSearch:
    """Return the search that opens the documents of a page."""
    parts = list(_parts(weights, vector))
    return reader.documents([one_of(each.key for each in shown)], parts, size=len(shown))


def hits_of(
    answered: Mapping[str, Any], shown: Sequence[Shown], *, marker: Marker, is_near: bool, highlight: bool
) -> tuple[Hit, ...]:
    """Return the hits of a page in its order, from what was opened; `is_near` where that was told a vector."""
    opened = {_document_id(hit["_source"]): hit for hit in answered["hits"]["hits"]}
    hits = [(opened.get(DocumentId(each.key.source, each.key.native_id)), each) for each in shown]
    return tuple(
        _hit(hit, each, marker=marker, is_near=is_near, highlight=highlight) for hit, each in hits if hit is not None
    )


def shown_document(answered: Mapping[str, Any]) -> ShownDocument | None:
    """Return the document that was opened as a whole; None where there was nothing to open."""
    if not answered["hits"]["hits"]:
        return None
    stored = answered["hits"]["hits"][0]["_source"]
    return ShownDocument(
        document_id=_document_id(stored),
        title=stored[Field.TITLE.value],
        uri=stored[Field.URI.value],
        attributes=attributes_from_json(stored[Field.ATTRIBUTES.value]),
        toxicity_0_1=stored[Field.TOXICITY.value],
        passages=tuple(map(passage_from, stored.get(Field.PASSAGES.value) or ())),
        toxicity=tuple(map(toxicity_of_passage, stored.get(Field.PASSAGES.value) or ())),
        scoring=scoring_of(stored),
    )


def _document_id(stored: Mapping[str, Any]) -> DocumentId:
    return DocumentId(stored[Field.SOURCE.value], stored[Field.NATIVE_ID.value])


def _parts(weights: Mapping[TextClause, float], vector: Vector | None) -> Iterator[Clause]:
    if weights:
        yield nested(passages_matching(weights), inner_hits={"name": _WORDS, "size": 1, **_SHOWN})
    if vector is not None:
        yield nested(_near(EVERYTHING, vector), inner_hits={"name": _MEANING, "size": 1, **_SHOWN})
    first = [{PassageField.ORDINAL.value: "asc"}]
    yield nested(EVERYTHING, inner_hits={"name": _FIRST, "size": 1, "sort": first, **_SHOWN})
    comments: Clause = {"term": {PassageField.KIND.value: PassageKind.COMMENT.value}}
    scored = comments if vector is None else _near(comments, vector)
    yield nested(scored, inner_hits={"name": _COMMENTS, "size": _MOST_COMMENTS, **_SHOWN})


def _near(among: Clause, vector: Vector) -> Clause:
    """Score passages by their nearness to the vector, exactly; one without a vector by 0.

    By distance, since the plugin has scaled its scores of cosines in two ways so far, and those of distances in one.
    """
    parameters = {"field": PassageField.VECTOR.value, "query_value": vector.tolist(), "space_type": "l2"}
    return {"script_score": {"query": among, "script": {"lang": "knn", "source": "knn_score", "params": parameters}}}


def _similarity(score: float) -> float:
    """Return the cosine of two unit vectors from 1 / (1 + d²) of their distance d."""
    return -1.0 if score <= 0 else 1 - (1 / score - 1) / 2


def _hit(opened: Mapping[str, Any], shown: Shown, *, marker: Marker, is_near: bool, highlight: bool) -> Hit:
    stored = opened["_source"]
    passage = _representative(opened, shown.represented)
    return Hit(
        document_id=_document_id(stored),
        title=stored[Field.TITLE.value],
        uri=stored[Field.URI.value],
        path=stored[Field.PATH.value],
        score=shown.score,
        excerpt=None if passage is None else excerpt_of(passage, marker, highlight=highlight),
        attributes=attributes_from_json(stored[Field.ATTRIBUTES.value]),
        toxicity_0_1=stored[Field.TOXICITY.value],
        toxicity_categories=scoring_of(stored).categories,
        copies=shown.copies,
        score_parts=shown.score_parts,
        comments=best_comments(_comments(opened, is_near=is_near), marker, besides=passage, highlight=highlight),
    )


def _representative(opened: Mapping[str, Any], represented: int) -> Passage | None:
    preferred = {BY_WORDS: _WORDS, BY_MEANING: _MEANING}.get(represented, _FIRST)
    found = [*_inner(opened, preferred), *_inner(opened, _FIRST)]
    return passage_from(found[0]["_source"]) if found else None


def _comments(opened: Mapping[str, Any], *, is_near: bool) -> list[CommentPassage]:
    return [
        CommentPassage(passage_from(each["_source"]), _similarity(each["_score"]) if is_near else None)
        for each in _inner(opened, _COMMENTS)
    ]


def _inner(opened: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = opened["inner_hits"].get(name, {"hits": {"hits": []}})["hits"]["hits"]
    return found
