"""Rows to values and back: attributes as JSON, vectors as float16, passages as columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from indexer.search.analysis import storable
from indexer.search.matching import Key, fields_of
from indexer.search.toxicity import spans_to_text
from vocabulary.documents import AttributeValue, Passage, PassageKind, Toxicity, Vector
from vocabulary.indexing import Description
from vocabulary.search import Scalar

_MOMENT = "moment"  # {"moment": ISO 8601}: JSON has no word for a point in time

# What is done to the bits of a float16 (1 of sign, 5 of exponent, 10 of fraction) to have a float32 (1, 8, 23).
_SHIFT = np.int32(23 - 10)
_SIGN_AND_NUMBER = np.int32(~0x7000_0000)  # three copies of the sign stand where the exponent begins
_BIAS = np.float32(2.0 ** (127 - 15))
_BEYOND_FLOAT16 = 2.0**16

PASSAGE_COLUMNS = "ordinal, kind, body, start_at, end_at, token_count, page, heading, comment_id, author, written_at"
TOXICITY_COLUMNS = "toxicity, toxicity_category, toxic_spans"
PassageRow: TypeAlias = tuple[int, str, str, int, int, int, int | None, str | None, str | None, str | None, str | None]


def attributes_to_json(attributes: Mapping[str, AttributeValue]) -> str:
    """Encode attributes; `attributes_from_json` gives equal ones back."""
    return storable(json.dumps(dict(attributes), default=_moment_to_json, ensure_ascii=False))


def attributes_from_json(text: str) -> dict[str, AttributeValue]:
    """Decode what `attributes_to_json` made."""
    return {name: _value_from_json(value) for name, value in json.loads(text).items()}


def attribute_rows(
    document_id: int, description: Description, *, toxicity_0_1: float, categories: Iterable[str]
) -> list[tuple[str, int, int, int | float | str]]:
    """Return a document's rows in the table of attributes: one for each value that filters, facets and sorts see."""
    return rows_of_fields(document_id, fields_of(description, toxicity_0_1=toxicity_0_1, categories=categories))


def rows_of_fields(
    document_id: int, fields: Mapping[str, frozenset[Key]]
) -> list[tuple[str, int, int, int | float | str]]:
    """Return the rows of some of a document's fields in the table of attributes."""
    return [(field, document_id, int(key.kind), key.value) for field, keys in fields.items() for key in keys]


def names_to_json(names: Iterable[str]) -> str:
    """Encode names: of the attributes that are searched by words, or of categories."""
    return storable(json.dumps(list(names), ensure_ascii=False))


def names_from_json(text: str) -> tuple[str, ...]:
    """Decode what `names_to_json` made."""
    return tuple(json.loads(text))


def vector_to_blob(vector: Vector) -> bytes:
    """Round a vector to float16, little endian."""
    return vector.astype("<f2").tobytes()


def vector_bytes(dimensions: int) -> int:
    """Return the length of a stored vector."""
    return 2 * dimensions


def vector_from_blob(blob: bytes) -> Vector:
    """Return a stored vector as float32 [dimensions]."""
    return widened(np.frombuffer(blob, dtype="<f2"))


def vectors_from_blobs(blobs: Sequence[bytes | None], dimensions: int) -> npt.NDArray[np.float32]:
    """Return stored vectors as float32 [n, dimensions]; a missing one is zero."""
    missing = bytes(vector_bytes(dimensions))
    joined = b"".join(blob or missing for blob in blobs)
    return widened(np.frombuffer(joined, "<f2").reshape(-1, dimensions))


def widened(halves: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """Return float16 numbers as float32, each exactly, in an array of its own.

    The bits are put where float32 has them, and multiplying makes up for the two forms' biases: NumPy converts number
    by number, a thousand vectors of 384 in 1.2 ms; this takes 0.2.
    """
    bits = halves.astype(np.float16, copy=False).view(np.int16).astype(np.int32)
    bits <<= _SHIFT
    bits &= _SIGN_AND_NUMBER
    numbers = bits.view(np.float32)
    numbers *= _BIAS
    if numbers.size and max(numbers.max(), -numbers.min()) >= _BEYOND_FLOAT16:  # infinite, or no number
        return halves.astype(np.float32)
    return numbers


def passage_to_row(passage: Passage) -> PassageRow:
    """Return a passage in the order of `PASSAGE_COLUMNS`."""
    return (
        passage.ordinal,
        passage.kind.value,
        storable(passage.text),
        passage.start,
        passage.end,
        passage.token_count,
        passage.page,
        None if passage.heading is None else storable(passage.heading),
        passage.comment_id,
        None if passage.author is None else storable(passage.author),
        None if passage.written_at is None else passage.written_at.isoformat(),
    )


def passage_from_row(row: PassageRow) -> Passage:
    """Return the passage of a row in the order of `PASSAGE_COLUMNS`."""
    ordinal, kind, text, start, end, token_count, page, heading, comment_id, author, moment = row
    written_at = None if moment is None else datetime.fromisoformat(moment)
    return Passage(
        ordinal, PassageKind(kind), text, start, end, token_count, page, heading, comment_id, author, written_at
    )


def toxicity_to_row(toxicity: Toxicity) -> tuple[float, str, str]:
    """Return what is said of a passage in the order of `TOXICITY_COLUMNS`."""
    return float(toxicity.score_0_1), storable(toxicity.category), spans_to_text(toxicity)


def _moment_to_json(value: object) -> Any:
    if isinstance(value, datetime):
        return {_MOMENT: value.isoformat()}
    raise TypeError(f"not an attribute value: {type(value).__name__}")


def _value_from_json(value: Any) -> AttributeValue:
    if isinstance(value, list):
        return tuple(map(_scalar_from_json, value))
    return _scalar_from_json(value)


def _scalar_from_json(value: Any) -> Scalar:
    if isinstance(value, dict):
        return datetime.fromisoformat(value[_MOMENT])
    return value  # type: ignore[no-any-return]  # str, int, float or bool: what else JSON holds here


def text_list(texts: Iterable[str]) -> str:
    """Return texts for `json_each(?)`."""
    return json.dumps(sorted(texts))
