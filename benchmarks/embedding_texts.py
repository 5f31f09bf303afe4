"""Passages of given lengths for the benchmarks of the embedder, cut from real texts.

The texts are those of packages and dictionaries in `../shared/data/scale-passages`, or invented words where that is
missing. The same call gives the same passages.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from embedder.models.folder import SPECIAL_TOKENS
from vocabulary.enricher import Enricher

TEXTS = Path(__file__).parents[2] / "shared" / "data" / "scale-passages"
SEED = 20


def passages(shape: str, enricher: Enricher, tokens: int) -> Iterator[str]:
    """Cut running text into passages of a shape: a number of tokens, or log-normal lengths of 8 to 256, mean 95."""
    random = np.random.default_rng(SEED)
    text = _running_text(characters=tokens * 8)
    offsets, position = enricher.tokenise(text).offsets, 0
    while tokens > 0:
        length = int(shape) if shape != "mix" else int(np.clip(random.lognormal(4.34, 0.67), 8, 256))
        piece = offsets[position : position + length - SPECIAL_TOKENS]
        assert len(piece), "not enough text"
        yield text[piece[0, 0] : piece[-1, 1]]
        position += len(piece)
        tokens -= length


def _running_text(characters: int) -> str:
    pieces: list[str] = []
    size = 0
    for piece in _sample_texts():
        pieces.append(piece)
        size += len(piece) + 1
        if size > characters:
            break
    return " ".join(pieces)


def _sample_texts() -> Iterator[str]:
    if not TEXTS.is_dir():
        random = np.random.default_rng(SEED)
        syllables = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
        while True:
            yield " ".join("".join(random.choice(syllables, size=random.integers(1, 4))) for _ in range(60)) + "."
    for name in ("debian-packages", "foldoc"):
        with gzip.open(TEXTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)
