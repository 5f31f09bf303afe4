"""One run of a sync, in any mode: lease and heartbeat around it, a report behind it.

What a mode does is in `modes/`. A run that ended early keeps its checkpoint; the next of its mode goes on from there,
and is followed by a run that reads permissions from the beginning. Where it was not, the next complete run of
documents is (full, changes or permissions): what is owed stands in the history. A look that was tried in vain is tried
again an hour after it began.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from indexer.counting import counted
from indexer.heartbeat import first_cause, heartbeat, stopped_on_request
from indexer.judging.guard import NOTHING_MADE_OF_SCORES, ConfiguredRule, hold_guard
from indexer.judging.rejudging import JudgingRooms, Rejudging
from indexer.judging.rules import Handling
from indexer.layers import RetryPolicy
from indexer.modes.changes import sync_changes
from indexer.modes.ending import Ending
from indexer.modes.full import sync_everything
from indexer.modes.permissions import sync_permissions
from indexer.state.judged_rows import JudgedRows
from indexer.state.leases import RunInProgress
from indexer.state.ledger import Ledger
from indexer.state.run_history import COMPLETE, RunReport, RunState
from indexer.state.runs import RunStore
from indexer.state.seals import renew_seal
from indexer.state.tally import Tally
from indexer.walk import PipelineLimits, RemovalBrake, SyncPorts, Walk
from vocabulary.enricher import Enricher
from vocabulary.errors import CheckpointInvalid, RunStopped, SettingInvalid, SightlineError, StateUnavailable
from vocabulary.ports import Connector, IncrementalConnector, SyncMode

# What a day's work deletes stays far below; a vanished site or a lost right is mostly above. Peers use the same share.
DELETE_BRAKE = 0.15

# A look that fails is mostly begun by a run of changes, which come every few minutes: it must not sweep the source each
# time, nor undo that a person stopped it. Chosen, not measured.
_LOOK_AGAIN_S = 3_600.0


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What one run of a source is told."""

    source: str
    public: bool = False  # the index is read without a token and holds only what everyone may read
    toxicity: ConfiguredRule = NOTHING_MADE_OF_SCORES
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
    with an interrupted pass is followed by one that reads from the beginning who may read what; so is the next one, if
    the process died or was stopped in between, unless that was tried within the last hour. Cancelled, the run ends as
    interrupted with what was acknowledged kept, and the cancellation goes on.

    Raises:
        SettingInvalid: the source's connector lacks the mode, or nothing scores the text that it is to hide by scores.
        RunInProgress: another run of the source is alive.
        NumberingMismatch: the index was filled under another state's ACL numbers.
        IndexBusy: the index did not answer before anything was begun. This and the above leave a failed run behind.
        Exception: whatever is not of our error tree, after the run is recorded as failed.
    """
    _require_mode(mode, ports.connector, settings)
    _require_scores(mode, ports.enricher, settings)
    try:
        await settings.policy.call(lambda: ports.backend.adopt(ports.acls.numbering))
        await settings.policy.call(lambda: renew_seal(ports.backend, ledger.engine))
    except SightlineError as error:
        await _record_refusal(mode, ports, settings, runs, error)
        raise

    async def run(mode: SyncMode) -> tuple[RunReport, bool]:
        return await _run(mode, ports, settings, ledger, runs, _nothing_first, on_progress)

    report, is_lost = await _run(mode, ports, settings, ledger, runs, first, on_progress)
    if is_lost and not await _is_stopped(settings, runs, report):
        # Its position is lost: forgotten, so that a second run begins anew; what the first one settled stays.
        report, _ = await run(mode)
    if await _is_look_owed(settings, runs, report) and not await _is_stopped(settings, runs, report):
        # What was met before an interruption may have changed its readers since, behind the back of the pass.
        again, _ = await run(SyncMode.PERMISSIONS if isinstance(ports.connector, IncrementalConnector) else mode)
        return report if again.state in COMPLETE | {RunState.INTERRUPTED} else again
    return report


async def _is_look_owed(settings: SyncSettings, runs: RunStore, ended: RunReport) -> bool:
    """Whether who may read what is to be read from the beginning behind a run, this one or an earlier one."""
    if ended.state not in COMPLETE:
        return False
    tried_before = None if ended.resumed else settings.clock() - _LOOK_AGAIN_S
    return await settings.policy.call(lambda: runs.owes_a_look(ended.source, tried_before=tried_before))


async def _is_stopped(settings: SyncSettings, runs: RunStore, ended: RunReport) -> bool:
    """Whether nothing is to be begun behind the run: somebody may have asked it to stop after it last looked."""
    if not settings.stop.is_set() and await settings.policy.call(lambda: runs.stop_requests.is_asked(ended.id)):
        settings.stop.set()
    return settings.stop.is_set()


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
        guard=hold_guard(ledger, ports.enricher, settings.toxicity),
        stop=settings.stop,
        clock=settings.clock,
    )
    try:
        beating, stopping = heartbeat(runs, ticket, walk.tally), stopped_on_request(runs, ticket, walk.stop)
        async with beating, stopping, counted(walk):
            await first(ticket.run_id)
            await _judge_by_the_present_rule(walk)
            ended = await _carry_out(walk, settings)
    except asyncio.CancelledError:
        with suppress(StateUnavailable):  # the next run, or the next start, finds it dead
            await asyncio.shield(runs.finish(ticket, RunState.INTERRUPTED, walk.tally, "interrupted"))
        raise
    except Exception as error:
        cause = first_cause(error)
        report = await _end_early(walk, cause)
        if not isinstance(cause, SightlineError):
            raise
        return report, isinstance(cause, CheckpointInvalid) and ticket.checkpoint is not None
    return await settings.policy.call(lambda: runs.finish(ticket, ended.state, walk.tally, ended.message)), False


def _require_mode(mode: SyncMode, connector: Connector, settings: SyncSettings) -> None:
    if mode is not SyncMode.FULL and not isinstance(connector, IncrementalConnector):
        message = f"source {settings.source!r}: its connector knows no {mode} sync, only full and identities"
        raise SettingInvalid(message)


def _require_scores(mode: SyncMode, enricher: Enricher, settings: SyncSettings) -> None:
    """Refuse to write text that should be held back by its scores where nothing scores it.

    Raises:
        SettingInvalid: naming the source. A permissions sync writes none, and takes away what the source takes.
    """
    hides = settings.toxicity.handling is Handling.HIDE
    if hides and mode is not SyncMode.PERMISSIONS and not enricher.toxicity_version:
        raise SettingInvalid(
            f'sources.{settings.source}.toxicity: rule = "hide" needs an approved toxicity model of the embedding model'
        )


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


async def _judge_by_the_present_rule(walk: Walk) -> None:
    """Before anything is met: what the settings' rule, or somebody's decision, says of stored documents holds now."""
    rooms = JudgingRooms(walk.ports.backend, walk.ports.enricher, JudgedRows(walk.ledger), walk.guard)
    rejudging = Rejudging(rooms, walk.ticket, walk.tally, policy=walk.policy, stop=walk.stop, clock=walk.clock)
    await rejudging.all()


async def _end_early(walk: Walk, cause: BaseException) -> RunReport:
    """Record a run that did not come to its end."""
    if isinstance(cause, CheckpointInvalid):
        await walk.runs.forget_position(walk.ticket)
    state = RunState.INTERRUPTED if isinstance(cause, RunStopped) else RunState.FAILED
    message = str(cause) or type(cause).__name__
    return await walk.policy.call(lambda: walk.runs.finish(walk.ticket, state, walk.tally, message))
