"""A real OpenSearch with its k-NN plugin, in a process of its own.

`python -m tests.servers.opensearch` keeps one running and prints its address; tests use it when that address is in the
environment variable `SIGHTLINE_TEST_OPENSEARCH_URL`, and start their own otherwise. With a command behind it, the
server runs as long as the command, which finds the address in its environment: so the processes of a test run share it.

`python -m tests.servers.opensearch --folder DIR --heap 6g` is for measurements: what it holds stays in the folder, from
which it can be started again, and Java takes the time to compile it well.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.servers.java import ServerMissing, java_home
from tests.servers.opensearch_jars import opensearch_jars
from tests.servers.process import port_is_free, running_process

URL_VARIABLE = "SIGHTLINE_TEST_OPENSEARCH_URL"

_JAVA = 21  # the least that this version starts on
_RUNNER = "org.codelibs.opensearch.runner.OpenSearchRunner"
KNN_PLUGIN = "org.opensearch.knn.plugin.KNNPlugin"
# The runner listens on the first free port above its base, and ends without a word when the base is 9299 or more.
_BASE_PORTS = range(9_201, 9_290)
_PORTS_ABOVE_BASE = 8
# A short life does not repay the better compiler.
_OF_SHORT_LIFE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# With this module, which OpenSearch's own start script adds, Lucene compares vectors some numbers at a time.
_SIMD = "jdk.incubator.vector"
_START_S = 300  # a quiet machine of two cores needs 10 s; one that runs other things beside it took 60 s
_REQUEST_S = 30.0


@dataclass
class OpenSearchServer:
    """A running server: plain HTTP on the loopback interface."""

    url: str
    log: Path | None = None  # None: started by somebody else
    pid: int | None = None
    _names: set[str] = field(default_factory=set)

    def new_alias(self) -> str:
        """Return a name for an index that no other test uses; `drop` removes what was made under it."""
        alias = f"test-{uuid.uuid4().hex[:12]}"
        self._names.add(alias)
        return alias

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the server directly, as an operator would."""
        with httpx.Client(base_url=self.url, timeout=_REQUEST_S, trust_env=False) as http:
            return http.request(method, path, json=body).raise_for_status()

    def drop(self, alias: str) -> None:
        """Remove every index of an alias, whatever the alias leads to."""
        self.call("DELETE", f"/{alias}-*?expand_wildcards=all&ignore_unavailable=true")
        self._names.discard(alias)

    def drop_all(self) -> None:
        for alias in sorted(self._names):
            self.drop(alias)


@contextmanager
def running_opensearch(
    folder: Path, *, heap: str = "1g", nodes: int = 1, arguments: Sequence[str] = (), is_measured: bool = False
) -> Iterator[OpenSearchServer]:
    """Serve an OpenSearch that keeps its data in `folder`, where its log, `opensearch.log`, stays.

    A folder that an earlier one left is taken over: killed and started again, it has what it had acknowledged.
    `is_measured`: Java compiles it as it would in production.

    Raises:
        ServerMissing: no Java, no Maven, or no network to fetch it.
        RuntimeError: it did not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cluster = f"sightline-{uuid.uuid4().hex[:8]}"
    base = free_base_port()
    server = OpenSearchServer(url="", log=folder / "opensearch.log")

    def is_ready() -> bool:
        server.url = _address(cluster, base) or server.url
        return bool(server.url)

    command = [
        *runner(heap, is_measured=is_measured),
        "-basePath",
        str(folder / "data"),
        "-numOfNode",
        str(nodes),
        "-baseHttpPort",
        str(base),
        "-clusterName",
        cluster,
        "-pluginTypes",
        KNN_PLUGIN,
        *arguments,
    ]
    log = folder / "opensearch.log"
    with running_process(command, environment={}, log=log, is_ready=is_ready, within_s=_START_S) as process:
        server.pid = process.pid
        yield server


def runner(heap: str, *others: Path, is_measured: bool = False) -> list[str]:
    """Return the command that starts a server, without its options; `others` are folders with more jars."""
    jars = ":".join(f"{folder}/*" for folder in (opensearch_jars(), *others))
    home = java_home(at_least=_JAVA)
    kind = _for_measurements(home) if is_measured else _OF_SHORT_LIFE
    words = "-Djava.locale.providers=CLDR,SPI"  # what Java itself does not know, ICU does
    return [str(home / "bin" / "java"), f"-Xms{heap}", f"-Xmx{heap}", *kind, words, "-cp", jars, _RUNNER]


def _for_measurements(java: Path) -> Sequence[str]:
    has_simd = _SIMD in (java / "release").read_text(encoding="utf-8")
    return ("-XX:+UseG1GC", *(("--add-modules", _SIMD) if has_simd else ()))


def free_base_port() -> int:
    """Return a port above which the runner finds a free one."""
    candidates = list(_BASE_PORTS)
    random.shuffle(candidates)
    for base in candidates:
        if port_is_free(base + 1):
            return base
    raise RuntimeError("no free port for OpenSearch")


def ports_above(base: int) -> range:
    """Return the ports of which the runner takes the first free one."""
    return range(base + 1, base + 1 + _PORTS_ABOVE_BASE)


def _address(cluster: str, base: int) -> str | None:
    """Find the server among those that listen above the base port: another may have been faster to take the first."""
    for port in ports_above(base):
        url = f"http://127.0.0.1:{port}"
        try:
            told = httpx.get(f"{url}/_cluster/health", timeout=_REQUEST_S, trust_env=False)
        except httpx.HTTPError:
            continue
        if told.is_success and told.json()["cluster_name"] == cluster and told.json()["status"] != "red":
            return url
    return None


def main() -> None:
    """Keep a server running until the program is stopped, or as long as a command runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep the data here; otherwise it is gone at the end")
    parser.add_argument("--heap", default="1g", help="of Java")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run beside the server")
    arguments = parser.parse_args()
    if arguments.command:
        sys.exit(run_beside(arguments.command))
    keep_running(arguments.folder, heap=arguments.heap)


def keep_running(folder: Path | None, *, heap: str) -> None:
    """Serve until the process is asked to end; a server with a folder of its own is one for measurements."""
    stopped = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    with ExitStack() as opened:
        place = folder or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="opensearch-")))
        measured = folder is not None
        server = opened.enter_context(running_opensearch(place, heap=heap, is_measured=measured))
        print(f"export {URL_VARIABLE}={server.url}", flush=True)  # noqa: T201 - what this program is for
        stopped.wait()


def run_beside(command: Sequence[str]) -> int:
    """Run a command beside a server, and return its exit code; where there can be no server, the tests say why."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if started_elsewhere() is not None:
        return subprocess.run(command, check=False).returncode
    try:
        with tempfile.TemporaryDirectory(prefix="opensearch-") as folder, running_opensearch(Path(folder)) as server:
            return subprocess.run(command, env=os.environ | {URL_VARIABLE: server.url}, check=False).returncode
    except ServerMissing:
        return subprocess.run(command, check=False).returncode


def started_elsewhere() -> OpenSearchServer | None:
    """Return the server that somebody keeps running for the tests."""
    url = os.environ.get(URL_VARIABLE)
    return OpenSearchServer(url=url.rstrip("/")) if url else None


if __name__ == "__main__":
    main()
