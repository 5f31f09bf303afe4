"""Rows to the cluster, as much at a time as it takes.

A request is cut by bytes. Where the cluster cannot keep up (429, too large) the next ones are half as large, and they
grow again while all goes well; rows that were turned away are sent again, the others are not. A row that the cluster
refuses for what it is ends as that row's own outcome.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.faults import BLOCKS, RequestTooLarge, TurnedAway, kind_and_reason, refusal
from vocabulary.errors import IndexBusy

# Of a request. Five to fifteen megabytes is where the makers of the server see bulk requests do best; beyond it a
# request only takes memory there.
_FIRST_BYTES = 4 << 20
_LEAST_BYTES = 128 << 10
_MOST_BYTES = 12 << 20
# An eighth more after each success: by fixed steps, a cluster that takes little was met at its limit every time.
_GROWTH = 8

# Patience with a cluster that turns rows away while it takes others; then the caller's own begins.
_ROUNDS_WITHOUT_PROGRESS = 4
_FIRST_WAIT_S = 0.5
_RETRY_AFTER_S = 5.0

_TURNED_AWAY = frozenset({429, 503})  # a full queue, a shard on its way to another node


class Verdict(StrEnum):
    """How one row ended."""

    DONE = "done"
    CONFLICT = "conflict"  # the index holds a version as new or newer
    REJECTED = "rejected"  # the cluster will not have it as it is


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, with the cluster's own words where it rejects."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One line of action and, unless it deletes, one of content, as they are sent."""

    id: str
    lines: bytes
    deletes: bool = False


def index_row(row_id: str, version: int, body: Mapping[str, Any]) -> Row:
    """Store a document unless the index holds this version of it or a newer one."""
    return Row(row_id, _line({"index": _meta(row_id, version)}) + _line(body))


def delete_row(row_id: str, version: int) -> Row:
    """Delete a document unless the index holds this version of it or a newer one."""
    return Row(row_id, _line({"delete": _meta(row_id, version)}), deletes=True)


class BulkSender:
    """Sends rows to the index behind an alias; remembers how much the cluster takes at once."""

    def __init__(self, connection: Connection, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._connection = connection
        self._sleep = sleep
        self.request_bytes = _FIRST_BYTES

    async def send(self, rows: Sequence[Row]) -> dict[str, Outcome]:
        """Return the outcome of every row, by id; no two rows have the same.

        Raises:
            IndexBusy: the cluster went on turning rows away. Some may have been stored; all may be sent again.
        """
        outcomes: dict[str, Outcome] = {}
        waiting, fruitless = list(rows), 0
        while waiting:
            chunk = _first(waiting, self.request_bytes)
            done = await self._send_chunk(chunk)
            outcomes |= done
            waiting = [row for row in waiting if row.id not in outcomes]
            if len(done) == len(chunk):
                self._grow(chunk)
                continue
            fruitless = 0 if done else fruitless + 1
            await self._pause(fruitless)
        return outcomes

    async def _send_chunk(self, chunk: Sequence[Row]) -> dict[str, Outcome]:
        """Send one request; rows that the cluster could not take now are missing from the answer."""
        try:
            answer = await self._connection.call(
                lambda client: client.bulk(
                    body=b"".join(row.lines for row in chunk),
                    index=self._connection.config.handle,
                    params={"require_alias": "true", "_source": "false"},
                )
            )
        except RequestTooLarge as error:
            return await self._send_halves(chunk, error)
        except TurnedAway:
            return {}
        except IndexBusy:
            self._shrink()  # no answer in time: the next one is to be answered sooner
            raise
        return {
            row.id: outcome for row, item in zip(chunk, answer["items"], strict=True) if (outcome := _outcome(item))
        }

    async def _send_halves(self, chunk: Sequence[Row], error: RequestTooLarge) -> dict[str, Outcome]:
        if len(chunk) == 1:
            return {chunk[0].id: Outcome(Verdict.REJECTED, str(error))}
        self.request_bytes = max(min(self.request_bytes, _size(chunk)) // 2, _LEAST_BYTES)
        middle = len(chunk) // 2
        return await self._send_chunk(chunk[:middle]) | await self._send_chunk(chunk[middle:])

    def _grow(self, chunk: Sequence[Row]) -> None:
        if 2 * _size(chunk) > self.request_bytes:  # a small request proves nothing
            self.request_bytes = min(self.request_bytes + self.request_bytes // _GROWTH, _MOST_BYTES)

    def _shrink(self) -> None:
        self.request_bytes = max(self.request_bytes // 2, _LEAST_BYTES)

    async def _pause(self, fruitless: int) -> None:
        self._shrink()
        if fruitless >= _ROUNDS_WITHOUT_PROGRESS:
            raise TurnedAway("OpenSearch turns writes away, its queues are full", retry_after_s=_RETRY_AFTER_S)
        await self._sleep(_FIRST_WAIT_S * 2**fruitless)


def _first(rows: Sequence[Row], most_bytes: int) -> list[Row]:
    """Return as many rows as fit, at least one."""
    chunk, size = [rows[0]], len(rows[0].lines)
    for row in rows[1:]:
        size += len(row.lines)
        if size > most_bytes:
            break
        chunk.append(row)
    return chunk


def _size(rows: Sequence[Row]) -> int:
    return sum(len(row.lines) for row in rows)


def _outcome(item: Mapping[str, Mapping[str, Any]]) -> Outcome | None:
    """Return how a row ended; None where it may be sent again at once.

    Raises:
        IndexBusy, ConfigurationError: no row of the index can be written now.
    """
    [result] = item.values()
    status = int(result["status"])
    if status == 409:
        return Outcome(Verdict.CONFLICT)
    if "error" not in result:  # 404, too: what was to be deleted is not there
        return Outcome(Verdict.DONE)
    kind, reason = kind_and_reason(result["error"])
    refused = refusal(status, kind, reason)
    if refused is None:
        return Outcome(Verdict.REJECTED, f"{kind}: {reason}")
    if status in _TURNED_AWAY and kind not in BLOCKS:
        return None
    raise refused


def _meta(row_id: str, version: int) -> dict[str, Any]:
    return {"_id": row_id, "version": version, "version_type": "external"}


def _line(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"
