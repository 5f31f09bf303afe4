"""What a query's words ask for, as clauses: what holds for a document that has them, and what each is worth there.

The terms are those of our own analysis, as the documents hold them. The boost of a clause carries all of its weight
that does not depend on the row; the similarity of the field (`mapping.py`) multiplies it by the rest. `bm25.py` has the
formula, and `indexer.search.clauses` the plain meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from indexer.backends.opensearch.access_clause import NOTHING, Clause, any_of
from indexer.backends.opensearch.attribute_keys import kind_range
from indexer.backends.opensearch.documents import field_token, id_of
from indexer.backends.opensearch.filters import Bounds, holds_one_of, holds_within
from indexer.backends.opensearch.mapping import TERM_FIELDS, WORD_FIELDS, Field, PassageField
from indexer.backends.opensearch.ordering import RowKey
from indexer.backends.opensearch.requests import nested
from indexer.search import bm25
from indexer.search.bm25 import TextField
from indexer.search.clauses import values_named
from indexer.search.matching import Kind
from indexer.search.query_language import PATH_FIELD, TITLE_FIELD, FieldTest, Phrase, Prefix, Word
from indexer.search.query_language import Clause as TextClause
from indexer.search.recency import RecencyRule
from vocabulary.documents import DocumentId

# `RecencyRule.factors`, as the cluster computes it: keywords come in ascending order, moments as `attribute_keys`
# spells them, above the least of 64 bits.
_RECENCY = """
String latest = null;
for (def keyword : doc[params.keys]) if (keyword.startsWith(params.prefix)) latest = keyword;
if (latest == null) return 1.0;
long moment = Long.parseUnsignedLong(latest.substring(params.start), 16) + Long.MIN_VALUE;
return 1.0 + params.weight * Math.pow(0.5, Math.max(0L, params.today - moment) / params.half_life);
"""

_OWN_FIELDS = tuple(field for field in TERM_FIELDS if isinstance(field, Field))


def holding(clause: TextClause) -> Clause:
    """Return what holds for the documents that hold a clause, wherever it stands."""
    own = [_scored(field, clause, 1.0) for field in _OWN_FIELDS]
    return any_of([nested(_scored(PassageField.TERMS, clause, 1.0)), *own])


def lacking(clause: TextClause) -> Clause:
    """Return what holds for the documents that hold a clause nowhere."""
    return {"bool": {"must_not": [holding(clause)]}}


def matching(weights: Mapping[TextClause, float], boosts: Mapping[TextField, float]) -> Clause:
    """Return what holds for the documents with one of the clauses, scored: the best passage and the own fields."""
    if not weights:
        return NOTHING
    own = [
        _scored(field, clause, weight * boosts[TERM_FIELDS[field]])
        for field in _OWN_FIELDS
        for clause, weight in weights.items()
    ]
    return any_of([nested(passages_matching(weights, boost=boosts[TextField.BODY])), *own])


def passages_matching(weights: Mapping[TextClause, float], *, boost: float = 1.0) -> Clause:
    """Return what holds for the passages with one of the clauses, scored."""
    return any_of([_scored(PassageField.TERMS, clause, weight * boost) for clause, weight in weights.items()])


def preferring_newer(query: Clause, rule: RecencyRule) -> Clause:
    """Return the same, with scores multiplied by what the rule says of each document's latest moment."""
    prefix = kind_range(rule.field, Kind.MOMENT).first
    parameters = {
        "keys": Field.ATTRIBUTE_KEYS.value,
        "prefix": prefix,
        "start": len(prefix.encode("utf-16-le")) // 2,  # as the script counts characters
        "today": rule.today_us,
        "half_life": rule.half_life_us,
        "weight": rule.weight,
    }
    script = {"source": _RECENCY, "params": parameters}
    return {"function_score": {"query": query, "script_score": {"script": script}, "boost_mode": "multiply"}}


def passing(test: FieldTest) -> Clause:
    """Return what holds for the documents whose field holds the value: its words in a row, or what it names."""
    name, words = test.field, [] if test.clause is None else [_in_texts(test.field, test.clause)]
    if name in (TITLE_FIELD, PATH_FIELD):  # texts, whatever attributes are called so
        return any_of(words)
    named = values_named(test)
    values = [holds_one_of(name, named.exact)] if named.exact else []
    if named.span is not None:
        first, behind = named.span
        values.append(holds_within(name, Kind.MOMENT, Bounds(((first, False),), ((behind, True),))))
    return any_of([*words, *values])


def failing(test: FieldTest) -> Clause:
    """Return what holds for the documents whose field does not hold the value."""
    return {"bool": {"must_not": [passing(test)]}}


def one_of(keys: Iterable[RowKey]) -> Clause:
    """Return what holds for these documents, without a score."""
    ids = [id_of(DocumentId(key.source, key.native_id)) for key in keys]
    return {"constant_score": {"filter": of_ids(ids), "boost": 0}}


def of_ids(ids: Sequence[str]) -> Clause:
    """Return what holds for the documents that the index stores under these ids."""
    return {"ids": {"values": list(ids)}}


def _in_texts(name: str, clause: TextClause) -> Clause:
    """Return what holds for the documents with a text of the field that holds a clause."""
    match clause:
        case Word(term):
            return {"term": {Field.FIELD_TERMS.value: field_token(name, term)}}
        case Phrase(terms):
            return _in_a_row(Field.FIELD_TERMS, [field_token(name, term) for term in terms], boost=1.0)
        case Prefix(start):
            return {"prefix": {Field.FIELD_WORDS.value: field_token(name, start)}}


def _scored(field: Field | PassageField, clause: TextClause, weight: float) -> Clause:
    boost = weight * bm25.FIELD_WEIGHTS[TERM_FIELDS[field]].weight
    match clause:
        case Word(term):
            return {"term": {field.value: {"value": term, "boost": boost}}}
        case Phrase(terms):
            # The similarity is added up for each term of a phrase, with the phrase's own frequency.
            return _in_a_row(field, terms, boost=boost / len(terms))
        case Prefix(start):
            begins = [{"prefix": {each.value: start}} for each in (field, WORD_FIELDS[field])]
            constant = weight * bm25.of_prefix(TERM_FIELDS[field])
            return {"constant_score": {"filter": any_of(begins), "boost": constant}}


def _in_a_row(field: Field | PassageField, terms: Sequence[str], *, boost: float) -> Clause:
    return {"match_phrase": {field.value: {"query": " ".join(terms), "analyzer": "whitespace", "boost": boost}}}
