"""The way of a document into the index: crawl → extract → enrich → index, with a bounded channel between each two.

    crawl     meets documents page by page, numbers their ACLs, and asks the ledger what each one needs
    extract   reads the content of those that need it, and cuts text and comments into passages
    enrich    gives passages their vectors and toxicity, many documents at a time; known texts keep theirs
    index     writes to the index, then to the ledger, then moves the checkpoint

Invariants: every change that is crawled is settled exactly once; a ledger row and a checkpoint are written only after
the index has acknowledged what they say; nothing here deletes by absence (that is `sync.py`, after a complete walk).
"""

from __future__ import annotations

import asyncio

from indexer.channel import Channel
from indexer.layers import ChangeStream
from indexer.stages.crawl import CrawlStage
from indexer.stages.enrich import EnrichStage
from indexer.stages.extract import ExtractStage
from indexer.stages.index import IndexStage
from indexer.walk import Walk
from indexer.work import Prepared, Settlement, Task
from vocabulary.documents import Checkpoint


async def run_walk(walk: Walk, stream: ChangeStream, *, start: Checkpoint | None) -> None:
    """Read a connector's stream to its end and settle everything that was met.

    Raises:
        RunStopped: somebody asked for an orderly end; what was crawled before that is settled.
        SightlineError: the crawl ended early; what was crawled before that is settled all the same.
        ExceptionGroup: a later stage failed; what was not acknowledged is crawled again by the next run.
    """
    items, weight = walk.limits.queued_items, walk.limits.queued_bytes
    tasks: Channel[Task] = Channel(max_items=items, max_weight=weight)
    prepared: Channel[Prepared] = Channel(max_items=items, max_weight=weight)
    settlements: Channel[Settlement] = Channel(max_items=items, max_weight=weight)
    async with asyncio.TaskGroup() as stages:
        crawl = stages.create_task(CrawlStage(walk, tasks, settlements).run(stream, start))
        stages.create_task(ExtractStage(walk, tasks, prepared).run())
        stages.create_task(EnrichStage(walk, prepared, settlements).run())
        stages.create_task(IndexStage(walk, settlements).run())
    interruption = crawl.result()
    if interruption is not None:
        raise interruption
