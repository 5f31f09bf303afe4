"""Which requests a fault hits: by method, path, query, order and chance.

Requests are counted for each rule on its own, those that match its method, path and query. Chance comes from a seeded
source, so that a failing test can be repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.alfresco.simulator.faults.kinds import Fault, delay


@dataclass(kw_only=True)
class Rule:
    """A fault and the requests that it hits; `matched` and `hits` count what came and what was hit so far."""

    fault: Fault
    method: str | None
    path: re.Pattern[str]
    query: re.Pattern[str]
    first: int
    last: int | None
    probability: float
    matched: int = 0
    hits: int = 0

    def takes(self, scope: Scope, rng: Random) -> bool:
        """Count a request and return whether it is hit."""
        if self.method not in {None, scope["method"]} or not self.path.search(scope["path"]):
            return False
        if not self.query.search(scope["query_string"].decode("latin-1")):
            return False
        self.matched += 1
        in_turn = self.first <= self.matched and (self.last is None or self.matched <= self.last)
        is_hit = in_turn and (self.probability >= 1 or rng.random() < self.probability)
        self.hits += is_hit
        return is_hit


@dataclass
class Faults:
    """The faults of one server; none, until some are added."""

    seed: int = 0
    latency_s: float = 0.0  # what every answer takes longer, without holding up any other
    rules: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = Random(self.seed)  # noqa: S311 - reproducible, not secret

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str = "",
        query: str = "",
        first: int = 1,
        last: int | None = None,
        times: int | None = None,
        probability: float = 1.0,
    ) -> Rule:
        """Add a rule; where several hit one request, the one added first is the outermost.

        `path` and `query` are regular expressions searched for, the query as it is sent. Of the matching requests
        those from the `first` to the `last` are hit, counted from 1, or from the first as many as `times` says, and
        each with the given probability.
        """
        if times is not None:
            last = first + times - 1
        rule = Rule(
            fault=fault,
            method=method,
            path=re.compile(path),
            query=re.compile(query),
            first=first,
            last=last,
            probability=probability,
        )
        self.rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        self.rules.remove(rule)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.rules.clear()
        self.latency_s = 0.0

    def strike(self, app: ASGIApp, scope: Scope) -> tuple[ASGIApp, tuple[str, ...]]:
        """Return the application as the faults that hit this request leave it, and their names."""
        hit = [rule.fault for rule in list(self.rules) if rule.takes(scope, self._rng)]
        for fault in reversed(hit):
            app = _Struck(fault, app)
        if self.latency_s:
            app = _Struck(delay(self.latency_s), app)
        return app, tuple(fault.name for fault in hit)


class _Struck:
    """An application behind one fault."""

    def __init__(self, fault: Fault, app: ASGIApp) -> None:
        self._fault = fault
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._fault.apply(self._app, scope, receive, send)
