"""The lexical half of the toxicity model: sums over hashed n-grams of word pieces and of characters.

A passage's pooled hidden states say what it is about; its n-grams say which words, and which misspellings of them,
stand in it. N-grams are hashed into a table of fixed size (the hashing trick, Weinberger et al. 2009), so that no list
of words is kept, and looked up for all texts of a batch in a few numpy calls.

Invariant: the hash is part of a model file's meaning. Whoever changes it changes `HASH` and so refuses older files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vocabulary.documents import ReadText

Array: TypeAlias = npt.NDArray[np.float32]
Numbers: TypeAlias = npt.NDArray[np.int64]
_Words: TypeAlias = npt.NDArray[np.uint32]

HASH = "multiply-xor-1"
# Of one text; 254 tokens of ordinary text end within 2,000. A file of one endless word has millions to its one token,
# and each takes some 200 bytes here.
_MOST_CHARACTERS = 16_384
# Odd 32-bit constants with well-spread bits: the golden ratio (Knuth, TAOCP 6.4) and MurmurHash3's first finaliser.
_STEP, _LAST = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)


class Unit(StrEnum):
    """What the n-grams are made of."""

    WORD_PIECES = "word_pieces"
    CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class NgramSpec:
    """Which n-grams are counted, and in how many rows (a power of two)."""

    unit: Unit
    orders: tuple[int, ...]
    rows: int

    def __post_init__(self) -> None:
        if not self.orders or min(self.orders) < 1 or max(self.orders) > 16:
            raise ValueError(f"n-grams of {self.orders} {self.unit}")
        if self.rows.bit_count() != 1 or not 2 <= self.rows <= 1 << 24:
            raise ValueError(f"{self.rows} rows are no power of two from 2 to 2^24")


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Every n-gram of n texts: `rows[i]` of the table occurs in the text `texts[i]`. Both int64, texts unordered."""

    rows: Numbers
    texts: Numbers
    n_texts: int

    def weights(self) -> Array:
        """Return what one occurrence counts in each text, float32 [n]: sums then have the scale of one text's length.

        Dividing by the root of the count keeps a long text from being sure of everything, and a short one from nothing.
        """
        counts = np.bincount(self.texts, minlength=self.n_texts)
        return (1 / np.sqrt(np.maximum(counts, 1))).astype(np.float32)


def occurrences(texts: Sequence[ReadText], spec: NgramSpec) -> Occurrences:
    """Hash every n-gram of every text."""
    units, lengths = _units(texts, spec.unit)
    rows, numbers = _hashed(units, lengths, spec)
    return Occurrences(rows, numbers, len(texts))


@dataclass(frozen=True, slots=True, eq=False)
class NgramTable:
    """One weight for each row and output: a linear model over hashed n-grams."""

    spec: NgramSpec
    weights: npt.NDArray[np.float16]  # [rows, outputs]
    bias: Array  # [outputs]

    def logits(self, texts: Sequence[ReadText]) -> Array:
        """Return float32 [n, outputs]; a text without n-grams gets the bias."""
        found = occurrences(texts, self.spec)
        looked_up = self.weights[found.rows].astype(np.float32)
        sums = np.stack(
            [np.bincount(found.texts, column, minlength=found.n_texts) for column in looked_up.T], axis=1
        ).astype(np.float32)
        return sums * found.weights()[:, None] + self.bias


def _units(texts: Sequence[ReadText], unit: Unit) -> tuple[_Words, Numbers]:
    """Return the units of all texts one behind the other, and how many each text has."""
    if unit is Unit.WORD_PIECES:
        ids = [text.tokens.ids for text in texts]
        lengths = np.array([len(sequence) for sequence in ids], dtype=np.int64)
        return np.concatenate([np.empty(0, np.int32), *ids]).astype(np.uint32), lengths
    # Case and white space tell nothing; a space at both ends makes the n-grams of a word's edges alike everywhere.
    spelled = [f" {' '.join(text.text.lower().split())[:_MOST_CHARACTERS]} " for text in texts]
    lengths = np.array([len(text) for text in spelled], dtype=np.int64)
    # Lone surrogates, which no Unicode text has, pass as they are: they are code points like others here.
    return np.frombuffer("".join(spelled).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32), lengths


def _hashed(units: _Words, lengths: Numbers, spec: NgramSpec) -> tuple[Numbers, Numbers]:
    """Return each n-gram's row and its text's number; no n-gram reaches from one text into the next."""
    texts = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(units))  # units from here to the text's end
    shift = np.uint32(33 - spec.rows.bit_length())
    state = np.zeros(len(units), dtype=np.uint32)
    rows, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for order in range(1, max(spec.orders) + 1):
        starts = max(0, len(units) - order + 1)
        state = (state[:starts] ^ (units[order - 1 :] + np.uint32(1))) * _STEP
        state ^= state >> np.uint32(15)
        if order in spec.orders:
            whole = left[:starts] >= order
            rows.append(((state[whole] * _LAST) >> shift).astype(np.int64))
            numbers.append(texts[:starts][whole])
    return np.concatenate(rows), np.concatenate(numbers)
