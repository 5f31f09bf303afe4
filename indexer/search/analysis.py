"""Text to searchable terms: the one analysis of every engine, for indexes and queries alike.

Text comes in, terms with their places go out. A term is a function of the word and of the index's languages alone, so
that a word always finds itself, wherever it stands and whoever wrote it: a word is folded (case, accents, compatibility
forms), then stemmed. With several languages the stemmers follow one another; nothing is guessed from a text's
neighbourhood, which is too short in a query. Scripts that are written without blanks become overlapping pairs of
characters. Terms consist of letters, marks and digits: an engine joins them by blanks and splits them again.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Generic, TypeVar

import Stemmer

from indexer.search.stop_words import stop_words

# The languages of an index by their ISO 639-1 codes, and Snowball's algorithm of each.
ALGORITHMS = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "nl": "dutch",
    "da": "danish",
    "sv": "swedish",
    "no": "norwegian",
    "fi": "finnish",
    "ru": "russian",
}
DEFAULT_LANGUAGES = ("en",)
ANALYSIS_VERSION = 1  # raised when a text's terms change: what was written under another number must be written anew

# A longer word (a key, an encoded picture) is known by its beginning.
MAX_WORD = 100
# Different words kept with their terms; measured at 52 MB. Common ones are met again at once when all are forgotten.
_CACHED_WORDS = 100_000


def _marks() -> str:
    """Return the combining marks of living scripts, which `\\w` leaves out although words are written with them."""
    points = [*range(0x300, 0x2100), 0x3099, 0x309A]
    return "".join(chr(each) for each in points if unicodedata.category(chr(each)) in ("Mn", "Mc"))


# Thai, Lao, Burmese, Khmer; kana, Bopomofo, Han, Hangul: written without blanks, or with blanks that mean other things.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30fa\u30fc-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
)
_WORD = re.compile(rf"[^\W_]++(?:[{_marks()}]++[^\W_]*+)*+")  # possessive: a long word is walked once
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")

# What joins the parts of an identifier, a file name or an address into one.
_JOINERS = "-._@/&"
COMPOUND = re.compile(rf"(?<![^\W_]){_WORD.pattern}(?:[{_JOINERS}]{_WORD.pattern})++")
_EXACT = re.compile(r"[\d._@&]")  # a compound with one of these is an identifier, others ("well-known") are words

# Other signs than these separate; a text is first split there by a table, which is twice as fast as looking for words.
_SIGNS = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in _JOINERS)}
_ASCII_TABLE = bytes(ord(_SIGNS.get(code, chr(code).lower())) for code in range(128)) + bytes(128)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Token:
    """One term of a text, the folded word that it stems from, and the word's character range [start, end).

    `is_tail` marks the last character of a run without blanks, which is indexed beside the pairs so that every
    character begins a term; a query does not ask for it.
    """

    term: str
    word: str
    start: int
    end: int
    is_tail: bool = False


@dataclass(frozen=True, slots=True)
class Analysed:
    """What an index holds of a text: its terms in order, and what else is to be found by its beginning.

    A term's position is its place in `terms`. `words` are the distinct folded words that are not their own term
    ("management", whose term is "manag"), and the identifiers.
    """

    terms: tuple[str, ...]
    words: frozenset[str]


_NO_WORDS: frozenset[str] = frozenset()


class _Cache(dict[str, Found], Generic[Found]):
    """What was made of the words that were met. Forgets all when full; safe to share, as entries never change."""

    def __init__(self, make: Callable[[str], Found]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> Found:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        made = self[word] = self._make(word)
        return made


class Analyzer:
    """The analysis of one index. Thread-safe."""

    def __init__(self, languages: Sequence[str] = DEFAULT_LANGUAGES) -> None:
        """Take ISO 639-1 codes that are keys of `ALGORITHMS`; without any, words are folded and not stemmed."""
        self.languages = tuple(languages)
        self._stemmers: list[Any] = [Stemmer.Stemmer(ALGORITHMS[each], 0) for each in self.languages]
        self._lock = threading.Lock()  # a stemmer must not be used by two threads at a time
        self._stop_words = frozenset(fold(word) for each in self.languages for word in stop_words(each))
        self._tokens = _Cache(self._read)
        self._chunks = _Cache(self._analyse)

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text in its order, repetitions included."""
        analysed = self._chunks
        return [term for chunk in _chunks(text) for term in analysed[chunk].terms]

    def analysed(self, text: str) -> Analysed:
        """Return what an index holds of a text."""
        found = list(map(self._chunks.__getitem__, _chunks(text)))
        terms = tuple(chain.from_iterable([chunk.terms for chunk in found]))
        return Analysed(terms, _NO_WORDS.union(*[chunk.words for chunk in found if chunk.words]))

    def tokens(self, text: str) -> Iterator[Token]:
        """Yield the terms of a text with their places, in its order."""
        for match in _WORD.finditer(text):
            at = match.start()
            for token in self._tokens[match.group()]:
                yield Token(token.term, token.word, at + token.start, at + token.end, token.is_tail)

    def tokens_of(self, text: str, terms: Container[str]) -> Iterator[Token]:
        """Yield those of the tokens of a text that are of these terms; the others, most of them, are not made."""
        for match in _WORD.finditer(text):
            for token in self._tokens[match[0]]:
                if token.term in terms:
                    at = match.start()
                    yield Token(token.term, token.word, at + token.start, at + token.end, token.is_tail)

    def query_tokens(self, text: str) -> list[Token]:
        """Return the terms that a query's words ask for, in their order: a tail only where it stands alone."""
        tokens = list(self.tokens(text))
        pair_ends = {token.end for token in tokens if not token.is_tail}
        return [token for token in tokens if not token.is_tail or token.end not in pair_ends]

    def is_stop_word(self, word: str) -> bool:
        """Whether a folded word says nothing of what a query looks for."""
        return word in self._stop_words

    def _analyse(self, chunk: str) -> Analysed:
        if chunk.isascii() and chunk.isalnum():  # one word, as most are
            word = fold(chunk)[:MAX_WORD]
            term = self._stem(word)
            return Analysed((term,), _NO_WORDS if term == word else frozenset((word,)))
        tokens = [token for word in _WORD.findall(chunk) for token in self._tokens[word]]
        stemmed = [token.word for token in tokens if token.word != token.term]
        identifiers = [fold_compound(each) for each in COMPOUND.findall(chunk) if is_identifier(each)]
        return Analysed(tuple(token.term for token in tokens), frozenset((*stemmed, *identifiers)))

    def _read(self, word: str) -> tuple[Token, ...]:
        if word.isascii():
            return (self._token(word, 0, len(word)),)
        return tuple(token for run in _RUNS.finditer(word) for token in self._read_run(run.group(), run.start()))

    def _read_run(self, run: str, at: int) -> Iterator[Token]:
        if not _is_unspaced(run[0]):
            yield self._token(run, at, at + len(run))
            return
        for place in range(len(run) - 1):
            pair = fold(run[place : place + 2])
            yield Token(pair, pair, at + place, at + place + 2)
        last = fold(run[-1])
        yield Token(last, last, at + len(run) - 1, at + len(run), is_tail=True)

    def _token(self, word: str, start: int, end: int) -> Token:
        folded = fold(word)[:MAX_WORD]
        return Token(self._stem(folded), folded, start, end)

    def _stem(self, folded: str) -> str:
        with self._lock:
            stem = folded
            for stemmer in self._stemmers:
                stem = stemmer.stemWord(stem)
        return stem or folded


@lru_cache(maxsize=32)
def analyzer(languages: tuple[str, ...] = DEFAULT_LANGUAGES) -> Analyzer:
    """Return the analysis for these languages; indexes of the same languages share one, and what it remembers."""
    return Analyzer(languages)


def name_of_analysis(languages: Sequence[str]) -> str:
    """Return what an index notes of the analysis that its terms are of: with another name they must be made anew."""
    return f"{','.join(languages) or 'no language'} (version {ANALYSIS_VERSION})"


def fold(text: str) -> str:
    """Return a text as it is compared: without case, accents and compatibility forms (ﬁ, full-width letters)."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    folded = unicodedata.normalize("NFC", bare.casefold())
    # A compatibility form may fall apart into signs ("½" into "1⁄2"): what is no part of a word is left out.
    return "".join(_WORD.findall(folded)) or folded if folded != text else folded


def fold_compound(text: str) -> str:
    """Return an identifier as it is compared: its parts folded, the signs between them kept."""
    return _WORD.sub(lambda part: fold(part.group()), text)[:MAX_WORD]


def is_identifier(compound: str) -> bool:
    """Whether parts that are joined by signs name one thing (INC-04711, report_v2.docx, ann@example.org)."""
    return _EXACT.search(compound) is not None


def storable(text: str) -> str:
    """Replace what UTF-8 cannot carry (lone surrogates) by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _chunks(text: str) -> list[str]:
    """Split a text where neither a word nor an identifier goes on."""
    if text.isascii():
        return text.encode().translate(_ASCII_TABLE).decode().split()
    return text.translate(_SIGNS).split()


def _is_unspaced(character: str) -> bool:
    return _UNSPACED_CHARACTER.match(character) is not None


_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
