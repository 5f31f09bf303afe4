"""What was asked of a simulated server, so that tests can count requests and see who sent them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CONTENT_PATH = re.compile(r"/nodes/[^/]+/content$")


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One answered request; `user` is None where nobody was logged in, `sent_bytes` counts the answer's body."""

    method: str
    path: str
    query: str
    user: str | None
    status: int
    sent_bytes: int

    @property
    def is_content(self) -> bool:
        """Whether this asked for a document's bytes."""
        return self.method == "GET" and _CONTENT_PATH.search(self.path) is not None


class RequestLog:
    """The requests of one server in the order of their answers."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: LoggedRequest) -> None:
        self._requests.append(request)

    def clear(self) -> None:
        """Forget all requests, so that a test counts only those that follow."""
        self._requests.clear()

    def content_requests(self) -> list[LoggedRequest]:
        """Return the requests for documents' bytes, whatever their outcome."""
        return [request for request in self if request.is_content]

    def with_path(self, fragment: str) -> list[LoggedRequest]:
        """Return the requests whose path contains `fragment`."""
        return [request for request in self if fragment in request.path]
