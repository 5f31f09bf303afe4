"""Sentences of a passage as runs of its tokens: what is scored alone, and what is shown as toxic.

In goes a text with the places of its tokens, out come sentences in the order of the text. Every token belongs to
exactly one, and none is cut inside a word. A sentence cut in two costs two special tokens; two sentences taken for one
hide an insult behind polite words: in doubt, the text is cut. That is why no library does this: sentencex (MIT, 28 µs
for 1,000 characters) takes a full stop before a small letter, as in chat, for no end, and pysbd needs 8 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vocabulary.documents import ReadText

Numbers: TypeAlias = npt.NDArray[np.int64]

# Twice as long as nearly every sentence of prose; the head knows messages, and longer text dilutes one.
MAX_TOKENS = 48
# Shorter ones ("OK.", "3.2", a cell of a table) say too little alone and would double the number of sequences.
MIN_TOKENS = 4

# A place between sentences: line ends (a page's, too: taking a line that goes on in small letters for a wrapped one
# hid a sixth of inserted messages), a bullet, a bar between cells, ends with a space behind, full stops that need none.
# Nothing here looks at a run of spaces or stops from each of its characters again: 20,000 of them took minutes.
_BREAK = re.compile(
    r"""
      \n\s*
    | (?=[•▪●◦‣·]\s)
    | \|
    | (?<![.!?…؟])(?P<end>[.!?…؟]++["'»”’)\]]*+)\s+
    | [。！？।]["»”’」』）]*
    """,
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"[^\s(\[\"'«“]*$")
# What ends no sentence with its full stop: these words and initials; those before numbers; and those that end one only
# before a capital.
_ABBREVIATION = re.compile(
    r"mrs?|ms|drs?|prof|st|sr|jr|rev|hon|gen|capt|lt|sgt|e\.?g|i\.?e|vs|cf|ca|approx|est|tel|ext|dept|eds?"
    r"|bzw|z\.b|d\.h|u\.a|s\.o|vgl|mme|mlle|av|[^\W\d_]"
)
_BEFORE_NUMBER = re.compile(r"nos?|nr|figs?|vols?|pp?|sec|ch|art|para")
_MAYBE_LAST = re.compile(
    r"etc|inc|ltd|co|corp|llc|a\.m|p\.m|u\.s|u\.k|al|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """The tokens [first, last) of a text, which are its characters [start, end)."""

    first: int
    last: int
    start: int
    end: int


def sentences_of(text: ReadText, *, max_tokens: int = MAX_TOKENS) -> list[Sentence]:
    """Cut a text into sentences of at most `max_tokens`; a text without tokens has none."""
    offsets = text.tokens.offsets
    if not len(offsets):
        return []
    cuts = np.searchsorted(offsets[:, 0], np.fromiter(_breaks(text.text), dtype=np.int32))
    return _runs(text, _joined(sorted({0, *cuts.tolist(), len(offsets)})), max_tokens)


def equal_parts_of(text: ReadText, *, max_tokens: int) -> list[Sentence]:
    """Cut a text without regard to its sentences into parts of at most `max_tokens`; one without tokens has none."""
    return _runs(text, [0, len(text.tokens.ids)], max_tokens) if len(text.tokens.ids) else []


def _runs(text: ReadText, edges: Sequence[int], max_tokens: int) -> list[Sentence]:
    """Return what lies between edges, cut where it is too long."""
    offsets = text.tokens.offsets
    gaps = np.flatnonzero(offsets[1:, 0] > offsets[:-1, 1]) + 1  # the tokens before which there is a space
    runs = [run for first, last in pairwise(edges) for run in _shortened(first, last, gaps, max_tokens)]
    return [Sentence(first, last, int(offsets[first, 0]), int(offsets[last - 1, 1])) for first, last in runs]


def _breaks(text: str) -> Iterator[int]:
    """Yield the characters with which a sentence may begin."""
    for match in _BREAK.finditer(text):
        if match["end"] is None or _ends_sentence(text, match):
            yield match.end()


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if match["end"] != ".":
        return True
    before = text[max(0, match.start() - 24) : match.start()]
    last_word = _LAST_WORD.search(before)
    word = last_word.group().lower() if last_word else ""
    following = text[match.end() : match.end() + 1]
    if _ABBREVIATION.fullmatch(word) or _LIST_NUMBER.search(before):
        return False
    if _BEFORE_NUMBER.fullmatch(word):
        return not following.isdigit()
    return not _MAYBE_LAST.fullmatch(word) or following.isupper()


def _joined(edges: list[int]) -> list[int]:
    """Leave out edges so that no run is shorter than `MIN_TOKENS`; a short one goes with what follows it."""
    kept = edges[:1]
    for edge in edges[1:]:
        if edge - kept[-1] >= MIN_TOKENS:
            kept.append(edge)
    if len(kept) == 1:
        return [edges[0], edges[-1]]
    kept[-1] = edges[-1]  # what is left at the end goes with what precedes it
    return kept


def _shortened(first: int, last: int, gaps: Numbers, max_tokens: int) -> Iterator[tuple[int, int]]:
    """Cut a run that is too long into equal parts, at the space nearest before each."""
    while last - first > max_tokens:
        parts = -(-(last - first) // max_tokens)
        wanted = first + -(-(last - first) // parts)
        place = int(np.searchsorted(gaps, wanted, side="right")) - 1
        cut = int(gaps[place]) if place >= 0 and gaps[place] > first else wanted
        yield first, cut
        first = cut
    yield first, last
