"""Search as you type: what a reader has begun to type, completed from what that reader may read.

No list of words is kept for this. The typed words go to the engine's own search, the last one as a prefix, under the
reader's own access filter; the titles and excerpts of its best hits are all that a suggestion can be made of. A word
that stands only in documents that the reader may not see is never met here, and so can neither be suggested nor move
the order of what is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.search.analysis import Analyzer, fold
from vocabulary.access import AccessFilter
from vocabulary.ports import Searching
from vocabulary.search import (
    Query,
    SearchMode,
    Suggestion,
    SuggestionKind,
)

# Enough to tell a common word from a rare one, few enough to be cut out between two key strokes.
_HITS_READ = 50
_MIN_PREFIX = 2  # a single letter begins half of all documents
_MAX_WORDS = 10  # of what is typed; beyond it is a sentence that nobody else has typed before
_MAX_WORD_CHARACTERS = 40
# A word is worth following by its neighbour when that pair stands in more than one document.
_PAIR_DOCUMENTS = 2

_WORD = re.compile(r"[^\W_]+")
_PAIR_GAP = re.compile(r"[ \u00a0_-]")  # a blank, or what file names put in its place


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed: complete words, and the beginning of the next one; empty behind a blank."""

    words: tuple[str, ...]
    prefix: str

    def as_query(self) -> str:
        return " ".join([*self.words, f"{self.prefix}*"] if self.prefix else self.words)


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a readable text. It `follows` when nothing but a blank parts it from the word before."""

    text: str
    folded: str
    follows: bool
    is_telling: bool  # no stop word


async def suggest(
    search: Searching, text: str, access: AccessFilter, *, size: int, analyzer: Analyzer
) -> tuple[Suggestion, ...]:
    """Complete what was typed from the best hits of `search`, best first; `analyzer` is that of the index."""
    typed = read_typed(text)
    if typed is None or size <= 0:
        return ()
    query = Query(typed.as_query(), mode=SearchMode.KEYWORD, size=_HITS_READ, highlight=False)
    page = await search(query, None, access)
    texts = [(hit.title, "" if hit.excerpt is None else hit.excerpt.text) for hit in page.hits]
    return completions(typed, texts, size=size, analyzer=analyzer)


def read_typed(text: str) -> Typed | None:
    """Split what was typed; None where it is too little to be completed, or too much."""
    words = [fold(word) for word in _WORD.findall(text)]
    if not words or len(words) > _MAX_WORDS:
        return None
    if not _WORD.match(text[-1]):
        return Typed(tuple(words), "")
    if len(words) == 1 and len(words[0]) < _MIN_PREFIX:
        return None
    return Typed(tuple(words[:-1]), words[-1])


def completions(
    typed: Typed, texts: Sequence[tuple[str, str]], *, size: int, analyzer: Analyzer
) -> tuple[Suggestion, ...]:
    """Complete what was typed from (title, excerpt) pairs of readable documents, given best first.

    Words are ordered by how many of the documents hold them; titles, in the order given, take at most half the places.
    """
    titles: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for title, excerpt in texts:
        in_title, in_excerpt = _words(title, analyzer), _words(excerpt, analyzer)
        counts.update(_continuations(typed, in_title, in_excerpt))
        if _fits_title(typed, in_title):
            titles[title] = None
    spoken = " ".join([*typed.words, typed.prefix]).strip()
    offered = [(each, count) for each, count in counts.items() if each != spoken and _is_worth(typed, each, count)]
    offered.sort(key=lambda pair: (-pair[1], len(pair[0]), pair[0]))
    room = size - min(len(titles), size // 2)
    words = [Suggestion(text, SuggestionKind.WORDS) for text, _ in offered[:room]]
    return (*words, *(Suggestion(title, SuggestionKind.TITLE) for title in list(titles)[: size - len(words)]))


def _words(text: str, analyzer: Analyzer) -> list[_Word]:
    found: list[_Word] = []
    last_end = -1
    for match in _WORD.finditer(text):
        follows = last_end >= 0 and _PAIR_GAP.fullmatch(text[last_end : match.start()]) is not None
        folded = fold(match[0])
        is_telling = len(folded) <= _MAX_WORD_CHARACTERS and not analyzer.is_stop_word(folded)
        found.append(_Word(match[0].lower(), folded, follows=follows, is_telling=is_telling))
        last_end = match.end()
    return found


def _fits_title(typed: Typed, title: Sequence[_Word]) -> bool:
    words = {word.folded for word in title}
    return words.issuperset(typed.words) and any(word.startswith(typed.prefix) for word in words)


def _continuations(typed: Typed, *parts: Sequence[_Word]) -> set[str]:
    """Return what one document completes the typed words to, each once."""
    held = {word.folded for part in parts for word in part}
    if not held.issuperset(typed.words):
        return set()
    lead = " ".join(typed.words)
    return {f"{lead} {each}".strip() for part in parts for each in _completed(typed, part)}


def _completed(typed: Typed, words: Sequence[_Word]) -> Iterator[str]:
    """Yield the words of a text that the prefix begins, alone and with the word that follows."""
    for place, word in enumerate(words):
        if not _is_completion(typed, words, place):
            continue
        yield word.text
        after = words[place + 1] if place + 1 < len(words) else None
        if after is not None and after.follows and after.is_telling:
            yield f"{word.text} {after.text}"


def _is_completion(typed: Typed, words: Sequence[_Word], place: int) -> bool:
    """Whether the word may stand where the typing stopped: it begins so, or comes right behind the last whole word."""
    word = words[place]
    if not word.is_telling or word.folded in typed.words:
        return False
    if typed.prefix:
        return word.folded.startswith(typed.prefix)
    return word.follows and words[place - 1].folded == typed.words[-1]


def _is_worth(typed: Typed, completion: str, count: int) -> bool:
    """Whether a completion by more than one word stands in enough documents."""
    added = completion.count(" ") + 1 - len(typed.words)
    return added == 1 or count >= _PAIR_DOCUMENTS
