"""Labelled texts out of CSV, JSON lines and plain text, compressed or not.

A line that cannot be used is counted under a reason, never dropped in silence; a file in which nothing can be used,
or that lacks a column, is refused.

What a label may be: a number or a truth value (toxic from one half on), a word (one of the part's clean labels, else
the name of a category; several with `|` between them), a list of categories, or an object of categories with numbers,
in which the key `toxic`, where it is there, decides alone whether the text is toxic.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from embedder.toxicity.learning.examples import Example
from embedder.toxicity.learning.manifest import Part
from embedder.toxicity.learning.own_files import OWN_FILES
from vocabulary.errors import SettingInvalid

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_PASSAGE_WORDS = 90  # about 120 tokens: a typical passage of the indexer
_MIN_WORDS = 3
_READABLE = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")
_TOXIC = "toxic"
_TRUE, _FALSE = frozenset({"true", "yes", "toxic"}), frozenset({"false", "no"})
# A cell of a CSV file holds one text; the library's limit of 131,072 characters would end the reading with an error.
_MAX_CELL = 1 << 24


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one part: its examples, and the lines that gave none, by reason."""

    part: Part
    sha256: str
    examples: list[Example]
    skipped: Counter[str] = field(default_factory=Counter)


class _LineRefused(Exception):
    """A line gives no example; the message is the reason."""


def read_part(part: Part) -> Reading:
    """Read a part file. Blocks.

    Raises:
        SettingInvalid: the file cannot be read, lacks a column, or gives no example.
    """
    examples: list[Example] = []
    skipped: Counter[str] = Counter()
    try:
        sha256 = _sha256(part)
        with _opened(part) as stream:
            for number, row in enumerate(_rows(part, stream)):
                try:
                    examples.extend(_examples(part, row, number))
                except _LineRefused as refusal:
                    skipped[str(refusal)] += 1
    except (OSError, EOFError, csv.Error, UnicodeDecodeError, zlib.error) as error:
        raise SettingInvalid(f"{part.path} cannot be read: {error}") from error
    if not examples:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in skipped.most_common()) or "it is empty"
        raise SettingInvalid(f"{part.path} gives no example ({reasons})")
    return Reading(part, sha256, examples, skipped)


def _sha256(part: Part) -> str:
    if part.own:
        return hashlib.sha256(OWN_FILES[part.path.name]().encode()).hexdigest()
    with part.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _opened(part: Part) -> TextIO:
    file = part.path
    if part.own:
        return io.StringIO(OWN_FILES[file.name]())
    if file.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(file, "rb"), encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _rows(part: Part, stream: TextIO) -> Iterator[Mapping[str, Any] | _LineRefused]:
    kind = Path(part.path.name.removesuffix(".gz")).suffix
    if kind in {".csv", ".tsv"}:
        yield from _csv_rows(part, stream, "\t" if kind == ".tsv" else ",")
    elif kind in {".jsonl", ".ndjson"}:
        yield from map(_json_row, filter(str.strip, stream))
    elif kind == ".txt":
        column = part.text_column if isinstance(part.text_column, str) else part.text_column[0]
        yield from ({column: line.strip()} for line in stream if line.strip() and not line.startswith("#"))
    else:
        raise SettingInvalid(
            f"{part.path}: {kind or 'no ending'}: what is read is {', '.join(_READABLE)}, also with .gz"
        )


def _csv_rows(part: Part, stream: TextIO, delimiter: str) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(_MAX_CELL)
    rows = csv.DictReader(stream, delimiter=delimiter)
    wanted = [*_text_columns(part), *([] if part.label else [part.label_column])]
    missing = [column for column in wanted if column not in (rows.fieldnames or ())]
    if missing:
        raise SettingInvalid(
            f"{part.path} has no column {' and no column '.join(missing)}; it has: {', '.join(rows.fieldnames or ())}"
        )
    yield from rows


def _json_row(line: str) -> Mapping[str, Any] | _LineRefused:
    try:
        row = json.loads(line)
    except ValueError:
        return _LineRefused("no JSON")
    return row if isinstance(row, dict) else _LineRefused("no JSON object")


def _examples(part: Part, row: Mapping[str, Any] | _LineRefused, number: int) -> Iterator[Example]:
    if isinstance(row, _LineRefused):
        raise row
    toxic, categories = _label(part, row)
    group = f"{part.name} {part.path.name} {row.get(part.group_column) or number}"
    for text in _texts(part, row):
        yield Example(
            text=text,
            toxic=toxic,
            categories=categories if part.categories or not toxic else None,
            source=part.name,
            group=group,
            given_split=str(row.get(part.split_column) or ""),
            is_clean_text=part.clean_text and bool(part.label) and not toxic,
        )


def _texts(part: Part, row: Mapping[str, Any]) -> list[str]:
    values = [row.get(column) for column in _text_columns(part)]
    if all(value is None for value in values):
        raise _LineRefused(f"no {' and no '.join(_text_columns(part))}")
    if len(values) == 1 and isinstance(values[0], list):
        texts = [value for value in values[0] if isinstance(value, str)]
    else:
        texts = ["\n".join(value for value in values if isinstance(value, str))]
    texts = [piece for text in texts for piece in (_pieces(text) if part.documents else [text]) if piece.strip()]
    if not texts:
        raise _LineRefused("an empty text")
    return texts


def _text_columns(part: Part) -> tuple[str, ...]:
    return (part.text_column,) if isinstance(part.text_column, str) else part.text_column


def _pieces(document: str) -> Iterable[str]:
    """Give a document's opening passage, and one sentence from its middle: a model must know both lengths."""
    sentences = [piece for piece in _SENTENCE_END.split(document) if len(piece.split()) >= _MIN_WORDS]
    return (" ".join(document.split()[:_PASSAGE_WORDS]), *sentences[len(sentences) // 2 :][:1])


def _label(part: Part, row: Mapping[str, Any]) -> tuple[bool, tuple[str, ...] | None]:
    """Return whether a line is toxic, and its categories where they are known."""
    value = part.label or row.get(part.label_column)
    if value is None or value == "":
        raise _LineRefused(f"no {part.label_column}")
    if isinstance(value, str):
        return _word_label(part, value.strip())
    if isinstance(value, bool | int | float):
        return _number_label(float(value))
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return _named(part, value)
    if isinstance(value, dict):
        return _object_label(part, value)
    raise _LineRefused("a label of an unknown kind")


def _word_label(part: Part, word: str) -> tuple[bool, tuple[str, ...] | None]:
    if word.lower() in _TRUE and word not in part.clean_labels:
        return True, None
    if word.lower() in _FALSE:
        return False, ()
    try:
        return _number_label(float(word))
    except ValueError:
        return _named(part, word.split("|"))


def _number_label(number: float) -> tuple[bool, tuple[str, ...] | None]:
    if not 0 <= number <= 1:
        raise _LineRefused("a label that is a number outside 0..1")
    return (True, None) if number >= 0.5 else (False, ())


def _named(part: Part, names: Iterable[str]) -> tuple[bool, tuple[str, ...]]:
    categories = tuple(sorted({name.strip() for name in names} - part.clean_labels - {""}))
    return bool(categories), categories


def _object_label(part: Part, value: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
    try:
        shares = {str(name): float(share) for name, share in value.items()}
    except (TypeError, ValueError):
        raise _LineRefused("a label whose categories have no numbers") from None
    found = _named(part, (name for name, share in shares.items() if share >= 0.5 and name != _TOXIC))[1]
    toxic = shares[_TOXIC] >= 0.5 if _TOXIC in shares else bool(found)
    return toxic, found if toxic else ()
