"""The shared set of real and hostile office files: each ends in a named state, and good ones give their text."""

from __future__ import annotations

import csv
import mimetypes
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from indexer.extract import ExtractionSettings, KreuzbergExtractor
from indexer.extraction.blocks import Reason
from vocabulary.errors import ExtractionFailed

OFFICE_FILES = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "office-files"
WORD = re.compile(r"\w+")

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not OFFICE_FILES.is_dir(), reason="no ../shared/data/office-files beside the checkout"),
]


@dataclass(frozen=True)
class Ending:
    """How one file of the set ended."""

    type: str
    expect: str
    reference: str
    text: str
    reason: str | None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endings() -> AsyncIterator[dict[str, Ending]]:
    with (OFFICE_FILES / "manifest.tsv").open(newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    found = {}
    async with KreuzbergExtractor(ExtractionSettings()) as extractor:
        for row in rows:
            found[Path(row["file"]).name] = await _ending(extractor, row)
    yield found


async def _ending(extractor: KreuzbergExtractor, row: dict[str, str]) -> Ending:
    path = OFFICE_FILES / row["file"]
    reference = (OFFICE_FILES / row["reference"]).read_text(errors="replace") if row["reference"] else ""
    try:
        extracted = await extractor.extract(path, mime_type=mimetypes.guess_type(path.name)[0] or "")
    except ExtractionFailed as error:
        return Ending(row["type"], row["expect"], reference, "", error.reason)
    return Ending(row["type"], row["expect"], reference, "\n".join(block.text for block in extracted.blocks), None)


def recall(ending: Ending) -> float:
    wanted, found = Counter(WORD.findall(ending.reference.lower())), Counter(WORD.findall(ending.text.lower()))
    return (wanted & found).total() / wanted.total() if wanted else 1.0


async def test_no_file_hangs_or_breaks_the_parser(endings: dict[str, Ending]) -> None:
    bad = {Reason.CRASHED.value, Reason.TIMEOUT.value}
    assert {name: ending.reason for name, ending in endings.items() if ending.reason in bad} == {}
    assert {ending.reason for ending in endings.values()} - {None} <= {reason.value for reason in Reason}


async def test_what_needs_a_password_is_never_an_empty_success(endings: dict[str, Ending]) -> None:
    protected = {name: ending for name, ending in endings.items() if ending.expect == "encrypted"}
    assert [name for name, ending in protected.items() if ending.reason is None and not ending.text] == []
    assert sum(ending.reason == "encrypted" for ending in protected.values()) >= 17


async def test_bombs_are_not_unpacked(endings: dict[str, Ending]) -> None:
    for name in ("flat-512mb.zip", "nested-110gb.zip", "many-members.zip", "one-line-8mb.csv.gz"):
        assert endings[f"hostile__{name}"].reason == "unsupported"
    assert endings["hostile__document-xml-300mb.docx"].reason == "out-of-memory"
    assert len(endings["hostile__billion-laughs.docx"].text) < 1000


async def test_a_pdf_under_another_name_is_read(endings: dict[str, Ending]) -> None:
    assert len(endings["hostile__really-a-pdf.docx"].text) > 10_000


async def test_pictures_and_empty_files_end_without_text_and_without_error(endings: dict[str, Ending]) -> None:
    pictures = [ending for ending in endings.values() if ending.type in ("png", "jpg", "jpeg", "tif", "bmp", "heic")]
    assert pictures
    assert {(ending.text, ending.reason) for ending in pictures} == {("", None)}
    assert endings["unstructured__empty.txt"].reason is None


# Mean word recall of kreuzberg alone, plus what our own readers gained (docs/decisions/002), less 2 % for its updates.
@pytest.mark.parametrize(
    ("kind", "at_least"),
    [("pdf", 0.88), ("docx", 0.90), ("html", 0.88), ("eml", 0.98), ("xlsx", 0.76), ("pptx", 0.83), ("csv", 0.98)],
)
async def test_documents_with_a_text_layer_give_their_words(
    endings: dict[str, Ending], kind: str, at_least: float
) -> None:
    by_type = defaultdict(list)
    for ending in endings.values():
        if ending.expect == "text":
            by_type[ending.type].append(recall(ending))
    assert sum(by_type[kind]) / len(by_type[kind]) >= at_least
