"""Sets a sample text as slides: one per heading, paragraphs and lists as its points, `> ` blocks as speaker notes."""

import io
from collections.abc import Iterator
from datetime import datetime

from pptx import Presentation
from pptx.slide import Slide
from pptx.util import Inches, Pt

from connectors.alfresco.simulator.sample.markdown import (
    Block,
    Code,
    Heading,
    Listing,
    Note,
    Paragraph,
    Table,
    parse_markdown,
    plain,
    title_of,
)
from connectors.alfresco.simulator.sample.ooxml import finish

_TITLE_LAYOUT, _CONTENT_LAYOUT = 0, 1  # of the library's default template
_TABLE_TOP, _TABLE_LEFT, _TABLE_WIDTH = Inches(3.6), Inches(0.6), Inches(8.8)


def render_pptx(text: str, *, author: str, made_at: datetime) -> bytes:
    """Returns `text` as a .pptx file; equal arguments give equal bytes."""
    blocks = parse_markdown(text)
    deck = Presentation()
    deck.core_properties.title = title_of(blocks)
    deck.core_properties.author = author
    for heading, body in _slides(blocks):
        layout = _TITLE_LAYOUT if heading.level == 1 else _CONTENT_LAYOUT
        slide = deck.slides.add_slide(deck.slide_layouts[layout])
        _fill(slide, heading, body)
    saved = io.BytesIO()
    deck.save(saved)
    n_notes = sum(slide.has_notes_slide for slide in deck.slides)
    return finish(saved.getvalue(), made_at=made_at, counts={"Slides": len(deck.slides), "Notes": n_notes})


def _slides(blocks: tuple[Block, ...]) -> Iterator[tuple[Heading, list[Block]]]:
    """Yields each heading with what stands below it."""
    heading, body = None, list[Block]()
    for block in blocks:
        if not isinstance(block, Heading):
            body.append(block)
            continue
        if heading:
            yield heading, body
        heading, body = block, []
    if heading:
        yield heading, body


def _fill(slide: Slide, heading: Heading, body: list[Block]) -> None:
    slide.placeholders[0].text_frame.text = heading.text
    slide.placeholders[1].text_frame.text = "\n".join(point for block in body for point in _points(block))
    for block in body:
        if isinstance(block, Table):
            _add_table(slide, block)
    notes = [plain(block.line) for block in body if isinstance(block, Note)]
    speaker_notes = slide.notes_slide.notes_text_frame if notes else None
    if speaker_notes is not None:
        speaker_notes.text = "\n".join(notes)


def _points(block: Block) -> tuple[str, ...]:
    match block:
        case Paragraph(line):
            return (plain(line),)
        case Listing(items):
            return tuple(plain(item) for item in items)
        case Code(text):
            return (text,)
        case _:
            return ()


def _add_table(slide: Slide, block: Table) -> None:
    n_rows, n_columns = len(block.rows), len(block.rows[0])
    frame = slide.shapes.add_table(n_rows, n_columns, _TABLE_LEFT, _TABLE_TOP, _TABLE_WIDTH, Inches(0.4 * n_rows))
    for i, row in enumerate(block.rows):
        for j, cell_text in enumerate(row):
            cell = frame.table.cell(i, j)
            cell.text = cell_text
            cell.text_frame.paragraphs[0].font.size = Pt(14)
