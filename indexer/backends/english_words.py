"""Text to searchable terms as the engines still see them, until they take those of `analysis.py`.

Text comes in, terms with their place in it go out. The tokeniser is SQLite's own (FTS5 `porter` over `unicode61`), so
that what Python counts, matches and highlights is to the letter what the embedded engine's text index holds.
"""

from __future__ import annotations

import threading
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import apsw

TOKENIZER = "porter unicode61 remove_diacritics 2"  # as FTS5's `tokenize` option spells it

# A query is cut here: more distinct words than a pasted paragraph has, few enough to stay cheap.
_MAX_QUERY_TERMS = 64
# FTS5 cuts a token at 32,768 bytes; no word a person types comes near this.
_MAX_TERM_BYTES = 1_000

# English function words, the question words of "how do I …" among them, and the tails of contractions ("don't").
STOP_WORDS = frozenset(
    """
    a about above after again against all am an and any are as at be because been before being below between both but
    by can could did do does doing down during each few for from further had has have having he her here hers herself
    him himself his how i if in into is it its itself just me more most my myself no nor not now of off on once only or
    other our ours ourselves out over own same she should so some such than that the their theirs them themselves then
    there these they this those through to too under until up very was we were what when where which while who whom why
    will with would you your yours yourself yourselves s t d ll m re ve don didn doesn isn wasn aren couldn wouldn
    """.split()  # noqa: SIM905 - a block of words reads better than a hundred quoted ones
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text: its stem, and its character range [start, end)."""

    stem: str
    start: int
    end: int


class _Tokenisers(threading.local):
    """The two tokenisers of one thread: SQLite connections must not be shared at the same time."""

    def __init__(self) -> None:
        connection = apsw.Connection(":memory:")
        kind, *arguments = TOKENIZER.split()
        self.stems: Any = connection.fts5_tokenizer(kind, arguments)
        self.words: Any = connection.fts5_tokenizer(arguments[0], arguments[1:])


_tokenisers = _Tokenisers()


def stems(text: str) -> list[str]:
    """Return the stems of a text in its order, repetitions included."""
    encoded = text.encode("utf-8", "replace")
    found = _tokenisers.stems(encoded, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False)
    return [alternatives[0] for alternatives in found]


def occurrences(text: str, terms: Container[str]) -> list[Token]:
    """Return the words of a text whose stem is one of the terms, in its order, with their places."""
    encoded = text.encode("utf-8", "replace")
    found = [token for token in _tokenisers.stems(encoded, apsw.FTS5_TOKENIZE_DOCUMENT, None) if token[2] in terms]
    if len(encoded) == len(text):
        return [Token(stem, start, end) for start, end, stem in found]
    return _with_character_places(encoded, found)


def _with_character_places(encoded: bytes, found: list[tuple[int, int, str]]) -> list[Token]:
    """Turn byte ranges into character ranges in one walk; FTS5 yields tokens in their order."""
    placed: list[Token] = []
    characters = at_byte = 0
    for start, end, stem in found:
        characters += len(encoded[at_byte:start].decode("utf-8", "replace"))
        length = len(encoded[start:end].decode("utf-8", "replace"))
        placed.append(Token(stem, characters, characters + length))
        characters += length
        at_byte = end
    return placed


def query_terms(text: str) -> tuple[str, ...]:
    """Return the distinct stems that a query asks for, in its order.

    Stop words are dropped unless there is nothing else. Any text is a valid query: there is no syntax to get wrong.
    """
    encoded = text.encode("utf-8", "replace")
    words = _tokenisers.words(encoded, apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False)
    pairs = [(word, stem) for (word, *_), stem in zip(words, stems(text), strict=True)]
    wanted = [stem for word, stem in pairs if word not in STOP_WORDS] or [stem for _, stem in pairs]
    distinct = dict.fromkeys(stem for stem in wanted if len(stem.encode()) <= _MAX_TERM_BYTES)
    return tuple(distinct)[:_MAX_QUERY_TERMS]
