"""What a query's words ask for, as clauses: what holds for a document that has them, and what each is worth there.

The terms are those of our own analysis, as the documents hold them. The boost of a clause carries all of its weight
that does not depend on the row; the similarity of the field (`mapping.py`) multiplies it by the rest. `bm25.py` has the
formula, and `indexer.backends.clauses` the plain meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indexer.backends import bm25
from indexer.backends.opensearch.access_clause import NOTHING, Clause, any_of
from indexer.backends.opensearch.documents import field_token
from indexer.backends.opensearch.mapping import TERM_FIELDS, WORD_FIELDS, Field, PassageField
from indexer.backends.opensearch.requests import nested
from indexer.backends.query_language import Clause as TextClause
from indexer.backends.query_language import Phrase, Prefix, Word

_OWN_FIELDS = tuple(field for field in TERM_FIELDS if isinstance(field, Field))


def holding(clause: TextClause) -> Clause:
    """Return what holds for the documents that hold a clause, wherever it stands."""
    own = [_scored(field, clause, 1.0) for field in _OWN_FIELDS]
    return any_of([nested(_scored(PassageField.TERMS, clause, 1.0)), *own])


def lacking(clause: TextClause) -> Clause:
    """Return what holds for the documents that hold a clause nowhere."""
    return {"bool": {"must_not": [holding(clause)]}}


def matching(weights: Mapping[TextClause, float]) -> Clause:
    """Return what holds for the documents with one of the clauses, scored: the best passage and the own fields."""
    if not weights:
        return NOTHING
    own = [_scored(field, clause, weight) for field in _OWN_FIELDS for clause, weight in weights.items()]
    return any_of([nested(passages_matching(weights)), *own])


def passages_matching(weights: Mapping[TextClause, float]) -> Clause:
    """Return what holds for the passages with one of the clauses, scored."""
    return any_of([_scored(PassageField.TERMS, clause, weight) for clause, weight in weights.items()])


def in_field(name: str, clause: TextClause) -> Clause:
    """Return what holds for the documents with a text of the field that holds a clause."""
    match clause:
        case Word(term):
            return {"term": {Field.FIELD_TERMS.value: field_token(name, term)}}
        case Phrase(terms):
            return _in_a_row(Field.FIELD_TERMS, [field_token(name, term) for term in terms], boost=1.0)
        case Prefix(start):
            return {"prefix": {Field.FIELD_WORDS.value: field_token(name, start)}}


def one_of(numbers: Sequence[int]) -> Clause:
    """Return what holds for the documents of these numbers, without a score."""
    return {"constant_score": {"filter": {"terms": {Field.STORED_AT.value: list(numbers)}}, "boost": 0}}


def of_ids(ids: Sequence[str]) -> Clause:
    """Return what holds for the documents that the index stores under these ids."""
    return {"ids": {"values": list(ids)}}


def _scored(field: Field | PassageField, clause: TextClause, weight: float) -> Clause:
    boost = weight * bm25.FIELD_WEIGHTS[TERM_FIELDS[field]].weight
    match clause:
        case Word(term):
            return {"term": {field.value: {"value": term, "boost": boost}}}
        case Phrase(terms):
            # The similarity is added up for each term of a phrase, with the phrase's own frequency.
            return _in_a_row(field, terms, boost=boost / len(terms))
        case Prefix(start):
            # It occurs or does not, as if once in a text of average length, where the similarity would give 1.
            begins = [{"prefix": {each.value: start}} for each in (field, WORD_FIELDS[field])]
            return {"constant_score": {"filter": any_of(begins), "boost": boost}}


def _in_a_row(field: Field | PassageField, terms: Sequence[str], *, boost: float) -> Clause:
    return {"match_phrase": {field.value: {"query": " ".join(terms), "analyzer": "whitespace", "boost": boost}}}
