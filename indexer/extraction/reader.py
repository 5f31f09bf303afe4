"""One file to blocks: tell what it is, then hand it to the reader of that format. Runs in the child process only."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from indexer.extraction.blocks import paragraphs, row_text
from indexer.extraction.content_type import ContentType, binary_type, text_type
from indexer.extraction.html import read_html
from indexer.extraction.office import read_office
from indexer.extraction.slides import read_slides
from indexer.extraction.text_encoding import decode
from vocabulary.documents import Block, BlockKind

_TEXT_PARSED_BY_LIBRARY = (ContentType.EMAIL, ContentType.MARKDOWN, ContentType.XML, ContentType.JSON)


def read_file(path: Path, *, mime_type: str) -> Iterator[Block]:
    """Yield the blocks of a file, not yet cleaned or limited. An empty file and a picture hold none.

    Raises:
        Unreadable: see its reason.
    """
    data = path.read_bytes()
    if not data:
        return iter(())
    content_type = binary_type(data)
    if content_type is None:
        return _read_text(decode(data), mime_type)
    if content_type is ContentType.IMAGE:
        return iter(())  # its text is pixels: the document ends as no-text, where an operator sees it
    if content_type is ContentType.PPTX:
        return read_slides(data)
    return read_office(data, content_type)


def _read_text(text: str, mime_type: str) -> Iterator[Block]:
    content_type = text_type(text, mime_type)
    if content_type is ContentType.HTML:
        return read_html(text)
    if content_type in (ContentType.CSV, ContentType.TSV):
        return _read_table(text, delimiter="\t" if content_type is ContentType.TSV else None)
    if content_type in _TEXT_PARSED_BY_LIBRARY:
        return read_office(text.encode(), content_type)
    return paragraphs(text)


def _read_table(text: str, *, delimiter: str | None) -> Iterator[Block]:
    """Yield a table; a separator that is not given is the one that parts the first lines most evenly."""
    lines = text.replace("\0", " ").splitlines()
    if delimiter is None:
        delimiter = _delimiter(lines[:20])
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    rows = (row_text(cells) for cells in csv.reader(lines, delimiter=delimiter))
    yield Block("\n".join(filter(None, rows)), BlockKind.TABLE)


def _delimiter(lines: list[str]) -> str:
    """Return the separator that occurs in most of the lines; the comma when none does."""
    return max((",", ";", "\t", "|"), key=lambda mark: sum(mark in line for line in lines))
