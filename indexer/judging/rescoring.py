"""A run of mode `rescore`: what is said of the toxicity of a source's stored text, brought to the present model.

Nothing is asked of the source, so it runs while that is away; queries go on, and other runs of the source wait, as for
any run. Asked to stop it ends at its next page, and the next one goes on with what is left: the ledger tells.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from indexer.heartbeat import first_cause, heartbeat, stopped_on_request
from indexer.judging.guard import ConfiguredRule, hold_guard
from indexer.judging.rejudging import JudgingRooms, Rejudging
from indexer.layers import RetryPolicy
from indexer.modes.ending import ending
from indexer.state.judged_rows import JudgedRows
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunReport, RunState
from indexer.state.runs import RunStore, RunTicket
from indexer.state.seals import renew_seal
from indexer.state.tally import Tally
from vocabulary.enricher import Enricher
from vocabulary.errors import RunStopped, SettingInvalid, SightlineError, StateUnavailable
from vocabulary.ports import SearchBackend, SyncMode


@dataclass(frozen=True, slots=True)
class RescoringSettings:
    """What one run is told. `only`: judge these documents by what is stored of them, and score nothing."""

    source: str
    numbering: str  # of the ACLs
    rule: ConfiguredRule
    only: Sequence[str] | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    stop: asyncio.Event = field(default_factory=asyncio.Event)  # set: end in order at the next page
    clock: Callable[[], float] = time.time  # epoch seconds


async def run_rescoring(
    settings: RescoringSettings,
    backend: SearchBackend,
    enricher: Enricher,
    *,
    ledger: Ledger,
    runs: RunStore,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> RunReport:
    """Score what another model scored, judge it by the source's rule, and report how every document ended.

    Raises:
        SettingInvalid: nothing scores toxicity with the model of this index.
        RunInProgress: another run of the source is alive.
        NumberingMismatch, IndexBusy: the index cannot be written; nothing was begun.
        Exception: whatever is not of our error tree, after the run is recorded as failed.
    """
    source = settings.source
    if settings.only is None and not enricher.toxicity_version:
        raise SettingInvalid(f"source {source!r}: no approved model scores toxicity for the vectors of its index")
    await settings.policy.call(lambda: backend.adopt(settings.numbering))
    await settings.policy.call(lambda: renew_seal(backend, ledger.engine))
    ticket = await runs.begin(source, SyncMode.RESCORE, index_id=backend.index_id)
    tally = Tally()
    rooms = JudgingRooms(backend, enricher, JudgedRows(ledger), hold_guard(ledger, enricher, settings.rule))
    rejudging = Rejudging(
        rooms,
        ticket,
        tally,
        policy=settings.policy,
        stop=settings.stop,
        clock=settings.clock,
        rescores=settings.only is None,
        counts=True,
        on_progress=on_progress,
    )
    try:
        async with heartbeat(runs, ticket, tally), stopped_on_request(runs, ticket, settings.stop):
            await (rejudging.all() if settings.only is None else rejudging.these(settings.only))
    except asyncio.CancelledError:
        with suppress(StateUnavailable):  # the next run, or the next start, finds it dead
            await asyncio.shield(runs.finish(ticket, RunState.INTERRUPTED, tally, "interrupted"))
        raise
    except Exception as error:
        report = await _ended_early(runs, ticket, tally, first_cause(error))
        if not isinstance(first_cause(error), SightlineError):
            raise
        return report
    ended = ending(tally)
    return await settings.policy.call(lambda: runs.finish(ticket, ended.state, tally, ended.message))


async def _ended_early(runs: RunStore, ticket: RunTicket, tally: Tally, cause: BaseException) -> RunReport:
    state = RunState.INTERRUPTED if isinstance(cause, RunStopped) else RunState.FAILED
    return await runs.finish(ticket, state, tally, str(cause) or type(cause).__name__)
