"""Pages to blocks with the standard library's own parser.

It keeps what a browser would show and the title; a page that is cut off or badly nested loses nothing, because no tag
needs its partner. (The extraction library drops navigation, turns links into mark-up and loses a third of some
pages: docs/decisions/002.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from indexer.extraction.blocks import row_text
from vocabulary.documents import Block, BlockKind

_HEADINGS = frozenset({"title", "h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = frozenset({"script", "style"})  # the parser itself ends them only at their own end tag
_UNSEEN_END = re.compile(r"</(script|style)\b[^>]*>", re.I)  # browsers end a script at an end tag with attributes too
_CELLS = frozenset({"td", "th"})
_BREAK = re.compile(
    "address|article|aside|blockquote|body|caption|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form"
    "|head|header|hr|html|legend|li|main|nav|ol|option|p|pre|section|select|summary|table|textarea|ul"
)


def read_html(text: str) -> Iterator[Block]:
    """Yield headings, paragraphs and tables in the order of the page."""
    reader = _Reader()
    reader.feed(_UNSEEN_END.sub(r"</\1>", text))
    reader.close()
    yield from reader.blocks


class _Reader(HTMLParser):
    """Collects text until something ends it: the end of a paragraph, of a heading, or of the outermost table."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._kind = BlockKind.PARAGRAPH
        self._unseen = False
        self._table_depth = 0
        self._rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen = True
        elif tag == "table":
            self._open_table()
        elif tag == "tr" and self._table_depth == 1:
            self._end_cell()
            self._rows.append([])
        elif tag in _CELLS and self._table_depth == 1:
            self._end_cell()
        elif tag in _HEADINGS:
            self._break()
            self._kind = BlockKind.HEADING
        elif _BREAK.fullmatch(tag):
            self._break()
        elif tag == "br":
            self._text.append("\n")
        elif tag == "img":
            self._text.append(f" {dict(attrs).get('alt') or ''} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = False
        elif tag == "table":
            self._close_table()
        elif tag in _HEADINGS or _BREAK.fullmatch(tag):
            self._break()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            # Line breaks in the source of a page are spaces.
            self._text.append(" ".join(data.split("\n")))

    def close(self) -> None:
        super().close()
        while self._table_depth:
            self._close_table()
        self._break()

    def _break(self) -> None:
        """End a paragraph; inside a table it only parts the words of a cell."""
        if self._table_depth:
            self._text.append(" ")
            return
        text = "".join(self._text)
        self._text.clear()
        if text.strip():
            self.blocks.append(Block(text, self._kind))
        self._kind = BlockKind.PARAGRAPH

    def _open_table(self) -> None:
        self._break()
        self._table_depth += 1

    def _end_cell(self) -> None:
        cell = " ".join("".join(self._text).split())
        self._text.clear()
        if cell:
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append(cell)

    def _close_table(self) -> None:
        if self._table_depth == 0:
            return
        if self._table_depth == 1:
            self._end_cell()
            rows = [row_text(row) for row in self._rows if row]
            self._rows.clear()
            if rows:
                self.blocks.append(Block("\n".join(rows), BlockKind.TABLE))
        self._table_depth -= 1
        self._kind = BlockKind.PARAGRAPH
