"""Comments are HTML; passages are text. Mark-up goes, its line breaks stay, scripts and styles leave nothing behind."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BREAKING = frozenset(
    {"address", "article", "blockquote", "br", "div", "dd", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"}
    | {"ol", "p", "pre", "section", "table", "tr", "ul"}
)
_SPACING = frozenset({"td", "th"})
_SILENT = frozenset({"script", "style", "template", "head"})


class _TextCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._separate(tag)
        if tag in _SILENT:
            self._silent_depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._separate(tag)
        if tag in _SILENT:
            self._silent_depth = max(0, self._silent_depth - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent_depth:
            self.pieces.append(re.sub(r"\s+", " ", data))

    def _separate(self, tag: str) -> None:
        if tag in _BREAKING:
            self.pieces.append("\n")
        elif tag in _SPACING:
            self.pieces.append(" ")


def html_to_text(html: str) -> str:
    """The readable text, one line per block, without surrounding or doubled blanks."""
    collector = _TextCollector()
    collector.feed(html)
    collector.close()
    lines = (re.sub(r"\s+", " ", line).strip() for line in "".join(collector.pieces).split("\n"))
    return "\n".join(line for line in lines if line)
