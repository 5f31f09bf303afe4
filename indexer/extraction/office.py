"""PDF, office files, books and mail to blocks, through kreuzberg.

kreuzberg offers a structure (headings, lists, tables) and, for PDF, the plain text of each page. The structure is
taken where it loses no words; where it does, the plain text is, so that a wrong guess at a layout costs a heading and
never a sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import kreuzberg
from kreuzberg import ConcurrencyConfig, ContentFilterConfig, ExtractionConfig, ExtractionResult, PageConfig

from indexer.extraction.blocks import Reason, Unreadable, paragraphs, row_text
from indexer.extraction.content_type import ContentType
from vocabulary.documents import Block, BlockKind

# Share of the plain text's words that the structure may lack (hyphens joined over a line end look like lost words).
_MAX_LOST_SHARE = 0.05
_ENCRYPTED_WORDS = ("password", "encrypted", "decrypt")
_TOO_BIG_WORDS = ("out of memory", "security limit", "bomb")  # its own limits: 100 MiB a member, 100 : 1 as a ratio
_WORD = re.compile(r"\w+")
_LINE_END_HYPHEN = re.compile(r"[-\u00ad\u0002]\s*\n\s*")
_BLANK_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n"
)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")


def load_pdf_library() -> None:
    """Let kreuzberg unpack its PDF library into `TMPDIR` and load it, as it would do only at the first PDF."""
    _extract(_BLANK_PDF, ContentType.PDF, output_format="plain")


def read_office(data: bytes, content_type: ContentType) -> Iterator[Block]:
    """Yield the blocks of a document of a type that kreuzberg reads.

    Raises:
        Unreadable: encrypted, damaged, or a variant that the library does not know.
    """
    result = _extract(data, content_type, output_format="markdown")
    structured = list(_structured(result))
    if content_type is ContentType.PDF:
        yield from _pages(result, structured)
    elif _lost_share(result.content, structured) > _MAX_LOST_SHARE:
        yield from paragraphs(_extract(data, content_type, output_format="plain").content)
    else:
        yield from structured


def _extract(data: bytes, content_type: ContentType, *, output_format: str) -> ExtractionResult:
    config = ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,  # it rewrites text; cleaning is done in one place for all formats
        output_format=output_format,
        include_document_structure=True,
        pages=PageConfig(extract_pages=True),
        concurrency=ConcurrencyConfig(max_threads=1),  # workers are the concurrency; settings say how many
        # Without these it drops running heads and whatever repeats on several pages, unasked.
        content_filter=ContentFilterConfig(
            include_headers=True, include_footers=True, strip_repeating_text=False, include_watermarks=True
        ),
    )
    try:
        return kreuzberg.extract_bytes_sync(data, content_type.value, config=config)
    except (kreuzberg.ParsingError, kreuzberg.ValidationError, kreuzberg.OCRError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> Unreadable:
    message = str(error).lower()
    if any(word in message for word in _ENCRYPTED_WORDS):
        return Unreadable(Reason.ENCRYPTED, "the document needs a password")
    if any(word in message for word in _TOO_BIG_WORDS):
        return Unreadable(Reason.OUT_OF_MEMORY, "the document unpacks to more than the memory allowed")
    if isinstance(error, kreuzberg.ValidationError):
        return Unreadable(Reason.UNSUPPORTED, "the parser refuses this type")
    return Unreadable(Reason.DAMAGED, "the document cannot be parsed")


def _structured(result: ExtractionResult) -> Iterator[Block]:
    """Yield the nodes that hold text; a node without a page lies on the page of the one before it."""
    page: int | None = None
    nodes: list[Mapping[str, Any]] = list(result.document["nodes"]) if result.document else []
    for node in nodes:
        page = node.get("page") or page
        block = _node_block(node["content"], page)
        if block is not None:
            yield block


def _node_block(content: Mapping[str, Any], page: int | None) -> Block | None:
    kind = content["node_type"]
    if kind == "table":
        return Block(_table_text(content["grid"]), BlockKind.TABLE, page)
    if kind == "metadata_block":  # a mail's sender, addressees, subject and date
        return Block("\n".join(f"{name}: {value}" for name, value in content["entries"]), BlockKind.PARAGRAPH, page)
    if kind == "image":
        return Block(content.get("description") or "", BlockKind.PARAGRAPH, page)
    text = content.get("text")
    if not text:
        return None
    return Block(
        _LINK.sub(r"\1", text), BlockKind.HEADING if kind in ("title", "heading") else BlockKind.PARAGRAPH, page
    )


def _table_text(grid: Mapping[str, Any]) -> str:
    rows: dict[int, list[str]] = {}
    for cell in grid["cells"]:
        rows.setdefault(cell["row"], []).append(cell.get("content") or "")
    return "\n".join(filter(None, (row_text(rows[number]) for number in sorted(rows))))


def _pages(result: ExtractionResult, structured: list[Block]) -> Iterator[Block]:
    by_page: dict[int, list[Block]] = {}
    for block in structured:
        by_page.setdefault(block.page or 1, []).append(block)
    plain = {page["page_number"]: page["content"] for page in result.pages or []}
    for number in sorted(by_page.keys() | plain.keys()):
        blocks = by_page.get(number, [])
        if _lost_share(plain.get(number, ""), blocks) > _MAX_LOST_SHARE:
            yield from paragraphs(plain[number], page=number)
        else:
            yield from blocks


def _lost_share(plain: str, blocks: list[Block]) -> float:
    """Return the share of the plain text's words that the blocks lack."""
    wanted = Counter(_WORD.findall(_LINE_END_HYPHEN.sub("", plain)))
    found = Counter(_WORD.findall(_LINE_END_HYPHEN.sub("", "\n".join(block.text for block in blocks))))
    total = wanted.total()
    return (wanted - found).total() / total if total else 0.0
