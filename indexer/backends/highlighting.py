"""The part of a passage that shows why it matched, and the words in it that did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from indexer.backends.english_words import Token, occurrences
from vocabulary.documents import Passage
from vocabulary.search import Excerpt, Span

# About three lines of a result page.
EXCERPT_CHARACTERS = 300
# Shown before the first matching word, so that it does not stand without its sentence.
_LEAD_CHARACTERS = 60


def excerpt_of(passage: Passage, terms: Sequence[str], *, highlight: bool) -> Excerpt:
    """Cut the stretch with the most query terms out of a passage; spans mark every word whose stem is a term.

    Without a matching word, as for a purely semantic hit, the excerpt is the beginning of the passage.
    """
    matches = occurrences(passage.text, frozenset(terms)) if terms else []
    start, end = _window(passage.text, matches)
    spans = [Span(each.start - start, each.end - start) for each in matches if each.start >= start and each.end <= end]
    return Excerpt(
        text=passage.text[start:end],
        highlights=tuple(spans) if highlight else (),
        kind=passage.kind,
        page=passage.page,
        heading=passage.heading,
        author=passage.author,
        written_at=passage.written_at,
    )


def _window(text: str, matches: Sequence[Token]) -> tuple[int, int]:
    """Return the character range to show: at most `EXCERPT_CHARACTERS`, from word to word."""
    if len(text) <= EXCERPT_CHARACTERS:
        return _stripped(text, 0, len(text))
    focus = _densest(matches)
    start = max(0, min(focus - _LEAD_CHARACTERS, len(text) - EXCERPT_CHARACTERS))
    end = start + EXCERPT_CHARACTERS
    if start > 0:
        start = _behind_blank(text, start, focus)
    if end < len(text):
        end = _before_blank(text, end, start)
    return _stripped(text, start, end)


def _densest(matches: Sequence[Token]) -> int:
    """Return where the best stretch begins: most distinct terms, then most matches, then the earliest."""
    best, best_start, last = (0, 0), 0, 0
    inside: Counter[str] = Counter()
    for first, token in enumerate(matches):
        last = max(last, first)
        while last < len(matches) and matches[last].end - token.start <= EXCERPT_CHARACTERS - _LEAD_CHARACTERS:
            inside[matches[last].stem] += 1
            last += 1
        worth = (len(inside), last - first)
        if worth > best:
            best, best_start = worth, token.start
        inside[token.stem] -= 1
        inside = +inside  # forgets terms that are not inside any more
    return best_start


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
