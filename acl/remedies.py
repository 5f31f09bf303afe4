"""What would change a decision: the least changes at the source, or here, after which it is the other one. Pure.

In comes one document's list and owner and who the reader is, or would be; out come remedies, each a few changes that
together turn the decision round. No remedy is offered before it was tried: the changed case is decided as any other.

A change of a list is one at the source, followed by a sync that completes. So it starts from the list as it was last
read there; what waits to be given is in force by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from acl.decide import may_read
from acl.expand import GroupGraph
from vocabulary.access import Acl, Principal, PrincipalKind

_GROUPS_SHOWN = 3  # of the groups that one could join; a list may allow thousands
_LEFT_AT_ONCE = 5  # a remedy of more groups to leave is none that anybody would follow


class Measure(StrEnum):
    """One kind of change; `Change` says whom and what it is about."""

    GRANT = "grant"  # a sync that reads all permissions completes
    READ_PERMISSIONS = "read-permissions"  # the source lets the crawler read who may read
    ALLOW = "allow"
    DENY = "deny"
    LIFT_DENIAL = "lift-denial"
    TAKE_ALLOWANCE = "take-allowance"
    JOIN = "join"
    LEAVE = "leave"
    DISOWN = "disown"  # the document gets another owner
    DEMOTE = "demote"  # the person is no administrator of the source any more
    KNOW = "know"  # the source lists a person of the reader's name
    ENABLE = "enable"
    TELL_APART = "tell-apart"  # nobody else of the source bears the person's name


@dataclass(frozen=True, slots=True)
class Change:
    """One change: to `principal`, an entry of the list or a person; `group` is the one to join or to leave."""

    measure: Measure
    principal: Principal | None = None
    group: Principal | None = None


Remedy: TypeAlias = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the reader is in the document's source, or would be after the changes of `preface`.

    `principals`, in canonical spelling, are all that they act as, in other sources and as bearer of the token too;
    `adopted` are the groups of the document's source that they are in by the token's word.
    """

    principal: Principal
    principals: frozenset[str]
    preface: Remedy = ()
    adopted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """One document of `source` as its index holds it. `in_force` and `meant` are None where no list is known."""

    source: str
    in_force: Acl | None
    meant: Acl | None
    owner: Principal | None

    def admits(self, principals: Collection[str]) -> bool:
        """Whether a known reader who acts as these may read the document now."""
        return _admits(self.in_force, self.owner, principals, self.source)


def what_would_show(case: Case, personas: Iterable[Persona], graph: GroupGraph) -> tuple[Remedy, ...]:
    """Remedies for a document that the reader may not read."""
    return tuple(dict.fromkeys(remedy for persona in personas for remedy in _showing(case, persona, graph)))


def what_would_hide(case: Case, persona: Persona, graph: GroupGraph) -> tuple[Remedy, ...]:
    """Remedies, in the eyes of somebody who finds that the reader should not read what they may read."""
    if case.meant is None:
        return ()
    return tuple(dict.fromkeys(_hiding(case, case.meant, persona, graph)))


def _showing(case: Case, persona: Persona, graph: GroupGraph) -> Iterator[Remedy]:
    allow_them = Change(Measure.ALLOW, persona.principal)
    if case.in_force is None or case.meant is None:
        is_administrator = str(Principal.administrators(case.source)) in persona.principals
        yield (*persona.preface, Change(Measure.READ_PERMISSIONS), *(() if is_administrator else (allow_them,)))
        return
    if case.admits(persona.principals):
        yield persona.preface
        return
    if _admits(case.meant, case.owner, persona.principals, case.source):
        yield (*persona.preface, Change(Measure.GRANT))
        return
    yield from _on_the_list(case, case.meant, persona)
    if not any(change.measure is Measure.KNOW for change in persona.preface):  # nobody knows what groups they will have
        yield from _in_the_groups(case, case.meant, persona, graph)


def _on_the_list(case: Case, meant: Acl, persona: Persona) -> Iterator[Remedy]:
    """Lift what denies them, and allow them by themselves where nothing else does."""
    denials = sorted(entry for entry in meant.deny if str(entry) in persona.principals)
    lifted = replace(meant, deny=meant.deny.difference(denials))
    changes = tuple(Change(Measure.LIFT_DENIAL, entry) for entry in denials)
    if not _admits(lifted, case.owner, persona.principals, case.source):
        changes = (*changes, Change(Measure.ALLOW, persona.principal))
    yield (*persona.preface, *changes)


def _in_the_groups(case: Case, meant: Acl, persona: Persona, graph: GroupGraph) -> Iterator[Remedy]:
    """Leave the groups that are denied, or join one that is allowed."""
    denials = [entry for entry in meant.deny if str(entry) in persona.principals]
    if denials:
        left = _cut_off(persona, denials, graph)
        if left and _admits(meant, case.owner, _without(persona, left, graph), case.source):
            yield (*persona.preface, *_leaving(persona, left))
        return
    groups = sorted(entry for entry in meant.allow if _is_group_of(entry, case.source))
    for group in groups[:_GROUPS_SHOWN]:
        as_member = persona.principals | {str(group)} | _groups_of(str(group), graph)
        if _admits(meant, case.owner, as_member, case.source):
            yield (*persona.preface, Change(Measure.JOIN, persona.principal, group))


def _hiding(case: Case, meant: Acl, persona: Persona, graph: GroupGraph) -> Iterator[Remedy]:
    administrators = str(Principal.administrators(case.source))
    deny_them = Change(Measure.DENY, persona.principal)
    if administrators in persona.principals:
        yield Change(Measure.DEMOTE, persona.principal), deny_them
        return
    yield (deny_them,)
    allowing = sorted(entry for entry in meant.allow if str(entry) in persona.principals)
    owns = case.owner is not None and str(case.owner) in persona.principals
    disown = (Change(Measure.DISOWN, case.owner),) if owns else ()
    yield (*(Change(Measure.TAKE_ALLOWANCE, entry) for entry in allowing), *disown)
    left = _cut_off(persona, allowing, graph)
    if left and not _admits(meant, None, _without(persona, left, graph), case.source):
        yield (*_leaving(persona, left), *disown)


def _cut_off(persona: Persona, entries: Collection[Principal], graph: GroupGraph) -> list[str]:
    """The person's own groups to leave so that they belong to none of the entries; empty where that is no way."""
    if not all(_is_group_of(entry, persona.principal.scope) for entry in entries):
        return []
    goals = {str(entry) for entry in entries}
    own = _direct_groups_of(str(persona.principal), graph)
    leading = sorted(group for group in own if goals & (_groups_of(group, graph) | {group}))
    return leading if len(leading) <= _LEFT_AT_ONCE else []


def _without(persona: Persona, left: Collection[str], graph: GroupGraph) -> frozenset[str]:
    """What the person acts as after leaving these groups."""
    user = str(persona.principal)
    kept: set[str] = set()
    for group in _direct_groups_of(user, graph).difference(left) | persona.adopted:
        kept |= _groups_of(group, graph) | {group}
    return (persona.principals - _groups_of(user, graph)) | kept


def _leaving(persona: Persona, groups: Iterable[str]) -> Remedy:
    return tuple(Change(Measure.LEAVE, persona.principal, Principal.parse(group)) for group in groups)


def _groups_of(member: str, graph: GroupGraph) -> frozenset[str]:
    return graph.numbers.names(graph.groups_of(graph.numbers.of(member)))


def _direct_groups_of(member: str, graph: GroupGraph) -> frozenset[str]:
    return graph.numbers.names(graph.direct_groups_of(graph.numbers.of(member)))


def _is_group_of(principal: Principal, source: str) -> bool:
    return principal.kind is PrincipalKind.GROUP and principal.scope == source


def _admits(acl: Acl | None, owner: Principal | None, principals: Collection[str], source: str) -> bool:
    """Decide by those of the principals that the document names: a reader may be in 50,000 groups."""
    named = {Principal.administrators(source), *(acl.allow | acl.deny if acl else ()), *((owner,) if owner else ())}
    held = frozenset(principal for principal in named if str(principal) in principals)
    return may_read(acl, owner, held, source=source)
