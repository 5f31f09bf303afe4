"""The register of checks: each a function that asks one client about the office and compares what comes back.

A check fails by an AssertionError, or by whatever the client raises over an answer that it cannot read. `only` names
the client of a check that the other one has no call for, or no use of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeAlias

from foreign_client import Connect
from js_client import JsConnect, JsWorker
from office import Office, furnish
from python_client import PythonConnect
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.alfresco.simulator import create_app
from connectors.alfresco.simulator.server import served_app

Kind: TypeAlias = Literal["js", "python"]
CheckFunction: TypeAlias = Callable[[Office, Connect], None]

KINDS: tuple[Kind, ...] = ("js", "python")
_CHECKS: list[Check] = []


def check(*, only: Kind | None = None) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check of the area that its module, `checks_<area>`, is named for."""

    def register(function: CheckFunction) -> CheckFunction:
        area = function.__module__.removeprefix("checks_")
        _CHECKS.extend(Check(area, kind, function) for kind in KINDS if only in {None, kind})
        return function

    return register


def all_checks() -> list[Check]:
    """Return the checks of all areas."""
    for file in sorted(Path(__file__).parent.glob("checks_*.py")):
        import_module(file.stem)
    return _CHECKS


@dataclass(frozen=True)
class Check:
    """One check with one client."""

    area: str
    kind: Kind
    function: CheckFunction

    def __str__(self) -> str:
        return f"{self.area}-{self.function.__name__}-{self.kind}"

    def run(self, stand: Stand) -> None:
        """Ask a newly furnished office."""
        office = furnish()
        stand.show(office)
        with ExitStack() as stack:
            self.function(office, stand.connect(self.kind, stack))
        assert not stand.breakdowns, stand.breakdowns


class Stand:
    """One running server for many checks: a start and an orderly end cost more than a whole check."""

    def __init__(self, worker: JsWorker | None, *, missing: str = "") -> None:
        self._worker = worker
        self.missing = missing  # why there is no worker
        self.base_url = ""
        self.breakdowns: list[Exception] = []  # of the server since it shows this office
        self._simulator: ASGIApp | None = None

    @contextmanager
    def serving(self) -> Iterator[Stand]:
        with served_app(self._answer, name="fidelity") as self.base_url:
            yield self

    def show(self, office: Office) -> None:
        """Serve this office from now on."""
        self.breakdowns.clear()
        self._simulator = create_app(office.world)

    def connect(self, kind: Kind, stack: ExitStack) -> Connect:
        """Return the opener of one client's logins; what it opens is closed with `stack`."""
        if kind == "python":
            return PythonConnect(self.base_url, stack)
        assert self._worker is not None, self.missing
        return JsConnect(self._worker, self.base_url)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._simulator is not None
        try:
            await self._simulator(scope, receive, send)
        except Exception as error:
            self.breakdowns.append(error)
            raise
