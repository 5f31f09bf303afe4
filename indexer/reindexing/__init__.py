"""Indexes that are built anew, or moved to another engine, while they answer and are written.

    places.py          where an index is, and where its copy: one row of the state store, which every process follows
    followed_writes.py what was written to an index and not yet to its copy
    live_index.py      the index as queries and syncs see it: always at its present place
    copier.py          rows to the copy: all of them once, then what is written meanwhile
    comparison.py      whether the copy holds the same and answers alike
    switching.py       the moment in which the copy takes the index's place
    reindexing.py      building, going back, dropping

A copy is written by one process only, the copier, and always with what the index itself holds at that moment. So no
late write can win, a copy that is slow or down holds up nobody, and a process that dies leaves nothing half done: what
it was writing is on the list, or its ledger rows are in doubt.

The copy goes by the index's own name (`index_id`), so that the ledger speaks of both; it bears a seal that counts only
from the moment of the switch on. Whatever is put back from a backup, or was left behind, bears none that is known:
all of it is hidden until it has been read again (`indexer/state/seals.py`).
"""

from indexer.reindexing.comparison import AnswersCompared
from indexer.reindexing.followed_writes import FollowedWrites
from indexer.reindexing.live_index import LiveIndex, OpenedPlace
from indexer.reindexing.places import Phase, Place, PlaceStore, PlaceUnknown, Standing
from indexer.reindexing.reindexing import Reindexing, ReindexingRefused, next_generation

__all__ = [
    "AnswersCompared",
    "FollowedWrites",
    "LiveIndex",
    "OpenedPlace",
    "Phase",
    "Place",
    "PlaceStore",
    "PlaceUnknown",
    "Reindexing",
    "ReindexingRefused",
    "Standing",
    "next_generation",
]
