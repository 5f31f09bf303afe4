"""The child process: what it may, what it inherits, when it ends, and that the parent outlives all of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from indexer.extract import ExtractionSettings, KreuzbergExtractor
from vocabulary.errors import ConfigurationError, ExtractionFailed

SETTINGS = ExtractionSettings(timeout_s=30)
ROOT = Path(__file__).resolve().parents[3]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [child for child in found if any("indexer.extraction.worker" in part for part in child.cmdline())]


def slow_page(folder: Path) -> Path:
    """A page that takes several seconds to read."""
    path = folder / "slow.html"
    path.write_text("<p>" + "<b>word</b> &amp; " * 60_000)
    return path


def small_text(folder: Path) -> Path:
    path = folder / "small.txt"
    path.write_text("line of sight")
    return path


async def test_one_child_reads_many_documents(tmp_path: Path) -> None:
    async with KreuzbergExtractor(SETTINGS) as extractor:
        (child,) = children()
        for _ in range(20):
            await extractor.extract(small_text(tmp_path), mime_type="text/plain")
        assert children() == [child]
    assert children() == []


async def test_documents_are_read_at_the_same_time_by_as_many_children_as_set(tmp_path: Path) -> None:
    path = small_text(tmp_path)
    async with KreuzbergExtractor(ExtractionSettings(workers=2)) as extractor:
        await asyncio.gather(*(extractor.extract(path, mime_type="text/plain") for _ in range(10)))
        assert len(children()) == 2


async def test_the_loop_runs_on_while_a_document_is_read(tmp_path: Path) -> None:
    path = slow_page(tmp_path)
    async with KreuzbergExtractor(SETTINGS) as extractor:
        reading = asyncio.create_task(extractor.extract(path, mime_type="text/html"))
        longest = 0.0
        while not reading.done():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)
        await reading
    assert longest < 0.5  # a blocked loop would sleep for as long as the page takes


async def test_a_child_that_is_killed_costs_one_document(tmp_path: Path) -> None:
    slow, small = slow_page(tmp_path), small_text(tmp_path)
    async with KreuzbergExtractor(SETTINGS) as extractor:
        for how, reason in ((signal.SIGSEGV, "crashed"), (signal.SIGKILL, "out-of-memory")):
            reading = asyncio.create_task(extractor.extract(slow, mime_type="text/html"))
            await asyncio.sleep(0.3)
            (child,) = children()
            child.send_signal(how)
            with pytest.raises(ExtractionFailed) as failure:
                await reading
            assert failure.value.reason == reason
            assert (await extractor.extract(small, mime_type="text/plain")).blocks[0].text == "line of sight"


async def test_an_abandoned_document_ends_its_child(tmp_path: Path) -> None:
    slow, small = slow_page(tmp_path), small_text(tmp_path)
    async with KreuzbergExtractor(SETTINGS) as extractor:
        (child,) = children()
        reading = asyncio.create_task(extractor.extract(slow, mime_type="text/html"))
        await asyncio.sleep(0.3)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not child.is_running()
        assert (await extractor.extract(small, mime_type="text/plain")).blocks


async def test_a_missing_file_is_one_documents_failure(tmp_path: Path) -> None:
    async with KreuzbergExtractor(SETTINGS) as extractor:
        with pytest.raises(ExtractionFailed) as failure:
            await extractor.extract(tmp_path / "gone", mime_type="text/plain")
        assert failure.value.reason == "crashed"
        assert (await extractor.extract(small_text(tmp_path), mime_type="text/plain")).blocks


@linux_only
async def test_the_child_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALFRESCO_PASSWORD", "hunter2")
    async with KreuzbergExtractor(SETTINGS):
        (child,) = children()
        environment = child.environ()
    assert "hunter2" not in environment.values()
    assert set(environment) <= {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
        "OPENBLAS_NUM_THREADS",
        "LD_LIBRARY_PATH",
    }


def test_the_child_loads_neither_the_state_store_nor_an_index() -> None:
    program = "import sys, indexer.extraction.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT, text=True)
    assert "kreuzberg" in loaded.stdout.split()
    assert {"sqlalchemy", "apsw", "httpx", "pydantic"}.isdisjoint(loaded.stdout.split())


@linux_only
async def test_the_child_may_write_nothing_and_use_only_its_memory() -> None:
    async with KreuzbergExtractor(SETTINGS):
        (child,) = children()
        assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert child.rlimit(psutil.RLIMIT_DATA) == (SETTINGS.max_memory_bytes, SETTINGS.max_memory_bytes)


@linux_only
def test_the_child_dies_with_its_parent_even_while_it_reads(tmp_path: Path) -> None:
    slow_page(tmp_path)
    program = (
        "import asyncio\nfrom pathlib import Path\nfrom indexer.extract import *\n"
        "async def main():\n"
        "    async with KreuzbergExtractor(ExtractionSettings()) as extractor:\n"
        "        print('ready', flush=True)\n"
        f"        await extractor.extract(Path({str(tmp_path / 'slow.html')!r}), mime_type='text/html')\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (child,) = psutil.Process(parent.pid).children()
        time.sleep(0.3)
        os.kill(parent.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([child], timeout=5)
    assert alive == []


async def test_a_child_that_cannot_start_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfigurationError, match="extraction"):
        async with KreuzbergExtractor(SETTINGS):
            pass
    assert children() == []
