"""One run of a sync, in any mode: lease and heartbeat around it, a report behind it.

What a mode does is in `modes/`. A run that ended early keeps its checkpoint; the next of its mode goes on from there,
and is followed by a run that reads permissions from the beginning.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from indexer.counting import counted
from indexer.layers import RetryPolicy
from indexer.modes.changes import sync_changes
from indexer.modes.ending import Ending
from indexer.modes.full import sync_everything
from indexer.modes.permissions import sync_permissions
from indexer.state.leases import HEARTBEAT_S, LEASE_S, RunInProgress
from indexer.state.ledger import Ledger
from indexer.state.run_history import COMPLETE, RunReport, RunState
from indexer.state.runs import RunStore, RunTicket
from indexer.state.seals import renew_seal
from indexer.state.tally import Tally
from indexer.walk import PipelineLimits, RemovalBrake, SyncPorts, Walk
from vocabulary.errors import CheckpointInvalid, RunStopped, SettingInvalid, SightlineError, StateUnavailable
from vocabulary.ports import Connector, IncrementalConnector, SyncMode

# What a day's work deletes stays far below; a vanished site or a lost right is mostly above. Peers use the same share.
DELETE_BRAKE = 0.15

_STOP_POLL_S = 2.0  # a run asked to stop ends its page first, which takes longer; one look is one row by its key
_RENEWAL_POLL_S = 2.0  # a database server that is started anew answers again within seconds


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What one run of a source is told."""

    source: str
    public: bool = False  # the index is read without a token and holds only what everyone may read
    delete_brake: float = DELETE_BRAKE  # the share of the source's documents that a run deletes unasked
    confirm_deletes: bool = False  # a person has looked: delete whatever the share
    limits: PipelineLimits = field(default_factory=PipelineLimits)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    stop: asyncio.Event = field(default_factory=asyncio.Event)  # set: end in order at the next page
    clock: Callable[[], float] = time.time  # epoch seconds


def _no_progress(tally: Tally) -> None:
    """Show nothing."""


async def _nothing_first(run_id: int) -> None:
    """Begin with the documents."""


async def run_sync(
    mode: SyncMode,
    ports: SyncPorts,
    settings: SyncSettings,
    *,
    ledger: Ledger,
    runs: RunStore,
    first: Callable[[int], Awaitable[None]] = _nothing_first,
    on_progress: Callable[[Tally], None] = _no_progress,
) -> RunReport:
    """Bring the index up to date with the source, as far as the mode goes, and report how every document ended.

    `first` is carried out before any document is met, as a part of the run whose number it is given: where it fails,
    the run has failed.

    Changes of a source that was never walked to its end are all of it: such a run is a full one. A run that went on
    with an interrupted pass is followed by one that reads from the beginning who may read what. Cancelled, the run ends
    as interrupted with what was acknowledged kept, and the cancellation goes on.

    Raises:
        SettingInvalid: the source's connector lacks the mode.
        RunInProgress: another run of the source is alive.
        NumberingMismatch: the index was filled under another state's ACL numbers.
        IndexBusy: the index did not answer before anything was begun. This and the above leave a failed run behind.
        Exception: whatever is not of our error tree, after the run is recorded as failed.
    """
    _require_mode(mode, ports.connector, settings)
    try:
        await settings.policy.call(lambda: ports.backend.adopt(ports.acls.numbering))
        await settings.policy.call(lambda: renew_seal(ports.backend, ledger.engine))
    except SightlineError as error:
        await _record_refusal(mode, ports, settings, runs, error)
        raise

    async def run(mode: SyncMode) -> tuple[RunReport, bool]:
        return await _run(mode, ports, settings, ledger, runs, _nothing_first, on_progress)

    report, is_lost = await _run(mode, ports, settings, ledger, runs, first, on_progress)
    if is_lost:  # its position: forgotten, so that a second run begins anew; what the first one settled stays
        report, _ = await run(mode)
    if report.resumed and report.state in COMPLETE and not settings.stop.is_set():
        # What was met before the interruption may have changed its readers since, behind the back of the pass.
        again, _ = await run(SyncMode.PERMISSIONS if isinstance(ports.connector, IncrementalConnector) else mode)
        return report if again.state in COMPLETE | {RunState.INTERRUPTED} else again
    return report


async def _record_refusal(
    mode: SyncMode, ports: SyncPorts, settings: SyncSettings, runs: RunStore, error: SightlineError
) -> None:
    """Leave a run in the history that tells why nothing was begun, unless another run of the source is alive."""
    with suppress(RunInProgress):
        ticket = await runs.begin(settings.source, mode, index_id=ports.backend.index_id)
        await runs.finish(ticket, RunState.FAILED, Tally(), str(error))


async def _run(  # noqa: PLR0917 - what `run_sync` was given
    mode: SyncMode,
    ports: SyncPorts,
    settings: SyncSettings,
    ledger: Ledger,
    runs: RunStore,
    first: Callable[[int], Awaitable[None]],
    on_progress: Callable[[Tally], None],
) -> tuple[RunReport, bool]:
    """Do one run, and say besides whether it failed only because its saved position was of no use any more."""
    index_id = ports.backend.index_id
    if mode is SyncMode.CHANGES and await runs.changes_position(settings.source, index_id=index_id) is None:
        mode = SyncMode.FULL
    ticket = await runs.begin(settings.source, mode, index_id=index_id)
    walk = Walk(
        ports=ports,
        ledger=ledger,
        runs=runs,
        ticket=ticket,
        public=settings.public,
        limits=settings.limits,
        policy=settings.policy,
        tally=Tally(),
        on_progress=on_progress,
        removals=await _brake(settings, ledger),
        stop=settings.stop,
        clock=settings.clock,
    )
    try:
        async with _heartbeat(runs, ticket, walk.tally), _stopped_on_request(walk), counted(walk):
            await first(ticket.run_id)
            ended = await _carry_out(walk, settings)
    except asyncio.CancelledError:
        await asyncio.shield(runs.finish(ticket, RunState.INTERRUPTED, walk.tally, "interrupted"))
        raise
    except Exception as error:
        cause = _first_cause(error)
        report = await _end_early(walk, cause)
        if not isinstance(cause, SightlineError):
            raise
        return report, isinstance(cause, CheckpointInvalid) and ticket.checkpoint is not None
    return await settings.policy.call(lambda: runs.finish(ticket, ended.state, walk.tally, ended.message)), False


def _require_mode(mode: SyncMode, connector: Connector, settings: SyncSettings) -> None:
    if mode is not SyncMode.FULL and not isinstance(connector, IncrementalConnector):
        message = f"source {settings.source!r}: its connector knows no {mode} sync, only full and identities"
        raise SettingInvalid(message)


async def _brake(settings: SyncSettings, ledger: Ledger) -> RemovalBrake:
    if settings.confirm_deletes:
        return RemovalBrake(left=None)
    return RemovalBrake(left=math.floor(settings.delete_brake * await ledger.count(settings.source)))


async def _carry_out(walk: Walk, settings: SyncSettings) -> Ending:
    connector = walk.ports.connector
    if isinstance(connector, IncrementalConnector):
        match walk.ticket.mode:
            case SyncMode.CHANGES:
                return await sync_changes(walk, connector)
            case SyncMode.PERMISSIONS:
                return await sync_permissions(walk, connector)
    return await sync_everything(walk, brake=settings.delete_brake, confirmed=settings.confirm_deletes)


async def _end_early(walk: Walk, cause: BaseException) -> RunReport:
    """Record a run that did not come to its end."""
    if isinstance(cause, CheckpointInvalid):
        await walk.runs.forget_position(walk.ticket)
    state = RunState.INTERRUPTED if isinstance(cause, RunStopped) else RunState.FAILED
    message = str(cause) or type(cause).__name__
    return await walk.policy.call(lambda: walk.runs.finish(walk.ticket, state, walk.tally, message))


@asynccontextmanager
async def _heartbeat(runs: RunStore, ticket: RunTicket, tally: Tally) -> AsyncIterator[None]:
    """Renew the lease while the body runs; a lease that is lost, or cannot be renewed before it ends, ends the body."""
    body = asyncio.current_task()
    lost: list[Exception] = []

    async def beat() -> None:
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await _renew(runs, ticket, tally, until=renewed_at + LEASE_S)
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
async def _stopped_on_request(walk: Walk) -> AsyncIterator[None]:
    """Stop the walk in order once somebody asks for it in the state store, from whatever process."""

    async def watch() -> None:
        while not walk.stop.is_set():
            await asyncio.sleep(_STOP_POLL_S)
            with suppress(StateUnavailable):  # the heartbeat knows how long that may last
                if await walk.runs.stop_requests.is_asked(walk.ticket.run_id):
                    walk.stop.set()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _renew(runs: RunStore, ticket: RunTicket, tally: Tally, *, until: float) -> None:
    """Renew the lease, and go on trying while the state store does not answer and the lease lasts (monotonic clock)."""
    while True:
        try:
            return await runs.heartbeat(ticket, tally)
        except StateUnavailable:
            if time.monotonic() + _RENEWAL_POLL_S > until:
                raise
        await asyncio.sleep(_RENEWAL_POLL_S)


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
