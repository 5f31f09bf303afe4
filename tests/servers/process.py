"""A server of another make as a child process: free ports, its log in a file, gone with all its children at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.5
_FAREWELL_S = 20.0  # for an orderly end; then it is killed
_TOLD_LINES = 30  # of the log, in the message of a start that failed


def free_port() -> int:
    """Return a port of the loopback interface on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Say whether nobody listens on a port of the loopback interface now."""
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def running_process(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    is_ready: Callable[[], bool],
    within_s: float,
    user: str | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the time of the context, from when it is ready; `user`: as somebody else, which root may.

    Raises:
        RuntimeError: it ended or was not ready in time; the message has the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own, which is ended as one
            user=user,
        )
    try:
        _wait(process, is_ready, log, within_s)
        yield process
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not is_ready():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}; {_told(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the server was not ready within {within_s:.0f} s; {_told(log)}")
        time.sleep(_POLL_S)


def _told(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TOLD_LINES:]
    return "\n".join([f"its log is {log}, which ends with:", *lines])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group, first by asking: what the first process has started may outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_FAREWELL_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
