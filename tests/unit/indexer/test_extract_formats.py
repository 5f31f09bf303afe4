"""Each format, made here with the library that writes it, and read as the worker reads it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document as WordDocument
from fpdf import FPDF
from openpyxl import Workbook
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from indexer.extraction.blocks import MAX_BLOCK_CHARS, Reason, Unreadable, clean, limited
from indexer.extraction.content_type import ContentType, text_type
from indexer.extraction.html import read_html
from indexer.extraction.reader import read_file
from indexer.extraction.text_encoding import decode
from vocabulary.documents import Block, BlockKind

HEADING, PARAGRAPH, TABLE = BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.TABLE


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Block]]:
    def read_bytes(content: bytes, mime_type: str = "application/octet-stream") -> list[Block]:
        path = tmp_path / "content"
        path.write_bytes(content)
        return [block for block in limited(read_file(path, mime_type=mime_type), 1_000_000) if block is not None]

    return read_bytes


Reader = Callable[..., list[Block]]


def test_a_pdf_has_pages(read: Reader) -> None:
    document = FPDF()
    document.set_font("helvetica", size=12)
    for number in (1, 2, 3):
        document.add_page()
        document.multi_cell(0, text=f"This is page number {number} of the report. It says a few words about budgets.")
    blocks = read(bytes(document.output()))
    assert [(block.page, f"page number {block.page}" in block.text) for block in blocks] == [
        (1, True),
        (2, True),
        (3, True),
    ]


def test_a_pdf_keeps_what_repeats_on_every_page(read: Reader) -> None:
    document = FPDF()
    document.set_font("helvetica", size=12)
    for number in range(5):
        document.add_page()
        document.cell(0, text="Case 4711 confidential", new_x="LMARGIN", new_y="NEXT")
        document.multi_cell(0, text=f"Paragraph {number} about something else entirely.")
    text = "\n".join(block.text for block in read(bytes(document.output())))
    assert text.count("Case 4711 confidential") == 5


def test_a_word_document_has_headings_and_tables(read: Reader) -> None:
    document = WordDocument()
    document.add_heading("Budget", 1)
    document.add_paragraph("The budget grows.")
    table = document.add_table(2, 2)
    for row, cells in enumerate([("region", "amount"), ("north", "42")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.sections[0].header.paragraphs[0].text = "Case 4711"
    file = io.BytesIO()
    document.save(file)
    blocks = read(file.getvalue())
    assert blocks[:3] == [
        Block("Budget", HEADING),
        Block("The budget grows.", PARAGRAPH),
        Block("region | amount\nnorth | 42", TABLE),
    ]
    assert "Case 4711" in [block.text for block in blocks]


def test_a_workbook_has_a_page_for_each_sheet(read: Reader) -> None:
    workbook = Workbook()
    for number, name in enumerate(("North", "South"), start=1):
        sheet = workbook.create_sheet(name)
        sheet.append(["month", "amount"])
        sheet.append(["January", number * 100])
    workbook.remove(workbook.worksheets[0])
    file = io.BytesIO()
    workbook.save(file)
    tables = [block for block in read(file.getvalue()) if block.kind is TABLE]
    assert [(table.page, table.text) for table in tables] == [
        (1, "month | amount\nJanuary | 100"),
        (2, "month | amount\nJanuary | 200"),
    ]


def test_slides_have_titles_tables_charts_and_notes(read: Reader) -> None:
    deck = Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = f"Body {number}"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (10, 20))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(4), Inches(4), Inches(3), data)
    slide.notes_slide.notes_text_frame.text = "Say this aloud."
    file = io.BytesIO()
    deck.save(file)
    blocks = read(file.getvalue())
    assert blocks[:2] == [Block("Slide 1", HEADING, 1), Block("Body 1", PARAGRAPH, 1)]
    assert blocks[2:5] == [Block("Slide 2", HEADING, 2), Block("Body 2", PARAGRAPH, 2), Block("left | right", TABLE, 2)]
    assert blocks[5] == Block("Sales\nQ1 | Q2\n10 | 20", TABLE, 2)
    assert blocks[6] == Block("Say this aloud.", PARAGRAPH, 2)


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_a_csv_is_a_table_whatever_its_separator(read: Reader, separator: str) -> None:
    content = f'name{separator}city\n"Lopez{separator} Maria"{separator}Madrid\n'
    assert read(content.encode(), "text/csv") == [Block(f"name | city\nLopez{separator} Maria | Madrid", TABLE)]


def test_a_page_gives_what_a_browser_shows() -> None:
    page = """<!doctype html><title>Plan</title><style>p {color: red}</style><script>var x = "<p>no</p>";</script x>
        <nav>Home</nav><h1>Budget &amp; plan</h1><p>First<br>second <b>bold</b> <a href="http://x/">link</a>
        <ul><li>one<li>two</ul><table><tr><th>a<th>b<tr><td>1<td>2</table><img alt="A chart" src=x>"""
    assert list(limited(read_html(page), 10_000)) == [
        Block("Plan", HEADING),
        Block("Home", PARAGRAPH),
        Block("Budget & plan", HEADING),
        Block("First\nsecond bold link", PARAGRAPH),
        Block("one", PARAGRAPH),
        Block("two", PARAGRAPH),
        Block("a | b\n1 | 2", TABLE),
        Block("A chart", PARAGRAPH),
    ]


def test_a_page_that_ends_in_the_middle_of_a_table_loses_nothing() -> None:
    assert [block.text for block in read_html("<table><tr><td>a<table><tr><td>inner")] == ["a inner"]


def test_a_mail_has_its_headers_and_its_body(read: Reader) -> None:
    mail = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: Budget\r\n\r\nPlease see the plan.\r\n"
    text = "\n".join(block.text for block in read(mail))
    for words in ("a@example.com", "b@example.com", "Budget", "Please see the plan."):
        assert words in text


def test_plain_text_is_cut_at_blank_lines(read: Reader) -> None:
    assert [block.text for block in read(b"one\r\ntwo\r\n\r\n \t\r\nthree")] == ["one\ntwo", "three"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_is_read_in_the_encoding_it_is_written_in(encoding: str) -> None:
    text = "Die schöne Straße nach Köln – 3 Kilometer, and a plain English sentence."
    assert decode(text.encode(encoding)) == text


def test_a_page_may_declare_its_encoding() -> None:
    page = '<meta charset="shift_jis"><p>検索</p>'
    assert "検索" in decode(page.encode("shift_jis"))


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("<html><body>x", "text/plain", ContentType.HTML),
        ("<?xml version='1.0'?><a/>", "text/plain", ContentType.XML),
        ("From: a@b\nSubject: c\n\nbody", "text/plain", ContentType.EMAIL),
        ("A letter\nFrom: me\nTo: you\nSubject: none", "text/plain", ContentType.TEXT),
        ("a,b", "text/csv; charset=utf-8", ContentType.CSV),
        ("# title", "text/markdown", ContentType.MARKDOWN),
        ("anything", "application/pdf", ContentType.TEXT),
    ],
)
def test_a_texts_first_lines_decide_then_the_declared_type(text: str, declared: str, expected: ContentType) -> None:
    assert text_type(text, declared) is expected


def zipped(**members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        for name, content in members.items():
            package.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(zipped(a="x", b="y"), Reason.UNSUPPORTED, id="archive"),
        pytest.param(b"\x1f\x8b\x08" + bytes(range(200)), Reason.UNSUPPORTED, id="compressed file"),
        pytest.param(zipped(a="x" * 1000)[:-30], Reason.DAMAGED, id="cut package"),
        pytest.param(
            zipped(
                **{"mimetype": "application/vnd.oasis.opendocument.text", "META-INF/manifest.xml": "encryption-data"}
            ),
            Reason.ENCRYPTED,
            id="encrypted OpenDocument",
        ),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage\0".encode("utf-16-le"),
            Reason.ENCRYPTED,
            id="encrypted office file",
        ),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), Reason.UNSUPPORTED, id="unknown OLE file"),
    ],
)
def test_a_file_without_text_says_why(read: Reader, content: bytes, reason: Reason) -> None:
    with pytest.raises(Unreadable) as failure:
        read(content)
    assert failure.value.reason is reason


def test_blocks_are_clean_and_never_empty() -> None:
    given = [Block("a\x00b\r\n  c\u00a0 d "), Block(" \t\n"), Block("soft\u00adhyphen\x0cnext")]
    assert [block.text for block in limited(given, 100) if block] == ["a b\nc d", "softhyphen\nnext"]
    assert clean("\ud800") == "\ufffd"


def test_the_limit_counts_all_blocks_and_says_when_it_cut() -> None:
    given = [Block("four"), Block("four"), Block("four")]
    assert list(limited(given, 12)) == given
    assert list(limited(given, 10)) == [Block("four"), Block("four"), Block("fo"), None]
    assert list(limited(given, 8)) == [Block("four"), Block("four"), None]


def test_an_endless_line_becomes_blocks_of_bounded_length() -> None:
    words = "word " * MAX_BLOCK_CHARS
    blocks = [block for block in limited([Block(words)], 10_000_000) if block]
    assert max(len(block.text) for block in blocks) <= MAX_BLOCK_CHARS
    assert " ".join(block.text for block in blocks) == words.strip()
