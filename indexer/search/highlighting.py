"""The part of a passage that shows why it matched, and the words in it that did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from indexer.search.analysis import COMPOUND, Analyzer, Token, fold_compound
from indexer.search.clauses import phrase_positions
from indexer.search.query_language import Clause, Phrase, Prefix, Wanted, Word
from vocabulary.documents import Passage
from vocabulary.search import Excerpt, Span

# About three lines of a result page.
EXCERPT_CHARACTERS = 300
# Shown before the first matching word, so that it does not stand without its sentence.
_LEAD_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """One place [start, end) of a text where it holds a clause: whole words, a phrase as one stretch."""

    clause: Clause
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marker:
    """Finds what a query looks for in the texts of its hits."""

    analyzer: Analyzer
    clauses: tuple[Clause, ...]
    _words: dict[str, Word] = field(init=False)
    _phrases: tuple[Phrase, ...] = field(init=False)
    _prefixes: tuple[Prefix, ...] = field(init=False)

    def __post_init__(self) -> None:
        words = {each.term: each for each in self.clauses if isinstance(each, Word)}
        object.__setattr__(self, "_words", words)
        object.__setattr__(self, "_phrases", tuple(each for each in self.clauses if isinstance(each, Phrase)))
        object.__setattr__(self, "_prefixes", tuple(each for each in self.clauses if isinstance(each, Prefix)))

    @classmethod
    def of(cls, wanted: Wanted, analyzer: Analyzer) -> Marker:
        """Return what marks all that a query looks for."""
        return cls(analyzer, wanted.scored)

    def marks(self, text: str) -> list[Mark]:
        """Return the places where a text holds what is looked for, in its order; they may overlap."""
        if not self.clauses:
            return []
        is_words = not self._phrases and not self._prefixes
        tokens = list(self.analyzer.tokens_of(text, self._words) if is_words else self.analyzer.tokens(text))
        found = [Mark(self._words[each.term], each.start, each.end) for each in tokens if each.term in self._words]
        found += self._rows(tokens)
        found += self._beginnings(text, tokens)
        return sorted(found, key=lambda mark: (mark.start, -mark.end))

    def _rows(self, tokens: Sequence[Token]) -> Iterator[Mark]:
        terms = [token.term for token in tokens] if self._phrases else []
        for phrase in self._phrases:
            for first in phrase_positions(phrase.terms, terms):
                yield Mark(phrase, tokens[first].start, tokens[first + len(phrase.terms) - 1].end)

    def _beginnings(self, text: str, tokens: Sequence[Token]) -> Iterator[Mark]:
        for prefix in self._prefixes:
            for token in tokens:
                if token.word.startswith(prefix.start) or token.term.startswith(prefix.start):
                    yield Mark(prefix, token.start, token.end)
            if not prefix.start.isalnum():
                for compound in COMPOUND.finditer(text):
                    if fold_compound(compound.group()).startswith(prefix.start):
                        yield Mark(prefix, compound.start(), compound.end())


def excerpt_of(passage: Passage, marker: Marker, *, highlight: bool) -> Excerpt:
    """Cut the stretch that holds most of what is looked for out of a passage; spans mark it, word by word.

    Without a match, as for a purely semantic hit, the excerpt is the beginning of the passage.
    """
    marks = marker.marks(passage.text)
    start, end = _window(passage.text, marks)
    spans = _spans([each for each in marks if each.start >= start and each.end <= end], start) if highlight else ()
    return Excerpt(
        text=passage.text[start:end],
        highlights=spans,
        kind=passage.kind,
        page=passage.page,
        heading=passage.heading,
        author=passage.author,
        written_at=passage.written_at,
    )


def _window(text: str, marks: Sequence[Mark]) -> tuple[int, int]:
    """Return the character range to show: at most `EXCERPT_CHARACTERS`, from word to word."""
    if len(text) <= EXCERPT_CHARACTERS:
        return _stripped(text, 0, len(text))
    focus = _densest(marks)
    start = max(0, min(focus - _LEAD_CHARACTERS, len(text) - EXCERPT_CHARACTERS))
    end = start + EXCERPT_CHARACTERS
    if start > 0:
        start = _behind_blank(text, start, focus)
    if end < len(text):
        end = _before_blank(text, end, start)
    return _stripped(text, start, end)


def _densest(marks: Sequence[Mark]) -> int:
    """Return where the best stretch begins: most distinct clauses, then most marks, then the earliest."""
    best, best_start, last = (0, 0), 0, 0
    inside: Counter[Clause] = Counter()
    for first, mark in enumerate(marks):
        last = max(last, first)
        while last < len(marks) and marks[last].end - mark.start <= EXCERPT_CHARACTERS - _LEAD_CHARACTERS:
            inside[marks[last].clause] += 1
            last += 1
        worth = (len(inside), last - first)
        if worth > best:
            best, best_start = worth, mark.start
        inside[mark.clause] -= 1
        inside = +inside  # forgets clauses that are not inside any more
    return best_start


def _spans(marks: Sequence[Mark], start: int) -> tuple[Span, ...]:
    """Return marks as spans of an excerpt that begins at `start`; what overlaps becomes one."""
    spans: list[Span] = []
    for mark in marks:
        span = Span(mark.start - start, mark.end - start)
        if spans and span.start < spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, span.end))
        else:
            spans.append(span)
    return tuple(spans)


def _behind_blank(text: str, start: int, focus: int) -> int:
    """Move a start that cuts a word behind the next blank, never past the focus."""
    if text[start - 1].isspace():
        return start
    blank = next((at for at in range(start, focus) if text[at].isspace()), None)
    return start if blank is None else blank + 1


def _before_blank(text: str, end: int, start: int) -> int:
    """Move an end that cuts a word before the previous blank, unless the excerpt would be empty."""
    if text[end].isspace():
        return end
    blank = next((at for at in range(end - 1, start, -1) if text[at].isspace()), None)
    return end if blank is None else blank


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out white space at both ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
