"""The sample documents are real files: an independent reader opens them, and their bytes never change by themselves."""

import hashlib
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib.resources import files

import apsw
import kreuzberg
import pytest

from connectors.alfresco.simulator.sample import SAMPLE_TEXTS, media_type, sample_document
from connectors.alfresco.simulator.sample.markdown import (
    Code,
    Heading,
    Listing,
    Note,
    Paragraph,
    Span,
    Style,
    Table,
    parse_markdown,
)
from connectors.alfresco.simulator.sample.pdf import render_pdf
from connectors.alfresco.simulator.sample.render import MADE_AT
from connectors.alfresco.simulator.sample.sheets import totals

PHRASES = {
    "ChannelMarketingBudget.xlsx": "Trade fairs and events",
    "wellarchitected-sustainability-pillar.pdf": "Power usage effectiveness",
    "WorkDocs.docx": "Every save is a version",
    "WorldPopulation.csv": "Bangladesh",
    "Polly-dg.pdf": "Speech Synthesis Markup Language",
    "Transcribe-api.pdf": "StartTranscriptionJob",
    "Voice-Project-Brief.docx": "Subtitles for the archive",
    "Studio-Booking.html": "Switch the red lamp on",
    "Release-Checklist.txt": "Compare the number of synthesised characters",
    "DDoS_White_Paper.pdf": "A SYN flood opens a great number of TCP connections",
    "wellarchitected-framework.pdf": "Recovery point objective",
    "ML_Training.pptx": "Gradient descent in one slide",
    "batch_user.pdf": "Stuck in RUNNABLE",
    "Amazon Simple Storage Service – User Guide.pdf": "Block Public Access",
    "AWS Batch – User Guide.pdf": "SPOT_CAPACITY_OPTIMIZED",
    "Amazon Detective.docx": "Impossible travel",
    "Pricing.xlsx": "Graphics machine",
}

QUERIES = {
    "reduce the carbon footprint of workloads": "wellarchitected-sustainability-pillar.pdf",
    "restore an earlier version of a shared document": "WorkDocs.docx",
    "marketing budget for trade fairs": "ChannelMarketingBudget.xlsx",
    "pronunciation lexicon for synthetic speech": "Polly-dg.pdf",
    "transcribe recorded audio into text with speaker labels": "Transcribe-api.pdf",
    "defend against a SYN flood from a botnet": "DDoS_White_Paper.pdf",
    "architecture review with six pillars": "wellarchitected-framework.pdf",
    "overfitting and early stopping": "ML_Training.pptx",
    "array jobs and exit code 137": "batch_user.pdf",
    "compute environments and fair share scheduling policy": "AWS Batch – User Guide.pdf",
    "buckets, object versioning and lifecycle rules": "Amazon Simple Storage Service – User Guide.pdf",
    "behaviour graph for investigating a security finding": "Amazon Detective.docx",
    "price of a graphics machine per hour": "Pricing.xlsx",
}

DIGESTS = (
    "from hashlib import sha256\n"
    "from connectors.alfresco.simulator.sample import SAMPLE_TEXTS, sample_document\n"
    "for name in SAMPLE_TEXTS: print(sha256(sample_document(name)).hexdigest())"
)


def read(name: str) -> kreuzberg.ExtractionResult:
    return kreuzberg.extract_bytes_sync(sample_document(name), media_type(name))


@pytest.fixture(scope="module")
def full_text_index() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(name UNINDEXED, body, tokenize = 'porter')")
    for name in SAMPLE_TEXTS:
        connection.execute("INSERT INTO texts VALUES (?, ?)", (name, read(name).content))
    yield connection
    connection.close()


@pytest.mark.parametrize("name", SAMPLE_TEXTS)
def test_a_sample_document_opens_and_says_what_it_is_about(name: str) -> None:
    text = " ".join(read(name).content.split())
    assert PHRASES[name] in text


@pytest.mark.parametrize("name", [name for name in SAMPLE_TEXTS if name.endswith(".pdf")])
def test_a_sample_pdf_has_a_page_per_chapter(name: str) -> None:
    assert (read(name).metadata["page_count"] or 0) >= 5


@pytest.mark.parametrize(
    ("name", "unit", "least"),
    [
        ("WorkDocs.docx", "page_count", 4),
        ("Amazon Detective.docx", "page_count", 4),
        ("ML_Training.pptx", "slide_count", 8),
        ("ChannelMarketingBudget.xlsx", "sheet_count", 4),
        ("Pricing.xlsx", "sheet_count", 3),
    ],
)
def test_a_sample_office_file_has_several_parts(name: str, unit: str, least: int) -> None:
    assert int(str(dict(read(name).metadata)[unit])) >= least


def test_speaker_notes_are_part_of_the_slides() -> None:
    assert "picture of a student" in read("ML_Training.pptx").content


def test_every_country_has_a_rank_of_its_own() -> None:
    _, *rows = [line.split(",") for line in sample_document("WorldPopulation.csv").decode().splitlines()]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 120
    assert len({row[1] for row in rows}) == len(rows)
    assert [float(row[3]) for row in rows] == sorted((float(row[3]) for row in rows), reverse=True)


def test_the_sheets_of_the_budget_add_up_to_the_same_year() -> None:
    text = (
        files("connectors.alfresco.simulator.sample") / "texts" / SAMPLE_TEXTS["ChannelMarketingBudget.xlsx"]
    ).read_text()
    sheets = {sheet["name"]: sheet["rows"] for sheet in tomllib.loads(text)["sheet"]}
    assert {row[0]: row[-1] for row in sheets["Channels"]} == {row[0]: sum(row[1:]) for row in sheets["Months"]}
    assert all(sum(row[1:-1]) == row[-1] for row in sheets["Totals"])
    assert totals(sheets["Totals"])[-1] == totals(sheets["Channels"])[-1]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_on_a_subject_finds_its_document_first(query: str, full_text_index: apsw.Connection) -> None:
    words = " OR ".join(f'"{word}"' for word in query.replace(",", "").split())
    found = full_text_index.execute("SELECT name FROM texts WHERE texts MATCH ? ORDER BY rank", (words,)).fetchone()
    assert found == (QUERIES[query],)


def test_another_process_renders_the_same_bytes() -> None:
    here = [hashlib.sha256(sample_document(name)).hexdigest() for name in SAMPLE_TEXTS]
    time.sleep(2)  # ZIP entries count time in steps of two seconds
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    there = subprocess.run([sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.split() == here


def test_a_character_that_the_fonts_lack_is_an_error_and_no_question_mark() -> None:
    with pytest.raises(Exception, match="Ω"):
        render_pdf("# Ohm\n\nThe sign is Ω.", author="A", made_at=MADE_AT)


def test_markdown_becomes_blocks_in_reading_order() -> None:
    blocks = parse_markdown(
        "# Title\n\nTwo *lines*\nof `text`.\n\n- one\n- two\n  goes on\n\n1. first\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx = 1\n\ny = 2\n```\n\n> A note.\n"
    )
    assert blocks == (
        Heading(1, "Title"),
        Paragraph((Span("Two "), Span("lines", Style.ITALIC), Span(" of "), Span("text", Style.CODE), Span("."))),
        Listing(((Span("one"),), (Span("two goes on"),)), is_numbered=False),
        Listing(((Span("first"),),), is_numbered=True),
        Table((("a", "b"), ("1", "2"))),
        Code("x = 1\n\ny = 2"),
        Note((Span("A note."),)),
    )
