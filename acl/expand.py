"""From a person to every principal they act as: themselves, their groups at any depth, everyone, administrators.

Pure. Inside, principals travel in their canonical spelling: a reader may be in 50,000 groups, and strings hash once.
"""

from __future__ import annotations

from collections.abc import Iterable

from vocabulary.access import Membership, Person, Principal


class GroupGraph:
    """Who belongs directly to which group, as integers; answers with the groups of any depth, cycles survived."""

    def __init__(self, memberships: Iterable[tuple[str, str]]) -> None:
        """Take pairs of member and group in canonical spelling, in any order."""
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._groups_of: dict[int, list[int]] = {}
        for member, group in memberships:
            self._groups_of.setdefault(self._number(member), []).append(self._number(group))

    @classmethod
    def of(cls, memberships: Iterable[Membership]) -> GroupGraph:
        return cls((str(membership.member), str(membership.group)) for membership in memberships)

    def groups_of(self, member: str) -> set[str]:
        """Every group that `member` belongs to, directly or through others. A group in a cycle belongs to itself."""
        start = self._numbers.get(member)
        if start is None:
            return set()
        reached: set[int] = set()
        frontier = [start]
        while frontier:
            for group in self._groups_of.get(frontier.pop(), ()):
                if group not in reached:
                    reached.add(group)
                    frontier.append(group)
        return {self._names[number] for number in reached}

    def _number(self, name: str) -> int:
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number


def expand(person: Person, graph: GroupGraph) -> frozenset[Principal]:
    """Every principal that the person acts as; none when they are disabled."""
    return frozenset(Principal.parse(spelling) for spelling in spell_out(person, graph))


def spell_out(person: Person, graph: GroupGraph) -> frozenset[str]:
    """Every principal that the person acts as, in canonical spelling; none when they are disabled."""
    if not person.enabled:
        return frozenset()
    user = str(person.principal)
    return frozenset({user, *map(str, _implicit(person)), *graph.groups_of(user)})


def _implicit(person: Person) -> Iterable[Principal]:
    """The principals that no directory lists: guests are not among everyone."""
    scope = person.principal.scope
    if not person.is_guest:
        yield Principal.everyone(scope)
    if person.is_administrator:
        yield Principal.administrators(scope)
