"""Alfresco's rules on who finds a node, applied to its list entry by entry for one person. Pure.

Written from the rules, not from the crawl's code: PermissionServiceImpl with `security.anyDenyDenies=true` (its
default), and the denied filter of search (SolrDenySetQuery), where a denial hides a node even from its owner. Entries
stand in the order of their distance, a denial before an allowance at one distance. For each authority that the person
acts with, the first entry about reading decides; one denied authority is enough to shut the person out.

What the answer would depend on and nobody told makes it unknown: entries whose distance is lost, roles whose holders
the server does not list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from connectors.alfresco.witness.facts import AccessEntry, NodeFacts, PersonFacts, Silence
from vocabulary.statements import Statement, Verdict

_EVERYONE = "GROUP_EVERYONE"
_GUEST = frozenset({"guest", "ROLE_GUEST"})
# Held by nobody as far as entries go: both are settled before the first entry is looked at.
_SETTLED_BEFORE = frozenset({"ROLE_OWNER", "ROLE_ADMINISTRATOR"})

# permissionDefinitions.xml and sitePermissionDefinitions.xml, of the server's sources: what includes the whole of Read,
_READ = frozenset(
    {"Read", "Consumer", "Contributor", "Editor", "Collaborator", "Coordinator", "FullControl", "All", "Administrator"}
    | {"SiteConsumer", "SiteContributor", "SiteCollaborator", "SiteManager"}
)
# and what includes nothing of it. Parts of Read, and names that neither line has, can take Read away and never give it.
_NOTHING_OF_READ = frozenset(
    {"Write", "WriteProperties", "WriteContent", "AddChildren", "CreateChildren", "LinkChildren"}
    | {"Delete", "DeleteNode", "DeleteChildren", "CreateAssociations", "DeleteAssociations", "ReadAssociations"}
    | {"ReadPermissions", "ChangePermissions", "TakeOwnership", "SetOwner", "Execute", "ExecuteContent"}
    | {"CheckOut", "CheckIn", "CancelCheckOut", "Lock", "Unlock", "Flatten"}
)


class _Effect(Enum):
    GIVES = auto()
    TAKES = auto()
    EITHER = auto()  # a gift and a taking, of which nobody knows the nearer


@dataclass(frozen=True, slots=True)
class Authorities:
    """With what names a person acts, and whether any entry matters to them."""

    user: str
    names: frozenset[str]
    is_administrator: bool = False

    @classmethod
    def of(cls, person: PersonFacts, groups: frozenset[str]) -> Authorities:
        """Source: AuthorityServiceImpl; a guest is in no group, not even in everyone."""
        if person.capabilities.is_guest or person.id in _GUEST:
            return cls(person.id, _GUEST | {person.id})
        return cls(person.id, groups | {person.id, _EVERYONE}, person.capabilities.is_admin)


class EntryOrder:
    """The entries that count for one node, nearest first; `extra_granting` are roles of own models that grant Read."""

    def __init__(self, upwards: Sequence[NodeFacts], *, is_whole: bool, extra_granting: frozenset[str]) -> None:
        """Take the node and what lies above it as far as inheritance reaches; not whole: the last one's parent is not
        known, and the entries that reach it from there have lost their distance."""
        self._upwards = upwards
        self._is_whole = is_whole
        self._granting = _READ | extra_granting

    def effect_on(self, authority: str) -> _Effect | None:
        """What the first entry about reading does to the authority; None: no entry is about it."""
        for node in self._upwards:
            at_place = {*self._effects(_own(node), authority)}
            if at_place:
                return _Effect.TAKES if _Effect.TAKES in at_place else _Effect.GIVES
        if self._is_whole or not self._upwards:
            return None
        beyond = {*self._effects(_inherited(self._upwards[-1]), authority)}
        return _Effect.EITHER if len(beyond) > 1 else next(iter(beyond), None)

    @property
    def authorities(self) -> frozenset[str]:
        """Every authority that an entry names, but those that are settled before."""
        named = {entry.authority_id for node in self._upwards for entry in _own(node)}
        if not self._is_whole and self._upwards:
            named |= {entry.authority_id for entry in _inherited(self._upwards[-1])}
        return frozenset(named) - _SETTLED_BEFORE

    def _effects(self, entries: Iterable[AccessEntry], authority: str) -> Iterator[_Effect]:
        for entry in entries:
            if entry.authority_id != authority:
                continue
            if entry.access_status != "ALLOWED" and entry.name not in _NOTHING_OF_READ:
                yield _Effect.TAKES
            elif entry.access_status == "ALLOWED" and entry.name in self._granting:
                yield _Effect.GIVES


def statement_for(reader: Authorities, entries: EntryOrder, *, owner: str | None) -> Statement:
    """Say whether the person finds the node that the entries count for."""
    if reader.is_administrator:
        return Statement(Verdict.ALLOWED)
    effects = {entries.effect_on(authority) for authority in entries.authorities & reader.names}
    if _Effect.TAKES in effects:
        return Statement(Verdict.DENIED)
    if _Effect.EITHER in effects:
        return _unknown("distance-unknown")
    if any(entries.effect_on(role) is not _Effect.GIVES for role in _unlisted_roles(entries, reader)):
        return _unknown("role-holders-unknown")
    is_owner = owner is not None and owner == reader.user
    return Statement(Verdict.ALLOWED if _Effect.GIVES in effects or is_owner else Verdict.DENIED)


def statement_for_anybody(entries: EntryOrder) -> Statement:
    """Say whether everyone is admitted and nobody at all shut out."""
    effects = {authority: entries.effect_on(authority) for authority in entries.authorities}
    if _Effect.TAKES in effects.values():
        return Statement(Verdict.DENIED)
    if _Effect.EITHER in effects.values():
        return _unknown("distance-unknown")
    return Statement(Verdict.ALLOWED if effects.get(_EVERYONE) is _Effect.GIVES else Verdict.DENIED)


def silent(told: Silence) -> Statement:
    """Turn a fact about a document that was not told into an answer."""
    return Statement(Verdict.GONE) if told.is_gone else _unknown(told.reason)


def _unlisted_roles(entries: EntryOrder, reader: Authorities) -> frozenset[str]:
    """Roles with entries about reading that the person may hold at this node, without the server's saying so."""
    roles = {name for name in entries.authorities if name.startswith("ROLE_")} - reader.names - _GUEST
    return frozenset(role for role in roles if entries.effect_on(role) is not None)


def _unknown(reason: str) -> Statement:
    return Statement(Verdict.UNKNOWN, reason=reason)


def _own(node: NodeFacts) -> tuple[AccessEntry, ...]:
    return node.permissions.locally_set if node.permissions is not None else ()


def _inherited(node: NodeFacts) -> tuple[AccessEntry, ...]:
    return node.permissions.inherited if node.permissions is not None else ()
