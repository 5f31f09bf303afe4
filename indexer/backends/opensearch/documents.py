"""Documents and passages as OpenSearch stores them, and back. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded.codec import attributes_from_json, attributes_to_json
from indexer.backends.opensearch.access_clause import read_acl_id, stored_acl_id
from indexer.backends.opensearch.attribute_keys import keywords_of
from indexer.backends.opensearch.mapping import TITLE_KEY_CHARACTERS, Field, PassageField
from indexer.search.analysis import Analyzer, storable
from indexer.search.collapsing import content_key
from indexer.search.matching import (
    ADDED_FIELDS,
    TOXICITY_CATEGORY_FIELD,
    fields_of,
    searched_text,
    toxicity_of,
    worst_of,
)
from indexer.search.query_language import DOCUMENT_FIELDS, PATH_FIELD, SOURCE_FIELD, TITLE_FIELD
from indexer.search.toxicity import spans_to_text, toxicity_from
from vocabulary.access import Principal
from vocabulary.documents import DocumentId, EnrichedPassage, Passage, PassageKind, Toxicity, Vector
from vocabulary.indexing import Description, Put, Scoring, StoredDocument

_MAX_ID_BYTES = 512  # OpenSearch's limit


def id_of(document_id: DocumentId) -> str:
    """Return a document's `_id`: its own spelling, or a digest of one that is too long. Only the first has a slash."""
    spelled = storable(str(document_id)).encode()
    return spelled.decode() if len(spelled) <= _MAX_ID_BYTES else f"sha256:{hashlib.sha256(spelled).hexdigest()}"


def described(
    description: Description, *, toxicity_0_1: float, categories: Sequence[str], analyzer: Analyzer
) -> dict[str, Any]:
    """Return the fields that a description fills, of a document of this toxicity that is marked with categories."""
    title = storable(description.title)
    words = analyzer.analysed(title)
    searched = analyzer.analysed(storable(searched_text(description.attributes, description.searched)))
    return {
        Field.SOURCE.value: description.document_id.source,
        Field.NATIVE_ID.value: storable(description.document_id.native_id),
        Field.TITLE.value: title,
        Field.TITLE_KEY.value: title.casefold()[:TITLE_KEY_CHARACTERS],
        Field.URI.value: storable(description.uri),
        Field.PATH.value: storable(description.path),
        Field.ACL_ID.value: stored_acl_id(description.acl_id),
        Field.OWNER.value: None if description.owner is None else str(description.owner),
        Field.ATTRIBUTES.value: attributes_to_json(description.attributes),
        Field.TITLE_TERMS.value: " ".join(words.terms),
        Field.TITLE_WORDS.value: sorted(words.words),
        Field.SEARCHED.value: [storable(name) for name in description.searched],
        Field.ATTRIBUTE_TERMS.value: " ".join(searched.terms),
        Field.ATTRIBUTE_WORDS.value: sorted(searched.words),
        **compared(description, toxicity_0_1=toxicity_0_1, categories=categories, analyzer=analyzer),
    }


def compared(
    description: Description, *, toxicity_0_1: float, categories: Sequence[str], analyzer: Analyzer
) -> dict[str, Any]:
    """Return the fields of `described` that depend on the toxicity: what filters, facets, sorts, `field:value` see."""
    fields = fields_of(description, toxicity_0_1=toxicity_0_1, categories=categories)
    texts = [*_texts(description), *((TOXICITY_CATEGORY_FIELD, each) for each in categories)]
    return {Field.ATTRIBUTE_KEYS.value: keywords_of(fields), **_field_texts(texts, analyzer)}


def with_passages(passages: Sequence[EnrichedPassage], *, analyzer: Analyzer) -> dict[str, Any]:
    """Return the fields that passages fill."""
    ordered = sorted(passages, key=lambda each: each.passage.ordinal)
    return {
        Field.PASSAGES.value: [_passage_body(each, analyzer) for each in ordered],
        Field.TOXICITY.value: toxicity_of(passages),
        Field.CONTENT_KEY.value: content_key(passages),
    }


def scored(scoring: Scoring) -> dict[str, Any]:
    """Return the fields that say what a document's passages were scored by, and what it is marked with."""
    return {
        Field.TOXICITY_VERSION.value: scoring.version,
        Field.TOXICITY_CATEGORIES.value: list(scoring.categories),
    }


def scoring_of(body: Mapping[str, Any]) -> Scoring:
    """Return what `scored` stored."""
    return Scoring(body.get(Field.TOXICITY_VERSION.value, ""), tuple(body.get(Field.TOXICITY_CATEGORIES.value) or ()))


def with_toxicity(body: Mapping[str, Any], toxicity: Sequence[Toxicity]) -> dict[str, Any]:
    """Return the fields that new scores of a stored document's passages fill; every other field of these stays."""
    passages = body.get(Field.PASSAGES.value) or ()
    return {
        Field.PASSAGES.value: [
            {**_without_toxicity(passage), **_toxicity_body(each)}
            for passage, each in zip(passages, toxicity, strict=True)
        ],
        Field.TOXICITY.value: worst_of(toxicity),
    }


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of a stored document's passages, in their order."""
    return [passage[PassageField.TEXT.key] for passage in body.get(Field.PASSAGES.value) or ()]


def toxicity_of_passage(stored: Mapping[str, Any]) -> Toxicity:
    """Return what is stored of one passage's toxicity."""
    return toxicity_from(
        stored[PassageField.TOXICITY.key],
        stored.get(PassageField.TOXICITY_CATEGORY.key, ""),
        stored.get(PassageField.TOXIC_SPANS.key, ""),
    )


def _toxicity_body(toxicity: Toxicity) -> dict[str, Any]:
    body: dict[str, Any] = {PassageField.TOXICITY.key: float(toxicity.score_0_1)}
    if toxicity.category:
        body[PassageField.TOXICITY_CATEGORY.key] = storable(toxicity.category)
    if spans := spans_to_text(toxicity):
        body[PassageField.TOXIC_SPANS.key] = spans
    return body


def _without_toxicity(passage: Mapping[str, Any]) -> dict[str, Any]:
    told = {PassageField.TOXICITY.key, PassageField.TOXICITY_CATEGORY.key, PassageField.TOXIC_SPANS.key}
    return {key: value for key, value in passage.items() if key not in told}


def field_token(field: str, term: str) -> str:
    """Return a term of a text of the field: one word for the index, whatever the name of the field."""
    return f"{quote(storable(field), safe='')}={term}"


def stored_document(body: Mapping[str, Any], *, dimensions: int, position: str) -> StoredDocument:
    """Return a whole stored document as it was put."""
    passages = stored_passages(body, dimensions=dimensions)
    return StoredDocument(Put(description_from(body), passages, scoring_of(body)), position)


def description_from(body: Mapping[str, Any]) -> Description:
    """Return what a stored document says of itself, its passages apart."""
    owner = body[Field.OWNER.value]
    return Description(
        document_id=DocumentId(body[Field.SOURCE.value], body[Field.NATIVE_ID.value]),
        title=body[Field.TITLE.value],
        uri=body[Field.URI.value],
        path=body[Field.PATH.value],
        acl_id=read_acl_id(body[Field.ACL_ID.value]),
        owner=None if owner is None else Principal.parse(owner),
        attributes=attributes_from_json(body[Field.ATTRIBUTES.value]),
        searched=tuple(body[Field.SEARCHED.value]),
    )


def stored_passages(body: Mapping[str, Any], *, dimensions: int) -> tuple[EnrichedPassage, ...]:
    """Return the passages of a stored document in their order."""
    return tuple(_enriched(each, dimensions) for each in body.get(Field.PASSAGES.value) or ())


def passage_from(stored: Mapping[str, Any]) -> Passage:
    """Return one stored passage, without its vector."""
    written_at = stored.get(PassageField.WRITTEN_AT.key)
    return Passage(
        ordinal=stored[PassageField.ORDINAL.key],
        kind=PassageKind(stored[PassageField.KIND.key]),
        text=stored[PassageField.TEXT.key],
        start=stored[PassageField.START.key],
        end=stored[PassageField.END.key],
        token_count=stored[PassageField.TOKEN_COUNT.key],
        page=stored.get(PassageField.PAGE.key),
        heading=stored.get(PassageField.HEADING.key),
        comment_id=stored.get(PassageField.COMMENT_ID.key),
        author=stored.get(PassageField.AUTHOR.key),
        written_at=None if written_at is None else datetime.fromisoformat(written_at),
    )


def _field_texts(texts: Iterable[tuple[str, str]], analyzer: Analyzer) -> dict[str, list[str]]:
    """Return the words of every text that `field:value` in a query may be about."""
    terms: list[str] = []
    words: set[str] = set()
    for field, text in texts:
        analysed = analyzer.analysed(text)
        terms.append(" ".join(field_token(field, term) for term in analysed.terms))
        words.update(field_token(field, word) for word in (*analysed.terms, *analysed.words))
    return {Field.FIELD_TERMS.value: terms, Field.FIELD_WORDS.value: sorted(words)}


def _texts(description: Description) -> Iterator[tuple[str, str]]:
    yield from ((TITLE_FIELD, description.title), (PATH_FIELD, description.path))
    yield SOURCE_FIELD, description.document_id.source
    for name, value in description.attributes.items():
        if name not in DOCUMENT_FIELDS | ADDED_FIELDS:
            values = value if isinstance(value, tuple) else (value,)
            yield from ((name, each) for each in values if isinstance(each, str))


def _passage_body(enriched: EnrichedPassage, analyzer: Analyzer) -> dict[str, Any]:
    passage = enriched.passage
    words = analyzer.analysed(passage.text)
    body: dict[str, Any] = {
        PassageField.ORDINAL.key: passage.ordinal,
        PassageField.KIND.key: passage.kind.value,
        PassageField.TEXT.key: storable(passage.text),
        PassageField.START.key: passage.start,
        PassageField.END.key: passage.end,
        PassageField.TOKEN_COUNT.key: passage.token_count,
        PassageField.PAGE.key: passage.page,
        PassageField.HEADING.key: None if passage.heading is None else storable(passage.heading),
        PassageField.COMMENT_ID.key: passage.comment_id,
        PassageField.AUTHOR.key: None if passage.author is None else storable(passage.author),
        PassageField.WRITTEN_AT.key: None if passage.written_at is None else passage.written_at.isoformat(),
        **_toxicity_body(enriched.toxicity),
        PassageField.TERMS.key: " ".join(words.terms),
        PassageField.WORDS.key: sorted(words.words),
        PassageField.LENGTH.key: len(words.terms),
    }
    vector = enriched.vector.astype(np.float16)
    if vector.any():  # OpenSearch refuses a vector without a direction; it is near to nothing anyhow
        body[PassageField.VECTOR.key] = _in_few_digits(vector.astype(np.float64))
    return body


def _in_few_digits(numbers: npt.NDArray[np.float64]) -> list[float]:
    """Round to nine significant digits, by which the cluster reads the very float32; a double in full is longer."""
    magnitudes = np.floor(np.log10(np.abs(numbers), out=np.zeros_like(numbers), where=numbers != 0))
    scales = 10.0 ** (8 - magnitudes)
    rounded: list[float] = (np.rint(numbers * scales) / scales).tolist()
    return rounded


def _enriched(stored: Mapping[str, Any], dimensions: int) -> EnrichedPassage:
    vector: Vector = np.zeros(dimensions, np.float32)
    if (numbers := stored.get(PassageField.VECTOR.key)) is not None:
        vector = np.asarray(numbers, np.float16).astype(np.float32)
    return EnrichedPassage(passage_from(stored), vector, toxicity_of_passage(stored))
