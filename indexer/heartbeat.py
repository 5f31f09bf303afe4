"""The lease of a run kept alive while the run is at work, and the run ended where that does not succeed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from indexer.state.leases import HEARTBEAT_S, LEASE_S
from indexer.state.runs import RunStore, RunTicket
from indexer.state.tally import Tally
from vocabulary.errors import StateUnavailable

_STOP_POLL_S = 2.0  # a run asked to stop ends its page first, which takes longer; one look is one row by its key
_RENEWAL_POLL_S = 2.0  # a database server that is started anew answers again within seconds


def heartbeat(runs: RunStore, ticket: RunTicket, tally: Tally) -> AbstractAsyncContextManager[None]:
    """Renew a source's lease while the body runs, and publish the tally so far."""
    return _beating(lambda: runs.heartbeat(ticket, tally))


def heartbeat_beside(runs: RunStore, run_id: int) -> AbstractAsyncContextManager[None]:
    """Say, while the body runs, that the process of a run that touches no document is alive."""
    return _beating(lambda: runs.heartbeat_beside(run_id))


@asynccontextmanager
async def _beating(renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Renew a lease while the body runs; one that is lost, or cannot be renewed before it ends, ends the body."""
    body = asyncio.current_task()
    lost: list[Exception] = []

    async def beat() -> None:
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await _renewed(renew, until=renewed_at + LEASE_S)
                renewed_at = time.monotonic()
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody keeps another run away any more
                lost.append(error)
                if body is not None:
                    body.cancel()
                return

    beating = asyncio.create_task(beat())
    try:
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})  # to await the task itself would take a cancellation of the body for its own
    except asyncio.CancelledError:
        if not lost:
            raise
        if body is not None:
            body.uncancel()
        raise lost[0] from None


@asynccontextmanager
async def stopped_on_request(runs: RunStore, ticket: RunTicket, stop: asyncio.Event) -> AsyncIterator[None]:
    """Set the event once somebody asks for the run's end in the state store, from whatever process."""

    async def watch() -> None:
        while not stop.is_set():
            await asyncio.sleep(_STOP_POLL_S)
            with suppress(StateUnavailable):  # the heartbeat knows how long that may last
                if await runs.stop_requests.is_asked(ticket.run_id):
                    stop.set()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _renewed(renew: Callable[[], Awaitable[None]], *, until: float) -> None:
    """Renew the lease, and go on trying while the state store does not answer and the lease lasts (monotonic clock)."""
    while True:
        try:
            return await renew()
        except StateUnavailable:
            if time.monotonic() + _RENEWAL_POLL_S > until:
                raise
        await asyncio.sleep(_RENEWAL_POLL_S)


def first_cause(error: BaseException) -> BaseException:
    """Return what the first task of a group failed of."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
