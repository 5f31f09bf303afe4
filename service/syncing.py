"""One source, brought up to date: its people and groups first, then its documents.

People come first, so that whoever may read a new document finds it as soon as it is indexed. A directory that cannot
be read ends the source's sync before its documents: they would be indexed for readers whom nobody knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from acl import IdentityCounts, refresh_identities
from indexer.heartbeat import heartbeat_beside
from indexer.layers import RetryPolicy
from indexer.preview import Preview, preview_sync
from indexer.state.run_history import RunReport, RunState
from indexer.state.tally import Tally
from indexer.sync import SyncSettings, run_sync
from indexer.walk import SyncPorts
from service.settings.settings import Settings
from service.wiring import State, Workshop, open_source
from vocabulary.errors import SightlineError, StateUnavailable
from vocabulary.ports import Connector, IdentitySource, SyncMode


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What whoever starts a sync decides about it."""

    confirm_deletes: bool = False
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    stop: asyncio.Event = field(default_factory=asyncio.Event)  # set: end the run in order at its next page


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What a sync did; a part that was not asked for is None. `error` says why it could not even begin."""

    source: str
    identities: IdentityCounts | None = None
    run: RunReport | None = None
    error: str = ""


async def sync_identities(settings: Settings, state: State, source: str, *, options: SyncOptions) -> SyncOutcome:
    """Bring a source's people and groups up to date. What is stored of a directory that cannot be read stays.

    Raises:
        SightlineError: the source cannot be opened. A run that began is reported instead.
    """
    if not settings.sources[source].crawl_identities:
        return SyncOutcome(source)
    async with open_source(settings, source) as connector:
        return await _identities_run(source, state, connector, options)


async def preview_source(
    settings: Settings, state: State, workshop: Workshop, source: str, *, mode: SyncMode, listed: int
) -> Preview:
    """Say what a sync would do, without writing anything; `listed` documents of each act are named.

    Raises:
        SightlineError: the source cannot be read to its end.
    """
    async with open_source(settings, source) as connector:
        return await preview_sync(
            mode,
            await _ports(settings, state, workshop, source, connector),
            source=source,
            public=settings.is_public(source),
            delete_brake=settings.sources[source].delete_brake,
            ledger=state.ledger,
            runs=state.runs,
            policy=RetryPolicy(),
            now=time.time(),
            listed=listed,
        )


async def sync_source(
    settings: Settings,
    state: State,
    workshop: Workshop,
    source: str,
    *,
    mode: SyncMode,
    options: SyncOptions,
    on_progress: Callable[[Tally], None],
) -> SyncOutcome:
    """Bring a source's people and groups, then its documents as far as the mode goes, up to date.

    People and groups are read as the first part of the run. Where none can begin, they are read by themselves: whom
    the source shuts out must not wait until another run has ended, or an index answers.

    Raises:
        SightlineError: the run could not begin. One that began is reported instead, whatever it failed of.
    """
    configured = settings.sources[source]
    identities: list[IdentityCounts] = []

    async def read_people(run_id: int) -> None:
        if configured.crawl_identities:
            identities.append(await _refresh(source, state, connector, options, run=run_id))

    async with open_source(settings, source) as connector:
        ports = await _ports(settings, state, workshop, source, connector)
        run_settings = SyncSettings(
            source=source,
            public=settings.is_public(source),
            toxicity=configured.toxicity_rule,
            delete_brake=configured.delete_brake,
            confirm_deletes=options.confirm_deletes,
            policy=options.policy,
            stop=options.stop,
        )
        try:
            run = await run_sync(
                mode,
                ports,
                run_settings,
                ledger=state.ledger,
                runs=state.runs,
                first=read_people,
                on_progress=on_progress,
            )
        except SightlineError:
            if configured.crawl_identities and not identities:
                await _identities_run(source, state, connector, options)
            raise
    return SyncOutcome(source, identities=identities[0] if identities else None, run=run)


async def _identities_run(source: str, state: State, directory: IdentitySource, options: SyncOptions) -> SyncOutcome:
    """Read people and groups in a run of their own."""
    run_id = await state.runs.begin_beside(source, SyncMode.IDENTITIES)
    try:
        async with heartbeat_beside(state.runs, run_id):
            counts = await _refresh(source, state, directory, options, run=run_id)
    except asyncio.CancelledError:
        with suppress(StateUnavailable):  # the next run, or the next start, finds it dead
            await asyncio.shield(state.runs.finish_beside(run_id, RunState.INTERRUPTED, "interrupted"))
        raise
    except Exception as error:
        run = await state.runs.finish_beside(run_id, RunState.FAILED, str(error) or type(error).__name__)
        if not isinstance(error, SightlineError):
            raise
        return SyncOutcome(source, run=run)
    how = "changed" if counts.changed else "as before"
    message = f"{counts.people} people, {counts.memberships} memberships, {how}"
    if counts.odd_names:
        message += f"; {counts.odd_names} with names that no store holds as they are"
    run = await state.runs.finish_beside(run_id, RunState.SUCCEEDED, message)
    return SyncOutcome(source, identities=counts, run=run)


async def _ports(settings: Settings, state: State, workshop: Workshop, source: str, connector: Connector) -> SyncPorts:
    index = settings.sources[source].index
    return SyncPorts(
        connector=connector,
        extractor=workshop.extractor,
        enricher=await workshop.search.enricher_of(index),
        backend=workshop.search.backend(index),
        acls=state.acls,
    )


async def _refresh(
    source: str, state: State, directory: IdentitySource, options: SyncOptions, *, run: int
) -> IdentityCounts:
    async def refresh() -> IdentityCounts:
        return await refresh_identities(source, directory, state.identities, confirmed=options.confirm_deletes, run=run)

    return await options.policy.call(refresh)
