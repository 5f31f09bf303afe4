"""The people and groups of a generated world: an ordinary company, and the accounts that break naive code.

Everybody's password is their id. Groups nest four levels deep and share members; there is no cycle, since the
repository refuses one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from connectors.alfresco.simulator.world import World

SERVICE_ACCOUNT = "svc-index"
REMOVED_PERSON = "gone.person"
REMOVED_GROUP = "GROUP_dissolved"
SHARED_ADDRESS = "front.desk@example.com"

_FIRST_NAMES = ("Amara", "Björn", "Chiara", "Dmitri", "Eun-ji", "Farid", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena")
_LAST_NAMES = ("Abara", "Berg", "Conti", "Doğan", "Eriksen", "Fofana", "García", "Horvat", "Ito", "Jansen", "Kowalski")


@dataclass
class Staff:
    """Who there is to be named in permission entries, in the order of creation."""

    people: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def populate(world: World, count: int, rng: Random) -> Staff:
    """Add `count` people, at least the odd ones, and their groups."""
    staff = Staff(people=_odd_people(world))
    staff.people += [_ordinary_person(world, number, rng) for number in range(count - len(staff.people))]
    staff.groups += _company(world, staff.people)
    staff.groups += _departments(world, staff.people, rng)
    world.add_group(REMOVED_GROUP, members=staff.people[-2:])
    return staff


def dissolve(world: World) -> None:
    """Remove a person and a group whom permission entries still name."""
    world.remove_authority(REMOVED_GROUP)
    world.remove_authority(REMOVED_PERSON)


def _odd_people(world: World) -> list[str]:
    """Add the accounts that are different; returns those that entries may name."""
    _add(world, SERVICE_ACCOUNT, "Indexing", email=None, is_service_account=True)
    _add(world, REMOVED_PERSON, "Gone", email="gone@example.com")
    _add(world, "no.mail", "Nora", email=None)
    _add(world, "left.staff", "Lee", email="lee@example.com", enabled=False)
    _add(world, "desk.one", "Desk One", email=SHARED_ADDRESS)
    _add(world, "desk.two", "Desk Two", email=SHARED_ADDRESS)
    _add(world, "Mixed.CASE", "Mia", email="Mixed.Case@Example.COM")
    _add(world, "jürgen.groß", "Jürgen Groß", email="jg@example.com")
    return ["no.mail", "left.staff", "desk.one", "desk.two", "Mixed.CASE", "jürgen.groß"]


def _ordinary_person(world: World, number: int, rng: Random) -> str:
    user = f"user{number:04d}"
    _add(world, user, f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}", email=f"{user}@example.com")
    return user


def _add(
    world: World, user: str, name: str, *, email: str | None, enabled: bool = True, is_service_account: bool = False
) -> None:
    first_name, _, last_name = name.partition(" ")
    world.add_person(
        user,
        first_name=first_name,
        last_name=last_name,
        email=email,
        password=user,
        enabled=enabled,
        is_service_account=is_service_account,
    )


def _company(world: World, people: list[str]) -> list[str]:
    """Add four nested levels, a group within two others, an empty group, and two that differ by case only."""
    world.add_group("GROUP_night", members=people[0:2])
    world.add_group("GROUP_platform", members=["GROUP_night", *people[2:4]])
    world.add_group("GROUP_engineering", members=["GROUP_platform", people[4]], display_name="Engineering & Research")
    world.add_group("GROUP_on_call", members=["GROUP_night", people[5]])
    world.add_group("GROUP_company", members=["GROUP_engineering", "GROUP_on_call", *people[6:8]])
    world.add_group("GROUP_ENGINEERING", members=people[5:7], display_name="Contractors of Engineering")
    world.add_group("GROUP_nobody_yet")
    return [
        "GROUP_night", "GROUP_platform", "GROUP_engineering", "GROUP_on_call", "GROUP_company", "GROUP_ENGINEERING",
        "GROUP_nobody_yet",
    ]  # fmt: skip


_PEOPLE_PER_DEPARTMENT = 40
_TEAMS = ("north", "south", "west")


def _departments(world: World, people: list[str], rng: Random) -> list[str]:
    """Add departments with teams until there are some forty people for each."""
    added: list[str] = []
    for number in range(len(people) // _PEOPLE_PER_DEPARTMENT):
        teams = [f"GROUP_dept{number:02d}_{team}" for team in _TEAMS]
        for team in teams:
            world.add_group(team, members=rng.sample(people, k=min(len(people), 8)))
        department = f"GROUP_dept{number:02d}"
        world.add_group(department, members=[*teams, rng.choice(people)])
        world.join_group(department, "GROUP_company")
        added += [*teams, department]
    return added
