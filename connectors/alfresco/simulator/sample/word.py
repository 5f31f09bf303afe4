"""Sets a sample text as a Word document: heading styles, each chapter on a new page, real lists and tables."""

import io
from datetime import datetime
from functools import singledispatch

from docx import Document
from docx.document import Document as WordDocument
from docx.shared import Pt
from docx.text.paragraph import Paragraph as WordParagraph

from connectors.alfresco.simulator.sample.markdown import (
    Block,
    Code,
    Heading,
    Line,
    Listing,
    Note,
    Paragraph,
    Style,
    Table,
    parse_markdown,
    title_of,
)
from connectors.alfresco.simulator.sample.ooxml import finish

_CODE_FONT = "Courier New"


def render_docx(text: str, *, author: str, made_at: datetime) -> bytes:
    """Returns `text` as a .docx file; equal arguments give equal bytes."""
    blocks = parse_markdown(text)
    document = Document()
    document.core_properties.title = title_of(blocks)
    document.core_properties.author = author
    for block in blocks:
        _set(block, document)
    saved = io.BytesIO()
    document.save(saved)
    n_pages = 1 + sum(isinstance(block, Heading) and block.level == 2 for block in blocks)
    return finish(saved.getvalue(), made_at=made_at, counts={"Pages": n_pages})


@singledispatch
def _set(block: Block, document: WordDocument) -> None:
    raise TypeError(f"no typesetting for {type(block).__name__}")


@_set.register
def _(block: Heading, document: WordDocument) -> None:
    heading = document.add_heading(block.text, level=block.level - 1)  # Word's level 0 is the title
    heading.paragraph_format.page_break_before = block.level == 2


@_set.register
def _(block: Paragraph, document: WordDocument) -> None:
    _write(block.line, document.add_paragraph())


@_set.register
def _(block: Listing, document: WordDocument) -> None:
    style = "List Number" if block.is_numbered else "List Bullet"
    for item in block.items:
        _write(item, document.add_paragraph(style=style))


@_set.register
def _(block: Table, document: WordDocument) -> None:
    table = document.add_table(rows=len(block.rows), cols=len(block.rows[0]), style="Light Grid Accent 1")
    for row, texts in zip(table.rows, block.rows, strict=True):
        for cell, cell_text in zip(row.cells, texts, strict=True):
            cell.text = cell_text
    document.add_paragraph()


@_set.register
def _(block: Code, document: WordDocument) -> None:
    run = document.add_paragraph().add_run(block.text)
    run.font.name = _CODE_FONT
    run.font.size = Pt(9)


@_set.register
def _(block: Note, document: WordDocument) -> None:
    _write(block.line, document.add_paragraph(style="Intense Quote"))


def _write(line: Line, paragraph: WordParagraph) -> None:
    for span in line:
        run = paragraph.add_run(span.text)
        run.bold = span.style is Style.BOLD or None
        run.italic = span.style is Style.ITALIC or None
        if span.style is Style.CODE:
            run.font.name = _CODE_FONT
