"""One source's stored text scored by the present model, or single documents judged again: runs without the source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from indexer.judging.rescoring import RescoringSettings, run_rescoring
from indexer.state.run_history import RunReport
from indexer.state.tally import Tally
from service.search import SearchService
from service.settings.settings import Settings
from service.wiring import State


async def rescore_source(
    settings: Settings,
    state: State,
    service: SearchService,
    source: str,
    *,
    only: Sequence[str] | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> RunReport:
    """Score what another model scored, and judge it; with `only`, judge these documents by what is stored of them.

    Raises:
        SettingInvalid: nothing scores toxicity with the model of this index.
        RunInProgress: another run of the source is alive.
        SightlineError: the run could not begin. One that began is reported instead, whatever it failed of.
    """
    configured = settings.sources[source]
    index = service.index(configured.index)
    told = RescoringSettings(
        source,
        state.acls.numbering,
        configured.toxicity_rule,
        only=only,
        stop=stop or asyncio.Event(),
    )
    enricher = await service.enricher_of(index)
    return await run_rescoring(
        told, index.backend, enricher, ledger=state.ledger, runs=state.runs, on_progress=on_progress
    )
