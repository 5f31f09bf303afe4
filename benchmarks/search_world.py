"""The documents, readers and queries of `benchmarks.search`, each made from its number alone.

So a filled index can be kept, gone on with and asked again: document 71 is the same whenever it is made. Texts are
those of `../shared/data/scale-passages` where they are, one document each, from the beginning again when they run out,
with one word of their own so that copies are told apart; elsewhere made-up ones, with words as rare as in a language.

The vectors are made up: real ones of a million passages take hours of this machine. They lie around one centre for each
section of the texts, so that what lies near also belongs together, as in a real corpus; an ACL belongs to one
section, which is the hard case for a filter. Within a section they differ in 48 directions and a little in all others,
as sentence embeddings do; points that differ in all 384 alike have no near neighbours to speak of.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyroaring import FrozenBitMap

from vocabulary.access import AccessFilter, AclId
from vocabulary.documents import CLEAN, DocumentId, EnrichedPassage, Passage, PassageKind, Vector
from vocabulary.indexing import Description, Put

TEXTS = Path(__file__).parents[2] / "shared" / "data" / "scale-passages"
FILES = ("debian-packages", "foldoc", "gcide", "wordnet")
SOURCE = "scale"
NUMBERING = "benchmark"
DIMENSIONS = 384
ACLS = 20_000
ACLS_OF_SECTION = 400
SEED = 11
SHARES = {"without": 1.0, "100 %": 1.0, "50 %": 0.5, "10 %": 0.1, "1 %": 0.01, "0.1 %": 0.001}
_MADE_UP_WORDS = 200_000
_ZIPF = 1.2  # exponent of how rare the n-th word is; English has about that
_DIRECTIONS = 48
_SPREAD = 0.8  # of a section's vectors in those directions, around a centre of length 1
_NOISE = 0.3  # in all directions
_QUESTION_SPREAD = 0.4  # of a question around the document that it is about
# What a question may take from a text: nothing that a query reads as an operator. A pair of quotation marks would
# require its words of what is found by meaning, too, and the ten nearest do not hold them.
_PLAIN_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    body: str
    collection: str
    section: str


@dataclass(frozen=True, slots=True)
class Question:
    """A query's text and vector."""

    text: str
    vector: Vector


def texts(count: int) -> Iterator[Text]:
    """Yield the texts of the first `count` documents."""
    if not TEXTS.is_dir():
        yield from map(_made_up, range(count))
        return
    produced = 0
    while produced < count:
        for text in islice(_given(), count - produced):
            yield text
            produced += 1


def puts(count: int, *, first: int = 0, acls: int = ACLS) -> Iterator[Put]:
    """Yield the operations that store documents `first` to `count`."""
    for number, text in enumerate(islice(texts(count), first, None), first):
        yield put(number, text, acls=acls)


def put(number: int, text: Text, *, acls: int = ACLS) -> Put:
    """Return the operation that stores a document."""
    numbers = np.random.default_rng((SEED, number))
    body = f"{text.body} copy{number}"
    passage = Passage(0, PassageKind.BODY, body, 0, len(body), len(body.split()))
    description = Description(
        document_id=DocumentId(SOURCE, str(number)),
        title=text.title,
        uri=f"https://scale.example/{number}",
        path=f"/{text.collection}",
        acl_id=AclId(_acls(text.section, acls)[int(numbers.integers(min(ACLS_OF_SECTION, acls)))]),
        owner=None,
        attributes={"collection": text.collection, "section": text.section, "size_bytes": len(body)},
    )
    vector = _near(_centre(text.section), numbers, spread=_SPREAD)
    return Put(description, (EnrichedPassage(passage, vector, CLEAN),))


def questions(count: int, *, among: int) -> list[Question]:
    """Return queries of one to four words of one document each, with a vector near that document's."""
    asked = {round(place * (among - 1) / max(count - 1, 1)) for place in range(count)}
    return [_question(number, text) for number, text in enumerate(texts(among)) if number in asked]


def reader(share: float, number: int, *, acls: int = ACLS) -> AccessFilter:
    """Return one of many readers who see this share of the ACLs."""
    numbers = np.random.default_rng((SEED, number, round(share * 1_000)))
    visible = numbers.choice(acls, round(acls * share), replace=False) + 1
    return AccessFilter(NUMBERING, FrozenBitMap(visible.tolist()), FrozenBitMap(), frozenset())


def _question(number: int, text: Text) -> Question:
    numbers = np.random.default_rng((SEED, 1, number))
    words = [word for word in _PLAIN_WORD.findall(f"{text.title} {text.body}") if len(word) > 3] or ["nothing"]
    chosen = numbers.choice(len(words), min(len(words), int(numbers.integers(1, 5))), replace=False)
    vector = _near(put(number, text).passages[0].vector, numbers, spread=_QUESTION_SPREAD)
    return Question(" ".join(words[at] for at in chosen), vector)


def _given() -> Iterator[Text]:
    """Yield every given text once, from all files in equal turns."""
    readers = [_lines(TEXTS / f"{name}.jsonl.gz") for name in FILES]
    while readers:
        for lines in list(readers):
            text = next(lines, None)
            if text is None:
                readers.remove(lines)
            else:
                yield text


def _lines(path: Path) -> Iterator[Text]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in map(json.loads, file):
            yield Text(line["title"], line["text"], line["source"], line.get("section") or "none")


def _made_up(number: int) -> Text:
    numbers = np.random.default_rng((SEED, 2, number))
    ranks = numbers.zipf(_ZIPF, int(numbers.integers(10, 100))) % _MADE_UP_WORDS
    words = [f"word{rank}" for rank in ranks]
    return Text(" ".join(words[:3]), " ".join(words), f"collection{number % 4}", f"section{number % 100}")


@cache
def _centre(section: str) -> Vector:
    numbers = np.random.default_rng((SEED, 3, zlib.crc32(section.encode())))
    return _unit(numbers.normal(size=DIMENSIONS))


@cache
def _acls(section: str, acls: int) -> tuple[int, ...]:
    numbers = np.random.default_rng((SEED, 4, zlib.crc32(section.encode())))
    return tuple(int(each) + 1 for each in numbers.choice(acls, min(ACLS_OF_SECTION, acls), replace=False))


@cache
def _directions() -> npt.NDArray[np.float32]:
    """Return orthogonal unit vectors, float32 [_DIRECTIONS, DIMENSIONS]."""
    numbers = np.random.default_rng((SEED, 5))
    return np.linalg.qr(numbers.normal(size=(DIMENSIONS, _DIRECTIONS)))[0].T.astype(np.float32)


def _near(centre: Vector, numbers: np.random.Generator, *, spread: float) -> Vector:
    along = numbers.standard_normal(_DIRECTIONS, np.float32) * np.float32(spread / _DIRECTIONS**0.5)
    noise = numbers.standard_normal(DIMENSIONS, np.float32) * np.float32(_NOISE / DIMENSIONS**0.5)
    return _unit(centre + along @ _directions() + noise)


def _unit(vector: npt.NDArray[np.floating]) -> Vector:
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit
