"""Links within the documentation lead to files and headings that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("acl", "benchmarks", "connectors", "docs", "embedder", "indexer", "service", "tests", "vocabulary")
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(each for room in ROOMS for each in (ROOT / room).rglob("*.md")))
    if "node_modules" not in page.parts
)

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


@cache
def text_of(page: Path) -> str:
    """Return a page without its blocks of code, in which brackets mean other things."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them: of a repeated one, only the first is linked."""
    words = [_LINK.sub("]", heading).lower() for heading in _HEADING.findall(text_of(page))]
    return frozenset(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in words)


def broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(text_of(page)):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if ":" in file:  # elsewhere
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_a_broken_link_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One = `two` …\n[a](#one--two-) [b](page.md#one) [c](page.md) [d](none.md) [e](https://example.com/x)\n"
    )
    assert list(broken(page)) == ["page.md#one", "none.md"]
