"""Judged collections: documents and questions with the answers that people found, and how good a ranking of them is.

A collection is a folder `retrieval-NAME` with `corpus.jsonl.gz`, `queries.jsonl.gz` and `qrels/test.tsv`, as BEIR has
them. Texts are cut and embedded as a sync does it. Embedding takes minutes, so vectors are kept in a cache folder
under a digest of all texts and of the model's recipe: another text or model is embedded anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.passages import CutPassage, cut_passages
from indexer.search.analysis import analyzer, fold
from vocabulary.documents import Block, BlockKind, ExtractedText
from vocabulary.enricher import Enricher

PREFIX = "retrieval-"
_KEYWORDS = 6  # more than most people type, and few enough that the rest of a sentence is gone
_WORD = re.compile(r"\w[\w'-]*")
_AT_ONCE = 256  # texts for one call of the enricher: progress between them, and sorted by length within

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    title: str
    text: str

    @property
    def extracted(self) -> ExtractedText:
        """The document as its file would read: its title stands above its text, unless the text begins with it."""
        blocks = [Block(self.text)] if self.text else []
        if self.title and not self.text.startswith(self.title):
            blocks.insert(0, Block(self.title, BlockKind.HEADING))
        return ExtractedText(tuple(blocks))


@dataclass(frozen=True, slots=True)
class Question:
    """A query with its judgements: the grade of each relevant document."""

    id: str
    text: str
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Collection:
    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]  # those with a relevant document


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A collection's passages by document, with a vector for each, and one for each question; float32 [n, dim]."""

    passages: tuple[tuple[CutPassage, ...], ...]
    passage_vectors: Vectors
    question_vectors: Vectors


def collections_in(folder: Path) -> list[str]:
    """Return the names of the collections that are there."""
    return sorted(each.name.removeprefix(PREFIX) for each in folder.glob(f"{PREFIX}*") if each.is_dir())


def read_collection(folder: Path, name: str) -> Collection:
    """Read one collection."""
    place = folder / f"{PREFIX}{name}"
    grades = _grades(place / "qrels" / "test.tsv")
    questions = [
        Question(line["_id"], line["text"], grades[line["_id"]])
        for line in _lines(place / "queries.jsonl.gz")
        if line["_id"] in grades
    ]
    documents = [
        Document(line["_id"], line.get("title") or "", line.get("text") or "")
        for line in _lines(place / "corpus.jsonl.gz")
    ]
    return Collection(name, tuple(documents), tuple(questions))


async def embed(collection: Collection, enricher: Enricher, *, cache: Path) -> Embedded:
    """Cut and embed a collection, or take its vectors from the cache, a folder that exists."""
    passages = tuple(
        tuple(cut_passages(each.extracted, (), tokenise=enricher.tokenise, max_tokens=enricher.max_tokens))
        for each in collection.documents
    )
    cut = [piece for pieces in passages for piece in pieces]
    texts = [piece.passage.text for piece in cut]
    questions = [each.text for each in collection.questions]
    file = cache / f"{collection.name}-{_digest(enricher.recipe, texts, questions)}.npz"
    if not file.exists():
        parts = [
            (await enricher.enrich([piece.read_text for piece in cut[at : at + _AT_ONCE]])).vectors
            for at in range(0, len(cut), _AT_ONCE)
        ]
        asked = [await enricher.embed_query(text) for text in questions]
        np.savez(file, passages=np.concatenate(parts).astype(np.float16), questions=np.stack(asked))
    with np.load(file) as kept:
        return Embedded(passages, kept["passages"].astype(np.float32), kept["questions"].astype(np.float32))


async def asked_by_keywords(
    collection: Collection, embedded: Embedded, enricher: Enricher
) -> tuple[Collection, Embedded]:
    """Return the same with each question cut down to what somebody might type into a search box."""
    questions = tuple(replace(each, text=as_keywords(each.text)) for each in collection.questions)
    vectors = np.stack([await enricher.embed_query(each.text) for each in questions])
    return replace(collection, questions=questions), replace(embedded, question_vectors=vectors)


def as_keywords(text: str) -> str:
    """Return the first six words of a question that are no function words, each once, without punctuation."""
    words: dict[str, str] = {}
    for match in _WORD.finditer(text):
        words.setdefault(fold(match[0]), match[0])
    telling = [word for folded, word in words.items() if not analyzer().is_stop_word(folded)]
    return " ".join(telling[:_KEYWORDS])


def ndcg(ranked: Sequence[str], grades: Mapping[str, int], *, depth: int = 10) -> float:
    """Return the normalised discounted cumulative gain, with the grade as gain, as trec_eval computes it."""
    ideal = sorted(grades.values(), reverse=True)
    return _gain([grades.get(each, 0) for each in ranked[:depth]]) / _gain(ideal[:depth])


def recall(ranked: Sequence[str], grades: Mapping[str, int], *, depth: int = 100) -> float:
    """Return the share of the relevant documents that are among the first."""
    return len(set(ranked[:depth]) & grades.keys()) / len(grades)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 2) for rank, grade in enumerate(grades))


def _digest(recipe: str, *texts: Sequence[str]) -> str:
    digest = hashlib.sha256(recipe.encode())
    for each in texts:
        digest.update(json.dumps(each).encode())
    return digest.hexdigest()[:16]


def _grades(file: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        question, document, grade = line.split("\t")
        if int(grade) > 0:
            grades.setdefault(question, {})[document] = int(grade)
    return grades


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
