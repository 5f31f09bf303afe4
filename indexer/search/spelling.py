"""A better spelling of a query, from nothing but what its reader may read.

A word of the query that no readable document holds, or hardly any, may be a slip. In its place comes the nearest word
of readable documents. The engine proposes terms that are near, each with how many readable documents hold it, and the
words behind the best of them as readable documents write them; what only hidden documents hold is proposed by nobody,
and a hidden document makes no word frequent. Everything else is decided here, the same for every engine.

`respell` is the whole way for an engine that answers at once. One that must ask a server takes the steps itself:
`plain_words`, `suspects`, `slips_tried`, `best_terms`, `best_form`, `respelled`.

Source: Damerau, A technique for computer detection and correction of spelling errors (1964): most slips are a letter
missing, added, wrong or changed places with its neighbour.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract_iter

from indexer.search.analysis import COMPOUND, Analyzer, Token, fold, is_identifier

# As Lucene's automatic fuzziness, but for lengths at which slips make too many other words out of a right one that the
# reader's documents lack: one slip a dozen of three letters, two slips 4.6 of six letters ("carbon", "carlos") in the
# 17,800 words that SciFact's texts and WorkArena's articles hold three times or more; 2.3 of seven letters.
_SHORTEST = 4
_SHORTEST_WITH_TWO_SLIPS = 7
_SHORTEST_TERM_WITH_TWO_SLIPS = 6  # an ending may have been cut off
LONGEST = 40
# A word in so few documents may be a slip that found its like; what replaces it must then be far more common.
_RARE = 2
_OUTNUMBERED = 50
_MAX_SUSPECTS = 8  # words of one query for which others are sought
_MAX_TERMS = 10  # near terms whose words are looked at, for each of them
# Documents from which the words behind a term are read, those that were stored first.
DOCUMENTS_READ = 10

# Items that are not spelled anew are recognised whole: what is excluded, and fields with their values.
_ITEM = re.compile(r'-"[^"]*"?|-?[^\s":]+:"[^"]*"?|\S+')
_OPERATORS = frozenset(":*")


class ReadableWords(Protocol):
    """The words of what one reader may read."""

    def documents_with(self, term: str) -> int:
        """How many readable documents hold a term in a field that is searched."""
        ...

    def near(self, term: str, *, slips: int) -> Iterable[tuple[str, int]]:
        """Return the terms of `near_terms` that readable documents hold in text or title, and how many of them do."""
        ...

    def forms(self, term: str) -> Iterable[str]:
        """Return words of the term as the first `DOCUMENTS_READ` readable documents that hold it write them.

        Of each document: those of its title, and of its first passage that holds the term.
        """
        ...


def respell(text: str, analyzer: Analyzer, words: ReadableWords) -> str | None:
    """Return the query with better spelled words; None where there is nothing better."""
    plain = plain_words(text, analyzer)
    held = {token.term: words.documents_with(token.term) for token in plain}
    better: dict[Token, str] = {}
    for token in suspects(plain, held):
        form = _nearest_form(token, words, held=held[token.term])
        if form is not None:
            better[token] = form
    return respelled(text, better)


def _nearest_form(token: Token, words: ReadableWords, *, held: int) -> str | None:
    for slips in slips_tried(token):
        terms = best_terms(token, words.near(token.term, slips=slips), held=held)
        form = best_form(token, {term: tuple(words.forms(term)) for term in terms}, slips=slips)
        if form is not None:
            return form
    return None


def plain_words(text: str, analyzer: Analyzer) -> list[Token]:
    """Return the words of a query that may be spelled anew, with their places."""
    found = []
    for item in _ITEM.finditer(text):
        if item[0].startswith("-") or not _OPERATORS.isdisjoint(item[0]) or _names_one_thing(item[0]):
            continue
        for token in analyzer.tokens(item[0]):
            if not token.is_tail and _slips(token.word) and not analyzer.is_stop_word(token.word):
                start = item.start()
                found.append(Token(token.term, token.word, start + token.start, start + token.end))
    return found


def suspects(plain: Sequence[Token], held: Mapping[str, int]) -> list[Token]:
    """Return the words that may be slips; `held` says how many readable documents hold each word's term."""
    return [token for token in plain if held[token.term] <= _RARE][:_MAX_SUSPECTS]


def slips_tried(token: Token) -> range:
    """Return how many slips may part a word from the one that was meant, the fewest first.

    Four of five slips are the only one in their word (Damerau), and the terms two slips away are many times as many.
    """
    return range(1, 1 + min(_slips(token.word), 2 if len(token.term) >= _SHORTEST_TERM_WITH_TWO_SLIPS else 1))


def near_terms(term: str, vocabulary: Iterable[str], *, slips: int) -> list[str]:
    """Return the terms of a vocabulary that begin with the same letter and are at most so many slips away.

    The first letter is the one that people miss least, and leaves a twentieth of the terms to look at.
    """
    found = extract_iter(term, vocabulary, scorer=OSA.distance, score_cutoff=slips)
    return [other for other, distance, _ in found if distance and other[0] == term[0] and is_spelled(other)]


def is_spelled(term: str) -> bool:
    """Whether a term is of letters alone: numbers and keys are not what somebody meant to spell."""
    return term.isalpha() and len(term) <= LONGEST


def best_terms(token: Token, near: Iterable[tuple[str, int]], *, held: int) -> list[str]:
    """Return the near terms that may have been meant, the likeliest first."""
    common = [(term, count) for term, count in near if count >= max(1, held * _OUTNUMBERED)]
    common.sort(key=lambda pair: (OSA.distance(token.term, pair[0]), -pair[1], pair[0]))
    return [term for term, _ in common[:_MAX_TERMS]]


def best_form(token: Token, forms: Mapping[str, Iterable[str]], *, slips: int) -> str | None:
    """Return the word to put in place of another: the fewest slips away, of the likeliest term, the most written.

    None where all are more than `slips` away.
    """
    best: tuple[tuple[int, int, int, str], str] | None = None
    for place, written in enumerate(forms.values()):
        for form, count in Counter(each.lower() for each in written).items():
            distance = OSA.distance(token.word, fold(form))
            ranked = ((distance, place, -count, form), form)
            if 0 < distance <= slips and (best is None or ranked < best):
                best = ranked
    return None if best is None else best[1]


def respelled(text: str, better: Mapping[Token, str]) -> str | None:
    """Put words in place of others; None where there are none to put."""
    if not better:
        return None
    pieces, at = [], 0
    for token, word in sorted(better.items(), key=lambda pair: pair[0].start):
        pieces += [text[at : token.start], word]
        at = token.end
    return "".join([*pieces, text[at:]])


def _slips(word: str) -> int:
    """Return how many slips a word of this length may hold; 0 for one that is not spelled anew."""
    if not word.isalpha() or not _SHORTEST <= len(word) <= LONGEST:
        return 0
    return 2 if len(word) >= _SHORTEST_WITH_TWO_SLIPS else 1


def _names_one_thing(item: str) -> bool:
    return any(is_identifier(compound) for compound in COMPOUND.findall(item))
