"""Word recall, speed, memory and behaviour on bad files: our extractor beside the libraries it could have been.

    python benchmarks/extraction.py                                       # what this environment has
    PYTHONPATH=. /path/to/other/python benchmarks/extraction.py           # an environment with the alternatives
    … --tools kreuzberg,markitdown --markdown table.md

Each tool reads every file of `../shared/data/office-files` in a process of its own under the same limits (30 s a file,
2 GiB of data), one file after another. Recall is the share of the reference text's lower-cased words, as a bag, that
the tool finds. A tool that is not installed is named as such and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib.metadata
import mimetypes
import multiprocessing
import re
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

OFFICE_FILES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "office-files"
TIMEOUT_S = 30.0
MEMORY_BYTES = 2 << 30
WORD = re.compile(r"\w+")

Read = Callable[[Path], str]


@dataclass(frozen=True)
class Sample:
    """One row of the manifest."""

    path: Path
    type: str
    expect: str
    reference: str


@dataclass(frozen=True)
class Outcome:
    """What a tool made of one sample: text, or the first word of what went wrong."""

    text: str | None
    failure: str
    seconds: float


@dataclass(frozen=True)
class Tool:
    """A way to read a file; `open` runs in the measured process and imports what it needs."""

    name: str
    distributions: tuple[str, ...]
    open: Callable[[], Read]

    @property
    def missing(self) -> list[str]:
        return [name for name in self.distributions if not _installed(name)]


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def open_ours() -> Read:
    from indexer.extraction.blocks import limited  # noqa: PLC0415 - the measured process imports, not this one
    from indexer.extraction.reader import read_file  # noqa: PLC0415

    def read(path: Path) -> str:
        mime_type = mimetypes.guess_type(path.name)[0] or ""
        blocks = limited(read_file(path, mime_type=mime_type), 5_000_000)
        return "\n".join(block.text for block in blocks if block is not None)

    return read


def open_kreuzberg() -> Read:
    import kreuzberg  # noqa: PLC0415

    config = kreuzberg.ExtractionConfig(use_cache=False, output_format="markdown")
    return lambda path: str(kreuzberg.extract_file_sync(str(path), config=config).content)


def open_markitdown() -> Read:
    from markitdown import MarkItDown  # noqa: PLC0415

    converter = MarkItDown(enable_plugins=False)
    return lambda path: str(converter.convert_local(str(path)).text_content)


def open_single_purpose() -> Read:
    """One small library for each of the four main formats, told by the name's ending."""
    import docx  # noqa: PLC0415
    import openpyxl  # noqa: PLC0415
    import pptx  # noqa: PLC0415
    import pypdfium2  # noqa: PLC0415

    def pdf(path: Path) -> Iterator[str]:
        with contextlib.closing(pypdfium2.PdfDocument(path)) as document:
            for page in document:
                yield page.get_textpage().get_text_range()

    def document(path: Path) -> Iterator[str]:
        opened = docx.Document(str(path))
        yield from (paragraph.text for paragraph in opened.paragraphs)
        yield from (cell.text for table in opened.tables for row in table.rows for cell in row.cells)

    def workbook(path: Path) -> Iterator[str]:
        for sheet in openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets:
            yield sheet.title
            for row in sheet.iter_rows(values_only=True):
                yield " ".join(str(value) for value in row if value is not None)

    def slides(path: Path) -> Iterator[str]:
        for slide in pptx.Presentation(str(path)).slides:
            for shape in slide.shapes:
                if shape.has_text_frame:
                    yield shape.text_frame.text

    readers = {".pdf": pdf, ".docx": document, ".xlsx": workbook, ".pptx": slides}
    return lambda path: "\n".join(readers[path.suffix](path))


def open_unstructured() -> Read:
    from unstructured.partition.auto import partition  # noqa: PLC0415

    return lambda path: "\n".join(str(element) for element in partition(filename=str(path), strategy="fast"))


TOOLS = (
    Tool("ours", ("kreuzberg", "python-pptx"), open_ours),
    Tool("kreuzberg", ("kreuzberg",), open_kreuzberg),
    Tool("markitdown", ("markitdown",), open_markitdown),
    Tool("pypdfium2 + python-docx + openpyxl + python-pptx", ("pypdfium2", "python-docx"), open_single_purpose),
    Tool("unstructured", ("unstructured",), open_unstructured),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", default=",".join(tool.name.split()[0] for tool in TOOLS))
    parser.add_argument("--files", type=Path, default=OFFICE_FILES)
    parser.add_argument("--markdown", type=Path, help="also write the tables here")
    arguments = parser.parse_args()
    wanted = set(arguments.tools.split(","))
    samples = list(read_manifest(arguments.files))
    lines: list[str] = []
    measured: dict[str, list[Outcome]] = {}
    for tool in TOOLS:
        if tool.name.split()[0] not in wanted:
            continue
        if tool.missing:
            lines.append(f"{tool.name}: not installed ({', '.join(tool.missing)})")
            continue
        measured[tool.name], peak = measure(tool, samples)
        lines.append(summary(tool.name, measured[tool.name], peak))
    lines += ["", *recall_table(samples, measured), "", *bad_file_table(samples, measured)]
    print("\n".join(lines))
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n")


def read_manifest(folder: Path) -> Iterator[Sample]:
    with (folder / "manifest.tsv").open(newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t"):
            reference = (folder / row["reference"]).read_text(errors="replace") if row["reference"] else ""
            yield Sample(folder / row["file"], row["type"], row["expect"], reference)


def measure(tool: Tool, samples: list[Sample]) -> tuple[list[Outcome], int]:
    """Read all samples; return the outcomes and the highest resident memory of any process in bytes."""
    reader = Reader(tool)
    outcomes = [reader.read(sample.path) for sample in samples]
    reader.close()
    return outcomes, reader.peak_bytes


class Reader:
    """The process in which a tool runs; replaced when it hangs or dies."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self.peak_bytes = 0

    def read(self, path: Path) -> Outcome:
        pipe = self._pipe or self._start()
        pipe.send(str(path))
        if not pipe.poll(TIMEOUT_S):
            self.close()
            return Outcome(None, "timeout", TIMEOUT_S)
        try:
            text, failure, seconds, peak = pipe.recv()
        except (EOFError, ConnectionError):
            self.close()
            return Outcome(None, "died", 0.0)
        self.peak_bytes = max(self.peak_bytes, peak)
        return Outcome(text, failure, seconds)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(self._tool.open, theirs), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(120) or self._pipe.recv() != "ready":
            raise SystemExit(f"{self._tool.name} does not start")
        return self._pipe


def serve(open_tool: Callable[[], Read], pipe: Connection) -> None:
    """Answer paths with (text, failure, seconds, peak bytes) until the pipe ends."""
    read = open_tool()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    pipe.send("ready")
    while True:
        path = Path(pipe.recv())
        began = time.perf_counter()
        try:
            text, failure = read(path), ""
        except Exception as error:  # noqa: BLE001 - any failure of the measured tool is a result
            text, failure = None, str(getattr(error, "reason", type(error).__name__))
        seconds = time.perf_counter() - began
        pipe.send((text, failure, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def recall(reference: str, text: str | None) -> float:
    wanted, found = Counter(WORD.findall(reference.lower())), Counter(WORD.findall((text or "").lower()))
    return (wanted & found).total() / wanted.total() if wanted else 1.0


def summary(name: str, outcomes: list[Outcome], peak_bytes: int) -> str:
    read = [outcome.seconds for outcome in outcomes]
    return f"{name}: {sum(read):.1f} s in all, slowest file {max(read):.2f} s, {peak_bytes / 2**20:.0f} MiB at most"


def recall_table(samples: list[Sample], measured: dict[str, list[Outcome]]) -> Iterator[str]:
    """Mean recall by type over the files that have a text layer."""
    by_type: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        if sample.expect == "text":
            by_type[sample.type].append(index)
            by_type["all"].append(index)
    yield "| type | files | " + " | ".join(measured) + " |"
    yield "| --- | --- |" + " --- |" * len(measured)
    for kind, indices in sorted(by_type.items(), key=lambda item: -len(item[1])):
        means = (
            sum(recall(samples[i].reference, outcomes[i].text) for i in indices) / len(indices)
            for outcomes in measured.values()
        )
        yield f"| {kind} | {len(indices)} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |"


def bad_file_table(samples: list[Sample], measured: dict[str, list[Outcome]]) -> Iterator[str]:
    """What became of the files that have no honest text, as counts by outcome."""
    yield "| expect | " + " | ".join(measured) + " |"
    yield "| --- |" + " --- |" * len(measured)
    for expect in ("encrypted", "damaged", "hostile", "empty", "ocr"):
        cells = []
        for outcomes in measured.values():
            pairs = zip(samples, outcomes, strict=True)
            counts = Counter(_kind(outcome) for sample, outcome in pairs if sample.expect == expect)
            cells.append(", ".join(f"{kind} {count}" for kind, count in counts.most_common()))
        yield f"| {expect} | " + " | ".join(cells) + " |"


def _kind(outcome: Outcome) -> str:
    if outcome.text is None:
        return outcome.failure
    return "text" if outcome.text.strip() else "no text"


if __name__ == "__main__":
    main()
