"""Reads the small part of Markdown in which the sample texts are written: one source per text, whatever its file type.

In: headings, paragraphs, lists (one level), pipe tables, fenced code, `> ` notes; inside them `**bold**`, `*italic*`
and `` `code` ``.
Out: a flat tuple of blocks in reading order. Nothing nests; anything else is a paragraph and shows as typed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>.+?)`|\*(?P<italic>.+?)\*")
_HEADING = re.compile(r"(#{1,4}) +(.*)")
_BULLET = re.compile(r"- +(.*)")
_NUMBERED = re.compile(r"\d+\. +(.*)")
_FENCE = "```"


class Style(Enum):
    """How a span is set."""

    PLAIN = "plain"
    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one style."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the document's title, level 2 a chapter."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    line: Line


@dataclass(frozen=True, slots=True)
class Listing:
    """A bulleted or numbered list."""

    items: tuple[Line, ...]
    is_numbered: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first row holds the column names."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Text whose line breaks count."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A `> ` block: a remark on paper, what the speaker says on slides."""

    line: Line


Block = Heading | Paragraph | Listing | Table | Code | Note


def parse_markdown(text: str) -> tuple[Block, ...]:
    """Returns the blocks of `text` in reading order."""
    return tuple(_block(group) for group in _groups(text))


def plain(line: Line) -> str:
    """Returns a line without its styles."""
    return "".join(span.text for span in line)


def title_of(blocks: tuple[Block, ...]) -> str:
    """Returns the document's title: its first heading."""
    return next(block.text for block in blocks if isinstance(block, Heading))


def _groups(text: str) -> Iterator[list[str]]:
    """Yields the lines of each block; blank lines part blocks, except inside a fence."""
    group: list[str] = []
    is_fenced = False
    for raw in text.splitlines():
        line = raw.rstrip()
        if line.startswith(_FENCE):
            is_fenced = not is_fenced
        if line or is_fenced:
            group.append(line)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _block(lines: list[str]) -> Block:
    first = lines[0]
    if heading := _HEADING.fullmatch(first):
        return Heading(len(heading[1]), heading[2])
    if first.startswith(_FENCE):
        return Code("\n".join(lines[1:-1]))
    if first.startswith("|"):
        return _table(lines)
    if first.startswith("> "):
        return Note(_spans(" ".join(line.removeprefix("> ") for line in lines)))
    if _BULLET.fullmatch(first):
        return Listing(_items(lines, _BULLET), is_numbered=False)
    if _NUMBERED.fullmatch(first):
        return Listing(_items(lines, _NUMBERED), is_numbered=True)
    return Paragraph(_spans(" ".join(lines)))


def _items(lines: list[str], mark: re.Pattern[str]) -> tuple[Line, ...]:
    """Returns the items of a list; a line without the mark goes on with the item before it."""
    items: list[str] = []
    for line in lines:
        if found := mark.fullmatch(line):
            items.append(found[1])
        else:
            items[-1] += " " + line.strip()
    return tuple(_spans(item) for item in items)


def _table(lines: list[str]) -> Table:
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return Table((rows[0], *rows[2:]))  # the second line only draws the rule


def _spans(text: str) -> Line:
    spans: list[Span] = []
    end = 0
    for found in _INLINE.finditer(text):
        if found.start() > end:
            spans.append(Span(text[end : found.start()]))
        style = found.lastgroup or Style.PLAIN.value
        spans.append(Span(found[style], Style(style)))
        end = found.end()
    if end < len(text):
        spans.append(Span(text[end:]))
    return tuple(spans)
