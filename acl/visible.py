"""Which ACLs a set of principals may see: inverted maps in memory, principal -> ids of the lists that name it.

The maps follow the ACL store by version: a refresh reads the lists that changed since the last one and no others. All
lists of one source are read in one statement, so that a refresh never mixes two states of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from pyroaring import BitMap
from sqlalchemy import Connection, CursorResult, Engine, select

from acl.inverted import InvertedLists
from acl.principal_numbers import PrincipalNumbers
from acl.tables import UNCHANGED, Effect, Realm, Version, acl_entries, acl_lists, step_to
from vocabulary.access import Principal


@dataclass(frozen=True, slots=True)
class VisibleAcls:
    """Lists that are visible to a reader, and lists that are visible to them as the document's owner."""

    visible: BitMap = field(default_factory=BitMap)
    if_owner: BitMap = field(default_factory=BitMap)

    def __or__(self, other: VisibleAcls) -> VisibleAcls:
        return VisibleAcls(self.visible | other.visible, self.if_owner | other.if_owner)


@dataclass(frozen=True, slots=True)
class _Named:
    """Which principal is named by which list, one beside the other."""

    principals: array[int] = field(default_factory=lambda: array("I"))
    lists: array[int] = field(default_factory=lambda: array("I"))


class _SourceAcls:
    """The lists of one source as of one version."""

    def __init__(self, source: str, numbers: PrincipalNumbers) -> None:
        self._source = source
        self._numbers = numbers
        self._administrators = numbers.of(str(Principal.administrators(source)))
        self._everyone = numbers.of(str(Principal.everyone(source)))
        self._forget()

    def _forget(self) -> None:
        self._version = UNCHANGED
        self._known = BitMap()
        self._allow = InvertedLists()
        self._deny = InvertedLists()

    def refresh(self, connection: Connection, *, at_least: Version) -> None:
        """Follow the store up to the version, or beyond it where the store is already further.

        What is held of a step that the store never made, or made at another moment, is of another time: the store was
        put back from a backup, and everything is read anew.
        """
        if self._version == at_least:
            return
        if self._version != self._step(connection, self._version.number):
            self._forget()
        if self._version.number < at_least.number:
            self._follow(connection, at_least.number)

    def _follow(self, connection: Connection, at_least: int) -> None:
        changed, newest = array("I"), at_least
        allowed, denied = _Named(), _Named()
        named_by: dict[str | None, _Named] = {Effect.ALLOW.value: allowed, Effect.DENY.value: denied}
        number_of = self._numbers.of
        for acl_id, version, effect, principal in self._changed_rows(connection):
            changed.append(acl_id)
            newest = max(newest, version)
            named = named_by.get(effect)
            if named is not None:  # else it waits, or the list has no entry
                named.principals.append(number_of(principal))
                named.lists.append(acl_id)
        self._known |= BitMap(changed)
        self._deny.replace(BitMap(changed), denied.principals, denied.lists)
        self._allow.replace(BitMap(changed), allowed.principals, allowed.lists)
        self._version = self._step(connection, newest)

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
            .where(acl_lists.c.source == self._source, acl_lists.c.version > self._version.number)
        )

    def _step(self, connection: Connection, number: int) -> Version:
        return step_to(connection, number, realm=Realm.LISTS, source=self._source)


class AclMaps:
    """The inverted maps of all sources that were asked for. Blocks; may be called from any thread."""

    def __init__(self, engine: Engine, numbers: PrincipalNumbers) -> None:
        self._engine = engine
        self._numbers = numbers
        self._sources: dict[str, _SourceAcls] = {}
        self._lock = Lock()  # a refresh changes the maps in place: nobody reads meanwhile

    def visible_to(self, principals: BitMap, *, versions: Mapping[str, Version]) -> VisibleAcls:
        """What principals, by their numbers, see of the sources in `versions`, at those versions or newer."""
        with self._lock:
            self._refresh(versions)
            return _joined(self._sources[source].visible_to(principals) for source in versions)

    def visible_to_public(self, *, versions: Mapping[str, Version]) -> VisibleAcls:
        """The lists that allow their source's everyone and deny nobody; owners have no say."""
        with self._lock:
            self._refresh(versions)
            return _joined(self._sources[source].visible_to_public() for source in versions)

    def held(self) -> dict[str, int]:
        """How many lists of each source are held."""
        with self._lock:
            return {source: acls.count for source, acls in self._sources.items()}

    def _refresh(self, versions: Mapping[str, Version]) -> None:
        with self._engine.connect() as connection:
            for source, version in versions.items():
                acls = self._sources.setdefault(source, _SourceAcls(source, self._numbers))
                acls.refresh(connection, at_least=version)


def _joined(parts: Iterable[VisibleAcls]) -> VisibleAcls:
    joined = VisibleAcls()
    for part in parts:
        joined |= part
    return joined
