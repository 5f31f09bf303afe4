"""What a query's words ask for.

In goes what a person typed, out comes a `Wanted`, which every engine answers alike. Any text is a query: nothing
errors, and what is no operator is words. The language is the one of web search (docs/rest-api.md has the table):

    annual budget          any of the words, by their stems; the more and the rarer the better
    "annual budget"        these words in a row; required
    -draft  -"first draft"  not with these; excluded
    author:miller          only where the attribute holds these words, or this number, flag or day
    -type:pdf              and only where it does not
    budg*                  words that begin like this
    INC-04711              an identifier, a file name or an address: its parts in a row

An identifier alone is found exactly; beside other words its parts are words, too, so that a question that happens to
contain one ("IL-6 in mice") still finds what spells it otherwise. In prose, quotation marks are those of a writer:
what is quoted counts as words and in a row, and is not required. Exclusions, required phrases and attributes narrow
every mode, the semantic one too. Only `meaning` is embedded: the query without its operators.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from indexer.search.analysis import COMPOUND, Analyzer, Token, fold, fold_compound, is_identifier

# More than a pasted paragraph has, few enough to stay cheap: of words, phrases and prefixes together.
MAX_CLAUSES = 64
# A pasted page; what follows says nothing more of what is looked for.
MAX_CHARACTERS = 10_000
# Blank-separated pieces outside quotes; with more, a query is prose. More than people put around a phrase that they
# want to see; chosen, not tuned. That prose needs a rule of its own was measured: docs/decisions/010-ranking.md.
_PROSE_PIECES = 8
# One letter would be a tenth of all words.
_SHORTEST_PREFIX = 2

TITLE_FIELD, PATH_FIELD, SOURCE_FIELD = "title", "path", "source"
DOCUMENT_FIELDS = frozenset({TITLE_FIELD, PATH_FIELD, SOURCE_FIELD})  # of every document, whatever its attributes are

_QUOTES = '"“”„'
_ITEM = re.compile(
    rf"""
    (?:[(\[{{]+(?=\S))?                           # brackets have no meaning
    (?P<minus>-(?=[^\s-]))?
    (?P<fields>(?:[^\W\d][\w.-]*:){{1,3}}(?=\S)(?!//))?  # one name, or a prefixed one (acme:client); no address (https://)
    (?: [{_QUOTES}](?P<quoted>[^{_QUOTES}]*)[{_QUOTES}] | (?P<bare>\S*) )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is to occur, by its stem; `times` is how often the query says it, and makes no other word of it."""

    term: str
    times: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Two or more words that are to stand in a row; `is_identifier` where signs join them (INC-04711)."""

    terms: tuple[str, ...]
    is_identifier: bool = False


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of a word, of its stem, or of an identifier that is to occur, folded."""

    start: str


Clause: TypeAlias = Word | Phrase | Prefix


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A field that is to hold a value. `clause` is the value as words; None where it has none."""

    field: str
    value: str
    clause: Clause | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query asks for. Clauses are distinct and in the query's order.

    A document is searched when it holds every `required` clause and passes every field test, and holds no `excluded`
    clause and passes no `excluded_fields` test. By words it matches when it holds a clause of `any_of`, or when there
    is a required one.
    """

    any_of: tuple[Clause, ...] = ()
    required: tuple[Clause, ...] = ()
    excluded: tuple[Clause, ...] = ()
    fields: tuple[FieldTest, ...] = ()
    excluded_fields: tuple[FieldTest, ...] = ()
    meaning: str = ""

    @property
    def scored(self) -> tuple[Clause, ...]:
        """The clauses that rank: what is looked for, without what narrows only."""
        return (*self.any_of, *self.required)

    @property
    def is_browse(self) -> bool:
        """Whether nothing is looked for, so that all that is searched matches, in the order of titles."""
        return not (self.meaning or self.scored)


@dataclass(frozen=True, slots=True)
class _Item:
    """One piece of a query: a quoted text, or a run without blanks."""

    text: str
    is_quoted: bool
    is_excluded: bool
    names: tuple[str, ...]  # before colons, the outermost first

    @property
    def spelled(self) -> str:
        """The item's words, names included."""
        return ":".join((*self.names, self.text))


def candidate_fields(text: str) -> frozenset[str]:
    """Return every name that the query may mean as a field, as it is typed and folded."""
    names = {name for item in _items(text) for name, _ in _readings(item)}
    return frozenset(names | {name.casefold() for name in names})


def meaning_of(text: str) -> str:
    """Return what the semantic side reads: the query without operators, exclusions and fields. Empty: nothing."""
    return " ".join(_meant(item) for item in _items(text) if not item.is_excluded and not item.names).strip()


def parse(text: str, analyzer: Analyzer, *, is_field: Callable[[str], bool]) -> Wanted:
    """Read a query. `is_field` tells which names are fields to this reader; `name:value` of any other is words.

    The fields of every document (`DOCUMENT_FIELDS`) need not be known to it.
    """
    items = list(_items(text))
    is_prose = sum(not item.is_quoted for item in items) > _PROSE_PIECES
    reading = _Reading(analyzer, lambda name: name in DOCUMENT_FIELDS or is_field(name), is_prose=is_prose)
    for item in items:
        reading.take(item)
    return reading.wanted(meaning_of(text))


def _items(text: str) -> Iterator[_Item]:
    text, at = text[:MAX_CHARACTERS], 0
    while (at := _behind_blanks(text, at)) < len(text):
        match = _ITEM.match(text, at)
        if match is None or match.end() == at:  # pragma: no cover - the pattern takes any character
            break
        at = match.end()
        quoted, bare = match["quoted"], match["bare"]
        names = tuple((match["fields"] or "").split(":")[:-1])
        yield _Item(bare if quoted is None else quoted, quoted is not None, match["minus"] is not None, names)


def _behind_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _readings(item: _Item) -> Iterator[tuple[str, str]]:
    """Yield the ways to read an item as a field and its value, the longest name first."""
    for count in range(len(item.names), 0, -1):
        if count == len(item.names) or not item.is_quoted:
            yield ":".join(item.names[:count]), ":".join((*item.names[count:], item.text))


def _meant(item: _Item) -> str:
    return item.text if item.is_quoted else item.text.rstrip("*")


class _Reading:
    """Gathers the clauses of one query."""

    def __init__(self, analyzer: Analyzer, is_field: Callable[[str], bool], *, is_prose: bool) -> None:
        self._analyzer = analyzer
        self._is_field = is_field
        self._is_prose = is_prose
        self._words: list[tuple[Clause, bool]] = []  # with whether it is a stop word
        self._rows: list[tuple[Phrase, tuple[Clause, ...]]] = []  # identifiers, and what prose quotes; with their parts
        self._required: list[Clause] = []
        self._excluded: list[Clause] = []
        self._fields: list[FieldTest] = []
        self._excluded_fields: list[FieldTest] = []

    def take(self, item: _Item) -> None:
        test = self._field_test(item)
        if test is not None:
            (self._excluded_fields if item.is_excluded else self._fields).append(test)
            return
        if item.is_excluded:
            self._excluded += self._as_one(replace(item, text=item.spelled, names=()))
        elif item.is_quoted:
            self._words += self._plain(" ".join(item.names))
            if self._is_prose:
                self._take_row(item.text, self._as_one(item))
            else:
                self._required += self._as_one(item)
        else:
            self._take_words(item.spelled)

    def wanted(self, meaning: str) -> Wanted:
        """Return all that was taken."""
        words = [word for word, is_stop_word in self._words if not is_stop_word]
        if not words and not self._rows and not self._required:
            words = [word for word, _ in self._words]
        rows: list[Clause] = [phrase for phrase, _ in self._rows]
        parts = [part for _, parts in self._rows for part in parts] if words else []
        return Wanted(
            any_of=_distinct([*rows, *words, *parts]),
            required=_distinct(self._required),
            excluded=_distinct(self._excluded),
            fields=tuple(dict.fromkeys(self._fields))[:MAX_CLAUSES],
            excluded_fields=tuple(dict.fromkeys(self._excluded_fields))[:MAX_CLAUSES],
            meaning=meaning,
        )

    def _field_test(self, item: _Item) -> FieldTest | None:
        for name, value in _readings(item):
            for spelling in (name, name.casefold()):
                if self._is_field(spelling):
                    clauses = self._as_one(replace(item, text=value, names=()))
                    return FieldTest(spelling, value, clauses[0] if clauses else None)
        return None

    def _as_one(self, item: _Item) -> list[Clause]:
        """Read an item as a single clause, of all its words in a row; as none if it has no words."""
        text = item.text
        if not item.is_quoted and text.endswith("*"):
            prefix = _prefix(text)
            if prefix is not None:
                return [prefix]
        is_joined = not item.is_quoted or COMPOUND.fullmatch(text.strip()) is not None
        return self._in_a_row(text, is_identifier=is_joined)

    def _take_words(self, text: str) -> None:
        if text.endswith("*"):
            prefix = _prefix(text)
            if prefix is not None:
                self._words.append((prefix, False))
                return
        rest = 0
        for compound in COMPOUND.finditer(text):
            if is_identifier(compound.group()):
                self._words += self._plain(text[rest : compound.start()])
                self._take_row(compound.group(), self._in_a_row(compound.group(), is_identifier=True))
                rest = compound.end()
        self._words += self._plain(text[rest:])

    def _take_row(self, text: str, clauses: Iterable[Clause]) -> None:
        """Look for what stands in a row and, beside other words, for its parts."""
        parts = tuple(part for part, is_stop_word in self._plain(text) if not is_stop_word)
        for clause in clauses:
            if isinstance(clause, Phrase):
                self._rows.append((clause, parts))
            else:
                self._words.append((clause, False))

    def _in_a_row(self, text: str, *, is_identifier: bool) -> list[Clause]:
        """Return the one clause of a text's words; none if there are none.

        Between two words a tail stands in the index, too; behind the last one other characters may follow.
        """
        tokens = list(self._analyzer.tokens(text))
        if len(tokens) > 1 and tokens[-1].is_tail:
            tokens.pop()
        if len(tokens) < 2:
            return [_word(token) for token in tokens]
        return [Phrase(tuple(token.term for token in tokens)[:MAX_CLAUSES], is_identifier=is_identifier)]

    def _plain(self, text: str) -> list[tuple[Clause, bool]]:
        is_stop_word = self._analyzer.is_stop_word
        return [(_word(token), is_stop_word(token.word)) for token in self._analyzer.query_tokens(text)]


def _word(token: Token) -> Clause:
    """A character that stands alone in a script without blanks is looked for as the beginning of a pair."""
    return Prefix(token.word) if token.is_tail else Word(token.term)


def _prefix(text: str) -> Prefix | None:
    """Return what a text with a star at its end looks for; None if it is no beginning of one word or identifier."""
    stripped = text.rstrip("*").strip("()[]{}'")
    if COMPOUND.fullmatch(stripped):
        return Prefix(fold_compound(stripped))
    if len(stripped) < _SHORTEST_PREFIX or not stripped.isalnum():
        return None
    return Prefix(fold(stripped))


def _distinct(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    counted = Counter(clauses)
    return tuple(
        replace(clause, times=times) if isinstance(clause, Word) else clause
        for clause, times in itertools.islice(counted.items(), MAX_CLAUSES)
    )
