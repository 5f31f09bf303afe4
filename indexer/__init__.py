"""Documents to searchable passages to hits.

In come a connector's changes, an extractor and an enricher as ports, and queries with an access filter; out go index
rows, counted document states, run reports and permitted hits. The room never searches without a filter, never takes
an aborted crawl for deletions, and acknowledges nothing before the index has it.
"""

from indexer.ledger import Ledger
from indexer.runs import RunDocument, RunInProgress, RunReport, RunState, RunStore, Tally
from indexer.sync import SyncSettings, run_full_sync
from indexer.tables import create_tables
from indexer.walk import PipelineLimits, SyncPorts

__all__ = [
    "Ledger",
    "PipelineLimits",
    "RunDocument",
    "RunInProgress",
    "RunReport",
    "RunState",
    "RunStore",
    "SyncPorts",
    "SyncSettings",
    "Tally",
    "create_tables",
    "run_full_sync",
]
