"""What was asked of a simulated server, so that tests can count requests and see who sent them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_CONTENT_PATH = re.compile(r"/nodes/[^/]+/(renditions/[^/]+/)?content$")


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One answered request; `user` is None where nobody was logged in, `sent_bytes` counts the answer's body.

    `faults` names what went wrong on command; status 0 means that not even the first line was sent.
    """

    method: str
    path: str
    query: str
    user: str | None
    status: int
    sent_bytes: int
    faults: tuple[str, ...] = ()
    took_s: float = field(default=0.0, compare=False)

    @property
    def is_content(self) -> bool:
        """Whether this asked for a document's bytes."""
        return self.method == "GET" and _CONTENT_PATH.search(self.path) is not None


class RequestLog:
    """The requests of one server in the order of their answers."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []
        self.in_flight = 0
        self.most_in_flight = 0  # since the last clear(): how many requests a client had open at once

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: LoggedRequest) -> None:
        self._requests.append(request)

    def clear(self) -> None:
        """Forget all requests, so that a test counts only those that follow."""
        self._requests.clear()
        self.most_in_flight = self.in_flight

    @contextmanager
    def one_more_in_flight(self) -> Iterator[None]:
        """Count a request as being answered."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def content_requests(self) -> list[LoggedRequest]:
        """Return the requests for documents' bytes, whatever their outcome."""
        return [request for request in self if request.is_content]

    def struck(self) -> list[LoggedRequest]:
        """Return the requests that a fault hit."""
        return [request for request in self if request.faults]

    def with_path(self, fragment: str) -> list[LoggedRequest]:
        """Return the requests whose path contains `fragment`."""
        return [request for request in self if fragment in request.path]
