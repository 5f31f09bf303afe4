"""An OpenSearch that a test kills and starts again on what it has kept, behind one lasting address."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.opensearch import OpenSearchServer, running_opensearch
from tests.servers.proxy import Proxy, running_proxy

_NO_PORT = 1  # nobody listens there

_LOG_SETTINGS = """
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


class MortalOpenSearch:
    """A server, alive or not, behind a proxy."""

    def __init__(self, folder: Path, proxy: Proxy, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._arguments = ["-confPath", str(written_settings(folder / "conf", settings))]
        self._alive = ExitStack()
        self.proxy = proxy
        self.server = OpenSearchServer(url="")

    def start(self) -> None:
        """Start it on the data of the one before; returns when it answers."""
        self.server = self._alive.enter_context(
            running_opensearch(self._folder, heap="512m", arguments=self._arguments)
        )
        self.proxy.target_port = urlsplit(self.server.url).port or _NO_PORT

    def revive(self) -> None:
        """Start it unless it is alive."""
        if self.proxy.target_port == _NO_PORT:
            self.start()

    def kill(self) -> None:
        """End it as a power cut would: it finishes nothing."""
        assert self.server.pid is not None
        os.killpg(self.server.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        self.proxy.target_port = _NO_PORT
        self._alive.close()


def written_settings(folder: Path, settings: Mapping[str, str]) -> Path:
    """Write a folder of settings for the server's start, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log4j2.properties").write_text(_LOG_SETTINGS, encoding="utf-8")
    lines = [f"{name}: {value}" for name, value in settings.items()]
    (folder / "opensearch.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@contextmanager
def mortal_opensearch(folder: Path, settings: Mapping[str, str]) -> Iterator[MortalOpenSearch]:
    """Start a server with settings of its own, and end it at the end if it is alive."""
    with running_proxy(_NO_PORT) as proxy:
        mortal = MortalOpenSearch(folder, proxy, settings)
        try:
            mortal.start()
            yield mortal
        finally:
            mortal.stop()
