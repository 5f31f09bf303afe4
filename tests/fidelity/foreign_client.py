"""What the checks see of a client that was written by others: calls by operation, plain values, refusals.

Both clients name their calls after the operations of the OpenAPI files, so one call reads the same for both:
`client.call("nodes.listNodeChildren", folder.id, maxItems=5)`. A value is what the client made of the answer, as
dictionaries and lists with the field names of the wire; moments are `datetime`, content is `bytes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

_LOG_NUMBER = re.compile(r"(0\d|1[01])([012]\d|3[01])\d{4,} ")


class Refused(Exception):
    """The server refused a call, and the client said so."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text

    @property
    def key(self) -> str:
        return str(self._error()["errorKey"])

    @property
    def summary(self) -> str:
        """The summary without its log number."""
        summary = str(self._error()["briefSummary"])
        number = _LOG_NUMBER.match(summary)
        assert number is not None, f"a summary without log number: {summary!r}"
        return summary[number.end() :]

    def _error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.text)["error"]
        return error


class ForeignClient(Protocol):
    """One login of one client."""

    def call(self, operation: str, *ids: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """Call `area.operationId`; `ids` are the parameters in the path, in their order.

        Raises:
            Refused: the answer was an error.
        """


class Connect(Protocol):
    """Opens logins of one client at one server."""

    kind: str

    def basic(self, user: str, password: str | None = None) -> ForeignClient:
        """Log in with every call; the password is the user's name unless given."""

    def ticket(self, ticket: str) -> ForeignClient:
        """Show a ticket with every call."""

    def bearer(self, token: str) -> ForeignClient:
        """Show an access token with every call."""

    def nobody(self) -> ForeignClient:
        """Send no credentials."""


@contextmanager
def refused(status: int, key: str | None = None, summary: str | None = None) -> Iterator[None]:
    """Expect the call inside to be refused in these words."""
    try:
        yield
    except Refused as refusal:
        assert refusal.status == status, str(refusal)
        assert key is None or refusal.key == key, str(refusal)
        assert summary is None or refusal.summary == summary, str(refusal)
    else:
        raise AssertionError(f"not refused; {status} expected")


def not_found(entity_id: str) -> Any:
    """Expect the refusal of an entity that does not exist, or that the caller must not know of."""
    return refused(404, "framework.exception.EntityNotFound", f"The entity with id: {entity_id} was not found")


def denied() -> Any:
    """Expect the refusal of something that exists and is not the caller's."""
    return refused(403, "framework.exception.PermissionDenied", "Permission was denied")


def invalid(summary: str | None = None) -> Any:
    """Expect the refusal of a request that makes no sense."""
    return refused(400, summary=summary)


def entries(listing: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["entry"] for one in listing["list"]["entries"]]


def ids(listing: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in entries(listing)]


def names(listing: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in entries(listing)]
