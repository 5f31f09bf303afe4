"""From a person to every principal they act as: themselves, their groups at any depth, everyone, administrators.

Pure, but for the numbers that it gives. Inside, principals travel as numbers: a reader may be in 50,000 groups, and
a bitmap of them is made and compared in microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyroaring import BitMap

from acl.principal_numbers import PrincipalNumbers
from vocabulary.access import Membership, Person, Principal


class GroupGraph:
    """Who belongs directly to which group; answers with the groups of any depth, cycles survived."""

    def __init__(self, memberships: Iterable[tuple[str, str]], numbers: PrincipalNumbers | None = None) -> None:
        """Take pairs of member and group in canonical spelling, in any order."""
        self.numbers = numbers or PrincipalNumbers()
        groups_of: dict[int, list[int]] = {}
        for member, group in memberships:
            groups_of.setdefault(self.numbers.of(member), []).append(self.numbers.of(group))
        self._groups_of = {member: BitMap(groups) for member, groups in groups_of.items()}
        self._members = BitMap(self._groups_of)

    @classmethod
    def of(cls, memberships: Iterable[Membership]) -> GroupGraph:
        return cls((str(membership.member), str(membership.group)) for membership in memberships)

    def groups_of(self, *members: int) -> BitMap:
        """Every group that a member belongs to, directly or through others. A group in a cycle belongs to itself."""
        reached, leading_on = BitMap(), BitMap(members) & self._members
        while leading_on:
            newly = BitMap.union(*(self._groups_of[each] for each in leading_on)) - reached
            reached |= newly
            leading_on = newly & self._members
        return reached

    def direct_groups_of(self, member: int) -> BitMap:
        """The groups that `member` belongs to by itself."""
        return BitMap(self._groups_of.get(member, ()))

    def chain(self, member: str, group: str) -> tuple[str, ...]:
        """The shortest way from `member` to `group`, both included; of several the first in order of names.

        Empty where `member` does not belong to `group`.
        """
        start, goal = self.numbers.of(member), self.numbers.of(group)
        came_from: dict[int, int] = {}
        frontier = [start]
        while frontier and goal not in came_from:
            reached: list[int] = []
            for number in frontier:
                newly = sorted(self.direct_groups_of(number).difference(BitMap(came_from)), key=self.numbers.name)
                came_from |= dict.fromkeys(newly, number)
                reached += newly
            frontier = reached
        return self._way_back(goal, start, came_from) if goal in came_from else ()

    def _way_back(self, goal: int, start: int, came_from: Mapping[int, int]) -> tuple[str, ...]:
        way = [goal, came_from[goal]]
        while way[-1] != start:
            way.append(came_from[way[-1]])
        return tuple(map(self.numbers.name, reversed(way)))


def expand(person: Person, graph: GroupGraph) -> frozenset[Principal]:
    """Every principal that the person acts as; none when they are disabled."""
    return frozenset(Principal.parse(name) for name in graph.numbers.names(acting_as(person, graph)))


def acting_as(person: Person, graph: GroupGraph, *, also_in: Iterable[str] = ()) -> BitMap:
    """The numbers of every principal that the person acts as; none when they are disabled.

    `also_in`: groups of the source, in canonical spelling, that they belong to by another's word than the directory's.
    """
    if not person.enabled:
        return BitMap()
    adopted = graph.numbers.of_all(also_in)
    held = graph.numbers.of_all(map(str, (person.principal, *_implicit(person)))) | adopted
    return held | graph.groups_of(graph.numbers.of(str(person.principal)), *adopted)


def _implicit(person: Person) -> Iterable[Principal]:
    """The principals that no directory lists: guests are not among everyone."""
    scope = person.principal.scope
    if not person.is_guest:
        yield Principal.everyone(scope)
    if person.is_administrator:
        yield Principal.administrators(scope)
