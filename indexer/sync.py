"""One run of a full sync: lease, stock, walk, tombstones, report.

A full sync walks everything in scope; what a COMPLETE walk did not meet is deleted. A walk that ended early deletes
nothing, keeps its checkpoint, and is resumed by the next run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from indexer.layers import RetryPolicy
from indexer.ledger import Ledger
from indexer.pipeline import run_walk
from indexer.runs import HEARTBEAT_S, RunReport, RunState, RunStore, RunTicket, Tally
from indexer.stocktaking import take_stock
from indexer.tombstones import Deletions, delete_unmet
from indexer.walk import PipelineLimits, SyncPorts, Walk
from vocabulary.documents import DocumentState
from vocabulary.errors import CheckpointInvalid, SightlineError

# What a day's work deletes stays far below; a vanished site or a lost right is mostly above. Peers use the same share.
DELETE_BRAKE = 0.15


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What one run of a source is told."""

    source: str
    public: bool = False  # the index is read without a token and holds only what everyone may read
    delete_brake: float = DELETE_BRAKE  # the share of the source's documents that a run deletes unasked
    confirm_deletes: bool = False  # a person has looked: delete whatever the share
    limits: PipelineLimits = field(default_factory=PipelineLimits)
    policy: RetryPolicy = field(default_factory=RetryPolicy)


def _no_progress(tally: Tally) -> None:
    """Show nothing."""


async def run_full_sync(
    ports: SyncPorts,
    settings: SyncSettings,
    *,
    ledger: Ledger,
    runs: RunStore,
    on_progress: Callable[[Tally], None] = _no_progress,
) -> RunReport:
    """Bring the index up to date with the source and report how every document ended.

    Cancelled, the run ends as interrupted with what was acknowledged kept, and the cancellation goes on.

    Raises:
        RunInProgress: another run of the source is alive.
        NumberingMismatch: the index was filled under another state's ACL numbers.
        Exception: whatever is not of our error tree, after the run is recorded as failed.
    """
    await ports.backend.adopt(ports.acls.numbering)
    ticket = await runs.begin(settings.source, "full", index_id=ports.backend.index_id)
    walk = Walk(
        ports=ports,
        ledger=ledger,
        ticket=ticket,
        public=settings.public,
        limits=settings.limits,
        policy=settings.policy,
        tally=Tally(),
        on_progress=on_progress,
    )
    try:
        async with _heartbeat(runs, ticket, walk.tally):
            state, message = await _walk_and_delete(walk, settings)
    except asyncio.CancelledError:
        await asyncio.shield(runs.finish(ticket, RunState.INTERRUPTED, walk.tally, "interrupted"))
        raise
    except Exception as error:
        cause = _first_cause(error)
        if isinstance(cause, CheckpointInvalid):
            await runs.forget_walk(ticket)
        report = await runs.finish(ticket, RunState.FAILED, walk.tally, str(cause) or type(cause).__name__)
        if not isinstance(cause, SightlineError):
            raise
        return report
    return await runs.finish(ticket, state, walk.tally, message)


async def _walk_and_delete(walk: Walk, settings: SyncSettings) -> tuple[RunState, str]:
    if walk.ticket.checkpoint is None:
        await take_stock(walk)
    await run_walk(walk)
    deletions = await delete_unmet(walk, brake=settings.delete_brake, confirmed=settings.confirm_deletes)
    state, message = _verdict(walk.tally, deletions)
    # Before a resumption, the walk may have met what left its folder since: such a walk cannot tell who may see it.
    if state is not RunState.FAILED and walk.ticket.checkpoint is None:
        await walk.ports.acls.grant(settings.source)
    return state, message


def _verdict(tally: Tally, deletions: Deletions) -> tuple[RunState, str]:
    """How a complete walk ended."""
    discrepancy = tally.check()
    if discrepancy:
        return RunState.FAILED, discrepancy
    if deletions.braked:
        return RunState.BRAKED, deletions.message
    if tally.states[DocumentState.FAILED]:
        return RunState.INCOMPLETE, f"{tally.states[DocumentState.FAILED]} documents failed"
    return RunState.SUCCEEDED, ""


@asynccontextmanager
async def _heartbeat(runs: RunStore, ticket: RunTicket, tally: Tally) -> AsyncIterator[None]:
    """Renew the lease while the body runs; a lease that is lost, or cannot be renewed, ends the body."""
    body = asyncio.current_task()
    lost: list[Exception] = []

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await runs.heartbeat(ticket, tally)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody keeps another run away any more
                lost.append(error)
                if body is not None:
                    body.cancel()
                return

    beating = asyncio.create_task(beat())
    try:
        yield
    except asyncio.CancelledError:
        if not lost:
            raise
        if body is not None:
            body.uncancel()
        raise lost[0] from None
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
