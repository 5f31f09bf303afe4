"""Programs that stay, as processes of their own: started, read, and told to stop by signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PROGRAM = [sys.executable, "-c", "from service.cli import main; main()"]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(?=/ )")
EXIT_TIMEOUT_S = 60  # generous: shared machines are slow, and nothing waits this long when all is well


@contextmanager
def running(arguments: list[str], announced_by: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start a program and read what it prints up to the line that announces its address."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    try:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if announced_by in line:
                break
        yield process, printed
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    rest, _ = process.communicate(timeout=EXIT_TIMEOUT_S)
    return process.returncode, rest


def address_in(printed: list[str]) -> str:
    found = ADDRESS.search(printed[-1])
    assert found is not None, printed
    return found.group()
