"""The freely licensed texts that the shipped toxicity head is trained and tested on.

Three sets that people labelled, and clean business text as further negatives: without it, heads trained on chat flag
up to two thirds of ordinary documentation. A text occurs once however often the sets repeat it, and everything of
one origin (a document, a pair of rewrites) falls on one side of the split, so that no test text was trained on.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

# Folder of each set below the data folder, its licence, and where it comes from; the card prints this table.
SOURCES = {
    "civil-spans": ("toxicity-civil-spans", "CC0-1.0", "Civil Comments with marked spans, Pavlopoulos et al. 2022"),
    "paradetox": ("toxicity-paradetox", "CC0-1.0", "ParaDetox, Logacheva et al. 2022"),
    "davidson": ("toxicity-davidson", "MIT", "Davidson et al. 2017"),
    "enterprisebench": ("workplace-enterprisebench", "MIT", "EnterpriseBench, Vishwakarma et al. 2025"),
    "workarena": ("retrieval-workarena-kb", "Apache-2.0", "WorkArena knowledge base, Drouin et al. 2024"),
}
BUSINESS = frozenset({"enterprisebench", "workarena"})

_WORDS = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_PASSAGE_WORDS = 90  # about 120 tokens: a typical passage of the indexer
_MIN_WORDS = 3


class Split(StrEnum):
    """What a text is used for."""

    TRAIN = "train"
    CALIBRATE = "calibrate"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One text and whether people found it toxic. `origin` groups texts that must not be split."""

    text: str
    toxic: bool
    source: str
    origin: str

    @property
    def split(self) -> Split:
        """80 % to train, 10 % to calibrate, 10 % to test, by a hash of the origin: the same on every machine."""
        bucket = int(hashlib.sha256(self.origin.encode()).hexdigest()[:8], 16) % 10
        return {0: Split.TEST, 1: Split.CALIBRATE}.get(bucket, Split.TRAIN)


def read_labelled_texts(data: Path) -> list[LabelledText]:
    """Read every set, without duplicates (equal words in equal order, whatever case and punctuation)."""
    kept: dict[str, LabelledText] = {}
    for labelled in (*_civil(data), *_paradetox(data), *_davidson(data), *_enterprisebench(data), *_workarena(data)):
        words = _WORDS.findall(labelled.text.lower())
        if words:
            kept.setdefault(" ".join(words), labelled)
    return list(kept.values())


def _civil(data: Path) -> Iterator[LabelledText]:
    for row in _rows(data, "civil-spans", "data"):
        yield LabelledText(row["text"], bool(row["labels"]["toxic"]), "civil-spans", f"civil {row['id']}")


def _paradetox(data: Path) -> Iterator[LabelledText]:
    for row in _rows(data, "paradetox", "data"):
        origin = f"paradetox {row['id']}"
        yield LabelledText(row["toxic"], True, "paradetox", origin)
        for rewrite in row["neutral"]:
            yield LabelledText(rewrite, False, "paradetox", origin)


def _davidson(data: Path) -> Iterator[LabelledText]:
    for row in _rows(data, "davidson", "data"):
        yield LabelledText(row["text"], row["label"] != "neither", "davidson", f"davidson {row['id']}")


def _enterprisebench(data: Path) -> Iterator[LabelledText]:
    documents = [
        *((row["Title"] + "\n" + row["Post"]) for row in _rows(data, "enterprisebench", "posts")),
        *((row["Issue"] + "\n" + row["Resolution"]) for row in _rows(data, "enterprisebench", "it_tickets")),
        *(row["text"] for row in _rows(data, "enterprisebench", "support_chats")),
        *(row["content"] for row in _rows(data, "enterprisebench", "resume_texts")),
        *((row["product_name"] + "\n" + row["about_product"]) for row in _rows(data, "enterprisebench", "products")),
    ]
    for number, document in enumerate(documents):
        yield from _clean(document, "enterprisebench", number)


def _workarena(data: Path) -> Iterator[LabelledText]:
    documents = [row["text"] for name in ("corpus", "queries") for row in _rows(data, "workarena", name)]
    for number, document in enumerate(documents):
        yield from _clean(document, "workarena", number)


def _clean(document: str, source: str, number: int) -> Iterator[LabelledText]:
    """Give a document's opening passage, and one sentence from its middle: the head must know both lengths."""
    words = document.split()
    sentences = [part for part in _SENTENCE_END.split(document) if len(part.split()) >= _MIN_WORDS]
    for text in (" ".join(words[:_PASSAGE_WORDS]), *sentences[len(sentences) // 2 :][:1]):
        yield LabelledText(text, False, source, f"{source} {number}")


def _rows(data: Path, source: str, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data / SOURCES[source][0] / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
