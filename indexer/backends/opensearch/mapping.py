"""What an OpenSearch index of ours looks like: its settings, its fields, and how its words are scored.

One OpenSearch document for each document of a source, its passages nested in it; beside them one document, `STATE_ID`,
that says what the index is (`state.py`). Fields that nothing asks for are stored and not indexed, and nothing that a
document brings can add a field. What is only ever read back of toxicity (version, categories, sentences) has no mapping
at all: it lies in the stored document, so that an index made before it takes it as it is. Categories are filtered and
counted by `attribute_keys`.

Words are made by the service's own analysis and arrive as terms between blanks. A scripted similarity computes the part
of BM25 that depends on the row alone; the weight of a term, its rarity among what the reader may read included, comes
with the query as its boost. So nothing that OpenSearch counts over all documents has a part in the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from indexer.backends.opensearch.config import IndexOptions, VectorEngine, VectorQuantisation
from indexer.search import bm25
from indexer.search.analysis import name_of_analysis

SCHEMA_VERSION = 1
STATE_ID = "state"  # a document's own id always contains a slash

# Above the most passages of a document (5 million characters of text, its comments): one more would lose the document.
_NESTED_LIMIT = 100_000
# For how long a deletion is remembered, so that a write that was sent before it and arrives after it does not bring the
# document back. Far longer than a request can wait on its way (`config.request_timeout_s`) and a lease can last.
_DELETIONS_REMEMBERED = "1h"
# Characters of a title that decide its place when browsing.
TITLE_KEY_CHARACTERS = 1_000


class Field(StrEnum):
    """The fields of a document."""

    SOURCE = "source"
    NATIVE_ID = "native_id"
    TITLE = "title"
    TITLE_KEY = "title_key"  # folded: the order of browsing
    URI = "uri"
    PATH = "path"
    ACL_ID = "acl_id"  # 0 admits nobody
    OWNER = "owner"  # canonical spelling of a principal
    EPOCH = "epoch"  # below the state's: hidden from everybody
    STORED_AT = "stored_at"  # grows with each new document, breaks ties
    TOXICITY = "toxicity"  # that of the worst of its passages
    TOXICITY_VERSION = "toxicity_version"  # what scored its passages; missing: nobody knows
    TOXICITY_CATEGORIES = "toxicity_categories"  # those that it is marked with
    CONTENT_KEY = "content_key"  # the same for documents of the same text; 0: nobody's copy
    ATTRIBUTES = "attributes"  # JSON, as hits show them
    ATTRIBUTE_KEYS = "attribute_keys"  # what filters, facets and sorts see: `attribute_keys.py`
    SEARCHED = "searched"  # names of the attributes that are searched by words
    TITLE_TERMS = "title_terms"
    TITLE_WORDS = "title_words"  # distinct and folded: what prefixes are compared with
    ATTRIBUTE_TERMS = "attribute_terms"
    ATTRIBUTE_WORDS = "attribute_words"
    FIELD_TERMS = "field_terms"  # those of every text of a field, each under the field's name: `documents.field_token`
    FIELD_WORDS = "field_words"
    PASSAGES = "passages"
    STATE = "state"  # of the document STATE_ID alone


class PassageField(StrEnum):
    """The fields of a passage, by their full names."""

    ORDINAL = "passages.ordinal"
    KIND = "passages.kind"
    TEXT = "passages.text"
    START = "passages.start"
    END = "passages.end"
    TOKEN_COUNT = "passages.token_count"  # noqa: S105 - the name of a field
    PAGE = "passages.page"
    HEADING = "passages.heading"
    COMMENT_ID = "passages.comment_id"
    AUTHOR = "passages.author"  # of a comment
    WRITTEN_AT = "passages.written_at"  # of a comment, ISO 8601
    TOXICITY = "passages.toxicity"
    TOXICITY_CATEGORY = "passages.toxicity_category"  # missing where there is none, as the next
    TOXIC_SPANS = "passages.toxic_spans"  # JSON, as `indexer.search.toxicity` spells them
    TERMS = "passages.terms"
    WORDS = "passages.words"
    LENGTH = "passages.length"  # in terms
    VECTOR = "passages.vector"

    @property
    def key(self) -> str:
        """The name within the passage's own object."""
        return self.value.removeprefix("passages.")


EVERY_DOCUMENT: dict[str, Any] = {"exists": {"field": Field.ACL_ID.value}}  # the state document has no such field


def index_body(options: IndexOptions, *, dimensions: int, languages: Sequence[str]) -> dict[str, Any]:
    """Return the settings and mappings to create an index with, for vectors of `dimensions` numbers."""
    meta = {"schema": SCHEMA_VERSION, "dimensions": dimensions, "analysis": name_of_analysis(languages)}
    return {
        "settings": _settings(options),
        "mappings": {
            "dynamic": False,
            "_meta": {"sightline": meta},
            "properties": _document_fields() | {Field.PASSAGES.value: _passages(options, dimensions)},
        },
    }


def unusable(name: str, mappings: Mapping[str, Any], *, dimensions: int, languages: Sequence[str]) -> str:
    """Say why an existing index cannot be used for such vectors and languages; empty when it can."""
    meta = mappings.get("_meta", {}).get("sightline")
    if meta is None:
        return f"alias: {name} is not an index of this program"
    if meta["schema"] != SCHEMA_VERSION:
        age = "a newer" if meta["schema"] > SCHEMA_VERSION else "an older"
        return f"alias: {name} was made by {age} version (schema {meta['schema']}, this is {SCHEMA_VERSION})"
    if meta["dimensions"] != dimensions:
        return f"alias: {name} holds vectors of {meta['dimensions']} dimensions, the model gives {dimensions}"
    if meta["analysis"] != name_of_analysis(languages):
        return (
            f"languages: {name} was analysed as {meta['analysis']}, the settings ask for {name_of_analysis(languages)}:"
            " leave them as they were, and build it anew with `sightline reindex --languages`"
        )
    return ""


def keeps_quantised_vectors(mappings: Mapping[str, Any]) -> bool:
    """Say whether the graph of an index of this program holds its vectors coarsely, whatever the settings say now."""
    *path, name = PassageField.VECTOR.split(".")
    for each in path:
        mappings = mappings["properties"][each]
    return "encoder" in mappings["properties"][name]["method"].get("parameters", {})


def _settings(options: IndexOptions) -> dict[str, Any]:
    return {
        "index": {
            "knn": True,
            "number_of_shards": options.shards,
            "number_of_replicas": options.replicas,
            "gc_deletes": _DELETIONS_REMEMBERED,
            "mapping.nested_objects.limit": _NESTED_LIMIT,
            "similarity": {_similarity_name(field): _similarity(field) for field in TERM_FIELDS},
        }
    }


def _document_fields() -> dict[str, Any]:
    stored = {field.value: _STORED for field in (Field.TITLE, Field.URI, Field.PATH, Field.ATTRIBUTES, Field.SEARCHED)}
    terms = {field.value: _terms(field) for field in (Field.TITLE_TERMS, Field.ATTRIBUTE_TERMS)}
    terms |= {field.value: _WORDS for field in (Field.TITLE_WORDS, Field.ATTRIBUTE_WORDS, Field.FIELD_WORDS)}
    return (
        stored
        | terms
        | {
            Field.SOURCE.value: {"type": "keyword"},
            Field.NATIVE_ID.value: {"type": "keyword"},
            Field.TITLE_KEY.value: {"type": "keyword", "index": False},
            Field.ACL_ID.value: {"type": "integer"},  # the one type that takes a bitmap
            Field.OWNER.value: {"type": "keyword"},
            Field.EPOCH.value: {"type": "integer"},
            Field.STORED_AT.value: {"type": "long"},
            Field.TOXICITY.value: {"type": "double"},
            Field.CONTENT_KEY.value: {"type": "long"},
            Field.ATTRIBUTE_KEYS.value: {"type": "keyword"},
            Field.FIELD_TERMS.value: {"type": "text", "analyzer": "whitespace", "norms": False},
            Field.STATE.value: {"type": "object", "enabled": False},
        }
    )


def _passages(options: IndexOptions, dimensions: int) -> dict[str, Any]:
    stored = (PassageField.TEXT, PassageField.HEADING, PassageField.AUTHOR, PassageField.WRITTEN_AT)
    return {
        "type": "nested",
        "dynamic": False,
        "properties": {field.key: _STORED for field in stored}
        | {
            PassageField.ORDINAL.key: {"type": "integer"},
            PassageField.KIND.key: {"type": "keyword"},
            PassageField.COMMENT_ID.key: {"type": "keyword"},
            PassageField.TOXICITY.key: {"type": "float"},
            PassageField.TERMS.key: _terms(PassageField.TERMS),
            PassageField.WORDS.key: _WORDS,
            PassageField.LENGTH.key: {"type": "integer", "index": False},
            PassageField.VECTOR.key: _vector(options, dimensions),
        },
    }


def _vector(options: IndexOptions, dimensions: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {"m": options.m, "ef_construction": options.ef_construction}
    if options.quantisation is VectorQuantisation.SCALAR:
        parameters["encoder"] = {"name": "sq"}
    if options.vector_engine is VectorEngine.FAISS:
        parameters["ef_search"] = options.ef_search  # Lucene takes as many candidates as are asked for
    return {
        "type": "knn_vector",
        "dimension": dimensions,
        "method": {
            "name": "hnsw",
            "engine": options.vector_engine.value,
            "space_type": "cosinesimil",
            "parameters": parameters,
        },
    }


_STORED = {"type": "keyword", "index": False, "doc_values": False}
_WORDS = {"type": "keyword", "doc_values": False}

# The fields that hold a text's terms, and what text that is.
TERM_FIELDS: Mapping[Field | PassageField, bm25.TextField] = MappingProxyType(
    {
        PassageField.TERMS: bm25.TextField.BODY,
        Field.TITLE_TERMS: bm25.TextField.TITLE,
        Field.ATTRIBUTE_TERMS: bm25.TextField.ATTRIBUTES,
    }
)

# Where the distinct folded words of the same text are.
WORD_FIELDS: Mapping[Field | PassageField, Field | PassageField] = MappingProxyType(
    {
        PassageField.TERMS: PassageField.WORDS,
        Field.TITLE_TERMS: Field.TITLE_WORDS,
        Field.ATTRIBUTE_TERMS: Field.ATTRIBUTE_WORDS,
    }
)


def _terms(field: Field | PassageField) -> dict[str, Any]:
    return {"type": "text", "analyzer": "whitespace", "similarity": _similarity_name(field)}


def _similarity_name(field: Field | PassageField) -> str:
    return f"bm25_of_{TERM_FIELDS[field]}"


def _similarity(field: Field | PassageField) -> dict[str, Any]:
    """Return `bm25.saturated`, its weight apart, as OpenSearch computes it.

    The length that it knows is exact up to 40 terms. Of a phrase it adds this up for each term: a phrase's boost is to
    be divided by their number.
    """
    weight = bm25.FIELD_WEIGHTS[TERM_FIELDS[field]]
    k1, b = bm25.SATURATION, weight.length_share
    dampening = f"{k1 * (1 - b)} + {k1 * b / weight.average_length} * doc.length"
    source = f"return query.boost * doc.freq * {k1 + 1} / (doc.freq + {dampening});"
    return {"type": "scripted", "script": {"source": source}}
