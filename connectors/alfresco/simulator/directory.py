"""People and groups of the simulated repository, and which authorities a person acts with.

Ids keep their case and are compared with it everywhere but at login. Groups nest without limit; GROUP_EVERYONE is
held by every person but the guest and is not a group anyone can list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from connectors.alfresco.simulator.model import (
    ADMINISTRATORS,
    EVERYONE,
    GUEST,
    ROLE_ADMINISTRATOR,
    ROLE_GUEST,
    Group,
    Person,
)

_DEFAULT_ZONES = ("APP.DEFAULT", "AUTH.ALF")


class Directory:
    """The people and groups of one repository."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self._parents: dict[str, dict[str, None]] = {}  # member -> the groups it is a direct member of
        self._ancestors: dict[str, frozenset[str]] = {}  # what ancestors() found since the last change
        self.generation = 0  # grows with every change of memberships and accounts, once it is done

    def add_person(self, person: Person) -> Person:
        """Add a person whose name no other has, in whatever case."""
        if self.find_login(person.id) is not None:
            raise ValueError(f"person {person.id!r} exists already")
        self.people[person.id] = person
        self.generation += 1
        return person

    def set_enabled(self, user: str, *, enabled: bool) -> None:
        """Close or open an account."""
        self.people[user].enabled = enabled
        self.generation += 1

    def add_group(
        self,
        group_id: str,
        *,
        members: Iterable[str] = (),
        display_name: str = "",
        description: str = "",
        zones: tuple[str, ...] = _DEFAULT_ZONES,
    ) -> Group:
        """Add a group `GROUP_<name>`; its display name is `<name>` unless given."""
        if not group_id.startswith("GROUP_") or group_id == EVERYONE:
            raise ValueError(f"not a group id: {group_id!r} (expected GROUP_<name>)")
        if group_id in self.groups:
            raise ValueError(f"group {group_id!r} exists already")
        name = display_name or group_id.removeprefix("GROUP_")
        group = Group(id=group_id, display_name=name, description=description, zones=zones)
        self.groups[group_id] = group
        for member in members:
            self.join(member, group_id)
        return group

    def join(self, member: str, group_id: str) -> None:
        """Make a person or group a direct member of a group."""
        if member not in self.people and member not in self.groups:
            raise ValueError(f"no such person or group: {member!r}")
        if member == group_id or member in self.ancestors(group_id):
            raise ValueError(f"{member!r} would become a member of itself through {group_id!r}")
        self.groups[group_id].members[member] = None
        self._parents.setdefault(member, {})[group_id] = None
        self._forget_ancestors()

    def leave(self, member: str, group_id: str) -> None:
        """End a direct membership."""
        del self.groups[group_id].members[member]
        del self._parents[member][group_id]
        self._forget_ancestors()

    def remove(self, authority: str) -> None:
        """Forget a person or group and its memberships; permission entries that name it stay."""
        for group_id in self.parents(authority):
            self.leave(authority, group_id)
        group = self.groups.pop(authority, None)
        if group is None:
            del self.people[authority]
            self.generation += 1
            return
        for member in group.members:
            del self._parents[member][authority]
        self._forget_ancestors()

    def find_login(self, name: str) -> Person | None:
        """Return the person who logs in with this name, whatever its case (`user.name.caseSensitive=false`)."""
        if name in self.people:
            return self.people[name]
        folded = name.casefold()
        return next((person for person in list(self.people.values()) if person.id.casefold() == folded), None)

    def parents(self, authority: str) -> list[str]:
        """Return the groups that the authority is a direct member of."""
        return list(self._parents.get(authority, ()))

    def ancestors(self, authority: str) -> frozenset[str]:
        """Return every group that the authority is in, directly or through other groups."""
        known = self._ancestors  # a membership that changes meanwhile replaces the attribute: nothing stale is kept
        if authority not in known:
            found: set[str] = set()
            waiting = self.parents(authority)
            while waiting:
                group_id = waiting.pop()
                if group_id not in found:
                    found.add(group_id)
                    waiting.extend(self.parents(group_id))
            known[authority] = frozenset(found)
        return known[authority]

    def _forget_ancestors(self) -> None:
        self._ancestors = {}
        self.generation += 1

    def people_below(self, group_id: str) -> Iterator[Person]:
        """Yield each person in the group or in a group below it, once, in the order of their ids."""
        below = (person for person in list(self.people.values()) if group_id in self.ancestors(person.id))
        yield from sorted(below, key=attrgetter("id"))

    def is_admin(self, user: str) -> bool:
        return ADMINISTRATORS in self.ancestors(user)

    def authorities(self, user: str) -> frozenset[str]:
        """Return the names that permission entries are matched against for this person."""
        if user == GUEST:
            return frozenset({GUEST, ROLE_GUEST})
        held = {user, EVERYONE, *self.ancestors(user)}
        return frozenset(held | {ROLE_ADMINISTRATOR} if ADMINISTRATORS in held else held)

    def display_name(self, authority: str) -> str:
        """Return how an authority is shown; unknown ones, roles and deleted people by their bare name."""
        if person := self.people.get(authority):
            return person.display_name
        if group := self.groups.get(authority):
            return group.display_name
        return authority.removeprefix("GROUP_")
