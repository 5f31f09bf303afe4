"""How many ordinary passages a toxicity model flags: text that no model is trained on, cut and scored as in a sync.

`python -m benchmarks.toxicity_clean [--json] [--model FILE] [--sources NAME …] [--passages N] [--data DIR]`

Real texts are those of office files, abstracts of four collections and descriptions of software packages. The made-up
company gives its policies and orders, and what it writes of employees, clients and vendors; its posts, tickets, chats,
products and resumes are left out, for the shipped model learns from them. Every flagged sentence is printed: a person
says whether it is a false alarm.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.toxicity_worker import DATA, ScoringWorker, scoring_worker
from embedder.toxicity.choice import SHIPPED_MODEL
from embedder.toxicity.learning.examples import words_of
from embedder.toxicity.model_file import load_model
from indexer.extract import ExtractionSettings, KreuzbergExtractor
from indexer.passages import cut_passages
from vocabulary.documents import Block, ExtractedText, ReadText

SEED = 20
_MAX_TOKENS = 256  # of the default encoder; passages are cut shorter
SOURCES = ("office", "cacm", "cisi", "cranfield", "scifact", "packages", "company-files", "company-people")
_OF_THE_COMPANY = {
    "employees": ("description", "Experience"),
    "clients": ("engagement_description",),
    "vendors": ("relationship_description",),
}
# Resumes, which train; and files that try to break the extraction.
_LEFT_OUT = ("enterprisebench__", "hostile__")


@dataclass(frozen=True, slots=True)
class Line:
    """Passages of one source, and what of them was flagged."""

    source: str
    passages: int
    tokens: int
    sentences: Sequence[str]  # of the flagged passages, the worst of each
    flagged: int


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="a toxicity model's file; default: shipped")
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=SOURCES, metavar="NAME")
    parser.add_argument("--passages", type=int, default=800, help="of each source at most")
    parser.add_argument("--skip", type=int, default=0, help="documents of each source that were read before")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds the sets' folders")
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    lines = []
    with scoring_worker(model) as worker:
        for source in arguments.sources:
            documents = await _documents(source, arguments.data)
            lines.append(await _line(worker, source, _shuffled(documents)[arguments.skip :], arguments.passages))
            if not arguments.json:
                print(f"{source}: {lines[-1].flagged} of {lines[-1].passages:,}", flush=True)
    if arguments.json:
        print(json.dumps({"model": model.version, "lines": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(model.version, lines)


async def _documents(source: str, data: Path) -> list[ExtractedText]:
    company = data / "workplace-enterprisebench"
    if source == "office":
        files = sorted((data / "office-files" / "expected").glob("*.txt"))
        return [_document(each.read_text(encoding="utf-8")) for each in files if not each.name.startswith(_LEFT_OUT)]
    if source == "packages":
        return [_document(row["text"]) for row in _rows(data / "scale-passages" / "debian-packages.jsonl.gz")]
    if source == "company-files":
        pdfs = [file for folder in ("policies", "orders") for file in sorted((company / folder).glob("*.pdf"))]
        return await _extracted(pdfs)
    if source == "company-people":
        return list(_of_the_company(company))
    rows = _rows(data / f"retrieval-{source}" / "corpus.jsonl.gz")
    return [_document(f"{row['title']}\n\n{row['text']}") for row in rows]


def _of_the_company(company: Path) -> Iterator[ExtractedText]:
    for name, columns in _OF_THE_COMPANY.items():
        for row in _rows(company / f"{name}.jsonl.gz"):
            yield _document("\n\n".join(str(row.get(column) or "") for column in columns))


async def _extracted(files: Sequence[Path]) -> list[ExtractedText]:
    async with KreuzbergExtractor(ExtractionSettings()) as extractor:
        return [await extractor.extract(file, mime_type="application/pdf") for file in files]


def _document(text: str) -> ExtractedText:
    return ExtractedText(tuple(Block(part) for part in text.split("\n\n") if part.strip()))


def _shuffled(documents: list[ExtractedText]) -> list[ExtractedText]:
    """Return documents in a random order that is always the same."""
    return random.Random(SEED).sample(documents, len(documents))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


async def _line(worker: ScoringWorker, source: str, documents: Sequence[ExtractedText], most: int) -> Line:
    passages = _passages(worker, documents, most)
    scores = (await worker.enrich(passages)).toxicity
    worst = [
        (passage, max(score.spans, key=lambda span: span.score_0_1))
        for passage, score in zip(passages, scores, strict=True)
        if score.spans
    ]
    return Line(
        source=source,
        passages=len(passages),
        tokens=sum(len(passage.tokens.ids) for passage in passages),
        sentences=[f"{span.score_0_1:.2f} {passage.text[span.start : span.end]}" for passage, span in worst],
        flagged=len(worst),
    )


def _passages(worker: ScoringWorker, documents: Sequence[ExtractedText], most: int) -> list[ReadText]:
    """Return different passages of documents, in their order."""
    found: dict[str, ReadText] = {}
    for document in documents:
        for piece in cut_passages(document, (), tokenise=worker.read_all, max_tokens=_MAX_TOKENS):
            found.setdefault(words_of(piece.passage.text), piece.read_text)
        if len(found) >= most:
            break
    return list(found.values())[:most]


def _print(version: str, lines: Sequence[Line]) -> None:
    table = Table(title=f"{version}: clean passages flagged")
    table.add_column("source")
    for heading in ("passages", "tokens", "flagged"):
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(line.source, f"{line.passages:,}", f"{line.tokens:,}", str(line.flagged))
    passages, flagged = sum(line.passages for line in lines), sum(line.flagged for line in lines)
    tokens = sum(line.tokens for line in lines)
    table.add_row("together", f"{passages:,}", f"{tokens:,}", f"{flagged} ({flagged / passages:.2%})")
    console = Console(width=120)
    console.print(table)
    for line in lines:
        for sentence in line.sentences:
            console.print(f"{line.source}: {sentence}", markup=False, highlight=False)


if __name__ == "__main__":
    asyncio.run(main())
