"""Presentations to blocks with python-pptx: one page a slide, its title as a heading, tables, charts and notes.

(The extraction library numbers no slides, leaves out charts and, depending on its output, either tables or notes, and
gives up on a presentation with one broken picture: docs/decisions/002.)
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from pptx import Presentation
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn
from pptx.oxml.xmlchemy import BaseOxmlElement
from pptx.shapes.group import GroupShape
from pptx.slide import Slide

from indexer.extraction.blocks import Reason, Unreadable, row_text
from vocabulary.documents import Block, BlockKind

_MAX_GROUP_DEPTH = 20  # deeper groups are no one's drawing
# lxml's XMLSyntaxError is a SyntaxError; a part that is missing or of the wrong kind shows as the last three.
_BROKEN_PACKAGE = (PythonPptxError, zipfile.BadZipFile, SyntaxError, KeyError, ValueError, AttributeError)


def read_slides(data: bytes) -> Iterator[Block]:
    """Yield the text of each slide in order.

    Raises:
        Unreadable: the package is damaged.
    """
    try:
        slides = list(Presentation(io.BytesIO(data)).slides)
    except _BROKEN_PACKAGE as error:
        raise Unreadable(Reason.DAMAGED, "the presentation cannot be opened") from error
    for number, slide in enumerate(slides, start=1):
        yield from _slide(slide, number)


def _slide(slide: Slide, page: int) -> Iterator[Block]:
    title = slide.shapes.title
    for shape in _flat(slide.shapes):
        if shape.has_text_frame:
            kind = BlockKind.HEADING if title is not None and shape.shape_id == title.shape_id else BlockKind.PARAGRAPH
            yield Block(shape.text_frame.text, kind, page)
        elif getattr(shape, "has_table", False):
            rows = (row_text(cell.text for cell in row.cells) for row in shape.table.rows)
            yield Block("\n".join(filter(None, rows)), BlockKind.TABLE, page)
        elif getattr(shape, "has_chart", False):
            yield Block("\n".join(filter(None, _chart_lines(shape.chart.element))), BlockKind.TABLE, page)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        yield Block(slide.notes_slide.notes_text_frame.text, BlockKind.PARAGRAPH, page)


def _flat(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Yield the shapes, and those inside groups. (What a shape has depends on its class: hence Any.)"""
    for shape in shapes:
        if isinstance(shape, GroupShape) and depth < _MAX_GROUP_DEPTH:
            yield from _flat(shape.shapes, depth + 1)
        else:
            yield shape


def _chart_lines(chart_space: BaseOxmlElement) -> Iterator[str]:
    """Yield a chart's titles, then a line for the categories and the values of each series, as last calculated."""
    yield row_text(text.text or "" for text in chart_space.iter(qn("a:t")))
    for series in chart_space.iter(qn("c:ser")):
        for part in ("c:tx", "c:cat", "c:val"):
            yield row_text(value.text or "" for value in series.xpath(f"./{part}//c:v"))
