"""When lists were changed at the source: the time from which documents that come under one are timed.

In come lists as they were read; out comes the earliest time that was told of each one that the walk found new or
changed. A list that stands as it stood took its documents from nobody, whenever it was changed: it has none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from indexer.work import changed_at_of
from vocabulary.access import Acl
from vocabulary.documents import AclRead
from vocabulary.numbering import AclNumbering


class ToldTimes:
    """The times told of one walk's lists."""

    def __init__(self, acls: AclNumbering, source: str) -> None:
        self._acls = acls
        self._source = source
        self._told: dict[str, datetime] = {}  # by the lists' keys

    async def differing(self, lists: Sequence[AclRead]) -> frozenset[str]:
        """The keys of lists with a time that are not stored as they were read: to be asked before they are numbered."""
        asked = {read.acl.key: read.acl for read in lists if read.changed_at is not None}
        if not asked:
            return frozenset()
        known = await self._acls.look_up(self._source, asked.values())
        return frozenset(key for key, stored in known.items() if stored.id is None or stored.is_changed)

    def note(self, lists: Sequence[AclRead], differing: Collection[str]) -> None:
        """Keep the earliest time of each list that differed, now or before in this walk."""
        for key, at in changed_at_of(lists).items():
            if key in self._told or key in differing:
                self._told[key] = min(at, self._told.get(key, at))

    def of(self, acl: Acl) -> datetime | None:
        """When the list was changed; None: nobody told, or the walk found it as it was."""
        return self._told.get(acl.key)
