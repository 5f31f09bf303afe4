"""The contract of the `Extractor` port, sentence by sentence. A new extractor joins by a line in `EXTRACTORS`."""

from __future__ import annotations

import time
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from fpdf import FPDF

from indexer.extract import ExtractionSettings, KreuzbergExtractor
from vocabulary.documents import ExtractedText
from vocabulary.errors import ExtractionFailed
from vocabulary.ports import Extractor

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_TEXT_CHARS = 2_000
# Tight enough that small files reach them; the process itself needs most of the memory.
TIGHT = ExtractionSettings(timeout_s=1.5, max_memory_bytes=200 << 20, max_text_chars=MAX_TEXT_CHARS)

Opened = AbstractAsyncContextManager[Extractor]
EXTRACTORS: dict[str, Callable[[ExtractionSettings], Opened]] = {"kreuzberg": KreuzbergExtractor}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(EXTRACTORS))
async def extractor(request: pytest.FixtureRequest) -> AsyncIterator[Extractor]:
    async with EXTRACTORS[request.param](TIGHT) as opened:
        yield opened


def pdf(*pages: str, password: str | None = None) -> bytes:
    document = FPDF()
    document.set_font("helvetica", size=12)
    for page in pages:
        document.add_page()
        document.multi_cell(0, text=page)
    if password:
        document.set_encryption(owner_password=password + "-owner", user_password=password)
    return bytes(document.output())


def text_of(extracted: ExtractedText) -> str:
    return "\n".join(block.text for block in extracted.blocks)


async def failure_of(extractor: Extractor, path: Path, *, mime_type: str = "application/octet-stream") -> str:
    with pytest.raises(ExtractionFailed) as failure:
        await extractor.extract(path, mime_type=mime_type)
    return failure.value.reason


async def test_a_file_is_read_by_its_content_and_not_by_its_name(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(pdf("line of sight"))
    assert "line of sight" in text_of(await extractor.extract(path, mime_type="application/pdf"))


async def test_the_sources_word_for_the_type_may_be_wrong(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(pdf("line of sight"))
    for wrong in ("text/plain", "image/png", "application/zip", "no such type", ""):
        assert "line of sight" in text_of(await extractor.extract(path, mime_type=wrong))


async def test_text_beyond_the_limit_is_cut_and_flagged(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\n\n".join(f"paragraph number {number}" for number in range(1000)))
    extracted = await extractor.extract(path, mime_type="text/plain")
    assert extracted.truncated
    assert MAX_TEXT_CHARS * 0.9 < sum(len(block.text) for block in extracted.blocks) <= MAX_TEXT_CHARS
    assert text_of(extracted).startswith("paragraph number 0\nparagraph number 1")


async def test_text_within_the_limit_is_whole_and_not_flagged(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("x" * MAX_TEXT_CHARS)
    extracted = await extractor.extract(path, mime_type="text/plain")
    assert not extracted.truncated
    assert text_of(extracted) == "x" * MAX_TEXT_CHARS


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        pytest.param(b"", "application/pdf", id="no bytes"),
        pytest.param(b" \r\n\t ", "text/plain", id="white space"),
        pytest.param(pdf(""), "application/pdf", id="blank page"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png", id="picture"),
    ],
)
async def test_no_text_gives_no_blocks_and_no_error(
    extractor: Extractor, tmp_path: Path, content: bytes, mime_type: str
) -> None:
    path = tmp_path / "content"
    path.write_bytes(content)
    assert await extractor.extract(path, mime_type=mime_type) == ExtractedText(())


async def test_an_encrypted_file_fails_as_encrypted(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(pdf("line of sight", password="owl"))
    assert await failure_of(extractor, path) == "encrypted"


async def test_a_damaged_file_fails_as_damaged(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "half.pdf"
    whole = pdf("line of sight " * 500)
    path.write_bytes(whole[: len(whole) // 2])
    assert await failure_of(extractor, path) == "damaged"


async def test_an_unknown_format_fails_as_unsupported(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "noise"
    path.write_bytes(bytes(range(256)) * 64)
    assert await failure_of(extractor, path) == "unsupported"


async def test_a_slow_file_ends_in_bounded_time_as_a_timeout(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "slow.html"
    path.write_text("<p>" + "<b>word</b> &amp; " * 400_000)
    began = time.monotonic()
    assert await failure_of(extractor, path, mime_type="text/html") == "timeout"
    assert time.monotonic() - began < TIGHT.timeout_s + 5  # killing and a busy machine take their time


async def test_a_hungry_file_ends_in_bounded_memory(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "hungry.txt"
    path.write_bytes(b"word " * (60 << 20 >> 2))
    assert await failure_of(extractor, path) == "out-of-memory"


async def test_a_package_that_unpacks_to_more_than_memory_ends_in_a_named_reason(
    extractor: Extractor, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        with package.open("word/document.xml", "w") as member:
            member.write(
                b"<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body><w:p><w:r><w:t>"
            )
            for _ in range(90):  # below the parser's own limit of 100 MiB
                member.write(b"a " * (1 << 19))
            member.write(b"</w:t></w:r></w:p></w:body></w:document>")
    assert await failure_of(extractor, path) in {"out-of-memory", "timeout"}


async def test_after_every_failure_the_next_document_is_read(extractor: Extractor, tmp_path: Path) -> None:
    hungry, good = tmp_path / "hungry.txt", tmp_path / "good.txt"
    hungry.write_bytes(b"word " * (60 << 20 >> 2))
    good.write_text("line of sight")
    for _ in range(2):
        assert await failure_of(extractor, hungry) == "out-of-memory"
        assert text_of(await extractor.extract(good, mime_type="text/plain")) == "line of sight"
