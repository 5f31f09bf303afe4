"""Sets a sample text as a PDF: introduction below the title, each chapter on a new page, an outline, page numbers.

Uses the reader's built-in fonts, so nothing is embedded and the bytes depend on the text alone. They know the
Windows-1252 characters (dashes, quotes, the euro sign); any other character is an error, not a question mark.
"""

from datetime import datetime
from functools import singledispatch

from fpdf import FPDF, XPos, YPos
from fpdf.fonts import FontFace

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

_BODY_PT = 11.0
_LINE_MM = 5.6  # 11 pt with a little air
_INDENT_MM = 7.0
_HEADING_PT = {1: 26.0, 2: 18.0, 3: 13.5, 4: 11.5}
_HEADING_COLOUR = (31, 56, 100)
_TINT = FontFace(emphasis="BOLD", fill_color=(226, 232, 242))
_FONT_STYLE = {Style.PLAIN: "", Style.BOLD: "B", Style.ITALIC: "I", Style.CODE: ""}


class _Paper(FPDF):
    """A4 pages with the document's title above and the page number below."""

    def __init__(self, *, title: str, author: str, made_at: datetime) -> None:
        super().__init__(format="A4")
        self.core_fonts_encoding = "cp1252"
        self.set_title(title)
        self.set_author(author)
        self.set_creation_date(made_at)
        self.set_margin(25)
        self.set_auto_page_break(auto=True, margin=25)
        self._heading = title

    def header(self) -> None:
        if self.page_no() == 1:
            return
        self.set_font("Helvetica", "", 8.5)
        self.cell(0, 5, self._heading, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(6)

    def footer(self) -> None:
        self.set_y(-16)
        self.set_font("Helvetica", "", 8.5)
        self.cell(0, 5, str(self.page_no()), align="C")


def render_pdf(text: str, *, author: str, made_at: datetime) -> bytes:
    """Returns `text` as a PDF; equal arguments give equal bytes."""
    blocks = parse_markdown(text)
    paper = _Paper(title=title_of(blocks), author=author, made_at=made_at)
    paper.add_page()
    for block in blocks:
        _set(block, paper)
    return bytes(paper.output())


@singledispatch
def _set(block: Block, paper: FPDF) -> None:
    raise TypeError(f"no typesetting for {type(block).__name__}")


@_set.register
def _(block: Heading, paper: FPDF) -> None:
    if block.level == 2:
        paper.add_page()
    if block.level == 1:
        paper.ln(40)
    paper.start_section(block.text, level=max(block.level - 2, 0))
    paper.set_font("Helvetica", "B", _HEADING_PT[block.level])
    paper.set_text_color(*_HEADING_COLOUR)
    paper.multi_cell(0, _HEADING_PT[block.level] * 0.45, block.text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_text_color(0, 0, 0)
    paper.ln(4 if block.level <= 2 else 1.5)


@_set.register
def _(block: Paragraph, paper: FPDF) -> None:
    _write(block.line, paper)
    paper.ln(_LINE_MM + 2.5)


@_set.register
def _(block: Listing, paper: FPDF) -> None:
    margin = paper.l_margin
    for number, item in enumerate(block.items, start=1):
        paper.set_font("Helvetica", "", _BODY_PT)
        paper.cell(_INDENT_MM, _LINE_MM, f"{number}." if block.is_numbered else "•")
        paper.set_left_margin(margin + _INDENT_MM)
        _write(item, paper)
        paper.set_left_margin(margin)
        paper.ln(_LINE_MM + 1)
    paper.ln(2)


@_set.register
def _(block: Table, paper: FPDF) -> None:
    paper.set_font("Helvetica", "", 9.5)
    with paper.table(headings_style=_TINT, line_height=_LINE_MM, padding=1, text_align="LEFT") as table:
        for row in block.rows:
            table.row(row)
    paper.ln(5)


@_set.register
def _(block: Code, paper: FPDF) -> None:
    paper.set_font("Courier", "", 9)
    paper.set_fill_color(244, 244, 244)
    paper.multi_cell(0, 4.6, block.text, align="L", fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(4)


@_set.register
def _(block: Note, paper: FPDF) -> None:
    margin = paper.l_margin
    paper.set_left_margin(margin + _INDENT_MM)
    _write(block.line, paper, emphasis="I")
    paper.set_left_margin(margin)
    paper.ln(_LINE_MM + 2.5)


def _write(line: Line, paper: FPDF, *, emphasis: str = "") -> None:
    for span in line:
        family = "Courier" if span.style is Style.CODE else "Helvetica"
        paper.set_font(family, _FONT_STYLE[span.style] or emphasis, _BODY_PT)
        paper.write(_LINE_MM, span.text)
