"""Which ACLs a set of principals may see: inverted maps in memory, principal -> ids of the lists that name it.

The maps follow the ACL store by version: a refresh reads the lists that changed since the last one and no others. All
lists of one source are read in one statement, so that a refresh never mixes two states of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from pyroaring import BitMap
from sqlalchemy import Connection, CursorResult, Engine, select

from acl.inverted import InvertedLists
from acl.principal_numbers import PrincipalNumbers
from acl.tables import Effect, acl_entries, acl_lists
from vocabulary.access import Principal


@dataclass(frozen=True, slots=True)
class VisibleAcls:
    """Lists that are visible to a reader, and lists that are visible to them as the document's owner."""

    visible: BitMap = field(default_factory=BitMap)
    if_owner: BitMap = field(default_factory=BitMap)

    def __or__(self, other: VisibleAcls) -> VisibleAcls:
        return VisibleAcls(self.visible | other.visible, self.if_owner | other.if_owner)


class _SourceAcls:
    """The lists of one source as of one version."""

    def __init__(self, source: str, numbers: PrincipalNumbers) -> None:
        self._source = source
        self._numbers = numbers
        self._administrators = numbers.of(str(Principal.administrators(source)))
        self._everyone = numbers.of(str(Principal.everyone(source)))
        self._version = 0
        self._known = BitMap()
        self._allow = InvertedLists()
        self._deny = InvertedLists()

    def refresh(self, connection: Connection, *, at_least: int) -> None:
        """Follow the store up to the version, or beyond it where the store is already further."""
        if self._version >= at_least:
            return
        entries_by_id: dict[int, dict[str, list[int]]] = {}
        newest = at_least
        for acl_id, version, effect, principal in self._changed_rows(connection):
            entries = entries_by_id.setdefault(acl_id, defaultdict(list))
            newest = max(newest, version)
            if effect is not None:
                entries[effect].append(self._numbers.of(principal))
        self._known |= BitMap(entries_by_id)
        self._allow.replace({acl_id: entries[Effect.ALLOW] for acl_id, entries in entries_by_id.items()})
        self._deny.replace({acl_id: entries[Effect.DENY] for acl_id, entries in entries_by_id.items()})
        self._version = newest

    @property
    def count(self) -> int:
        """How many lists are held."""
        return len(self._known)

    def visible_to(self, principals: BitMap) -> VisibleAcls:
        if self._administrators in principals:
            return VisibleAcls(self._known.copy(), self._known.copy())
        denied = self._deny.naming(principals)
        return VisibleAcls(self._allow.naming(principals) - denied, self._known - denied)

    def visible_to_public(self) -> VisibleAcls:
        return VisibleAcls(self._allow.naming(BitMap([self._everyone])) - self._deny.all())

    def _changed_rows(self, connection: Connection) -> CursorResult[int, int, str | None, str]:
        """One row per entry of a changed list, and one without an effect for a list without entries."""
        return connection.execute(
            select(acl_lists.c.id, acl_lists.c.version, acl_entries.c.effect, acl_entries.c.principal)
            .select_from(acl_lists.outerjoin(acl_entries))
            .where(acl_lists.c.source == self._source, acl_lists.c.version > self._version)
        )


class AclMaps:
    """The inverted maps of all sources that were asked for. Blocks; may be called from any thread."""

    def __init__(self, engine: Engine, numbers: PrincipalNumbers) -> None:
        self._engine = engine
        self._numbers = numbers
        self._sources: dict[str, _SourceAcls] = {}
        self._lock = Lock()  # a refresh changes the maps in place: nobody reads meanwhile

    def visible_to(self, principals: BitMap, *, versions: Mapping[str, int]) -> VisibleAcls:
        """What principals, by their numbers, see of the sources in `versions`, at those versions or newer."""
        with self._lock:
            self._refresh(versions)
            return _joined(self._sources[source].visible_to(principals) for source in versions)

    def visible_to_public(self, *, versions: Mapping[str, int]) -> VisibleAcls:
        """The lists that allow their source's everyone and deny nobody; owners have no say."""
        with self._lock:
            self._refresh(versions)
            return _joined(self._sources[source].visible_to_public() for source in versions)

    def held(self) -> dict[str, int]:
        """How many lists of each source are held."""
        with self._lock:
            return {source: acls.count for source, acls in self._sources.items()}

    def _refresh(self, versions: Mapping[str, int]) -> None:
        with self._engine.connect() as connection:
            for source, version in versions.items():
                acls = self._sources.setdefault(source, _SourceAcls(source, self._numbers))
                acls.refresh(connection, at_least=version)


def _joined(parts: Iterable[VisibleAcls]) -> VisibleAcls:
    joined = VisibleAcls()
    for part in parts:
        joined |= part
    return joined
