"""The access that a crawl reports, held against the simulated server's own decisions, person by person.

The server's `may_find` decides by its own code as Alfresco's search does. The rule below is the one that every index
applies to what the connector delivered; both must admit the same people to every document, in random worlds with
nested groups, denials at several depths, cut inheritance, owners, and entries that name nobody.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.permissions import STANDARD_ROLES
from connectors.alfresco.simulator.sample import CRAWLER, cloud_world, onprem_world, sample_password
from vocabulary.access import Identity, Membership, Person, Principal
from vocabulary.documents import Document, Upsert

SOURCE = "onprem"
PEOPLE = [f"person{number}" for number in range(10)]
GROUPS = [f"GROUP_{number}" for number in range(8)]
NAMED = [*PEOPLE, *GROUPS, *GROUPS, "GROUP_EVERYONE", "ROLE_OWNER", "ROLE_ADMINISTRATOR", "GROUP_gone", "gone"]


def admits(document: Document, principals: set[Principal]) -> bool:
    if document.acl is None:
        return False
    if Principal.administrators(SOURCE) in principals:
        return True
    if document.acl.deny & principals:
        return False
    return bool(document.acl.allow & principals) or document.owner in principals


def principals_by_person(identities: Iterable[Identity]) -> dict[str, set[Principal]]:
    known = list(identities)
    groups: dict[Principal, set[Principal]] = {}
    for one in known:
        if isinstance(one, Membership):
            groups.setdefault(one.member, set()).add(one.group)
    return {one.username: _all_principals(one, groups) for one in known if isinstance(one, Person)}


def _all_principals(person: Person, groups: dict[Principal, set[Principal]]) -> set[Principal]:
    if not person.enabled:
        return set()
    held, todo = {person.principal, Principal.everyone(SOURCE)}, [person.principal]
    while todo:
        new = groups.get(todo.pop(), set()) - held
        held |= new
        todo.extend(new)
    return held | ({Principal.administrators(SOURCE)} if person.is_administrator else set())


def random_world(seed: int) -> tuple[World, Sequence[str]]:
    """A world where folders and files may have entries of its own; gives the folders to crawl."""
    chance, world = random.Random(seed), World(name=f"random{seed}")
    for person in PEOPLE:
        world.add_person(person, enabled=chance.random() < 0.9, is_admin=chance.random() < 0.1)
    for number, group in enumerate(GROUPS):  # a group's members come before it, so nesting has no circle
        world.add_group(group, members=chance.sample([*PEOPLE, *GROUPS[:number]], 3))
    for visibility in ("PUBLIC", "MODERATED", "PRIVATE"):
        members = dict.fromkeys(chance.sample([*PEOPLE, *GROUPS], 2), "SiteConsumer")
        world.add_site(visibility.lower(), visibility=visibility, members=members)  # type: ignore[arg-type]
        _fill(world, world.document_library(visibility.lower()), chance, depth=2)
    plain = world.add_folder(world.shared, "plain")
    scoped = world.add_folder(plain, "scoped")
    for folder in (plain, scoped):
        _permit(world, folder, chance)
    _fill(world, scoped, chance, depth=4)
    return world, ["/Company Home/Shared/plain/scoped"]


def _fill(world: World, folder: Node, chance: random.Random, *, depth: int) -> None:
    for number in range(2):
        owner = chance.choice([None, None, *PEOPLE])
        file = world.add_file(folder, f"{number}.txt", b"text", creator=chance.choice(PEOPLE), owner=owner)
        if chance.random() < 0.3:
            _permit(world, file, chance)
    if depth == 0:
        return
    for number in range(2):
        below = world.add_folder(folder, f"folder{number}")
        if chance.random() < 0.7:
            _permit(world, below, chance)
        _fill(world, below, chance, depth=depth - 1)


def _permit(world: World, node: Node, chance: random.Random) -> None:
    roles = ["Consumer", "Consumer", "Consumer", *STANDARD_ROLES]
    entries = [
        (chance.choice(NAMED), chance.choice(roles), "DENIED" if chance.random() < 0.3 else "ALLOWED")
        for _ in range(chance.randrange(5))
    ]
    world.set_permissions(node, entries=entries, inherit=chance.random() < 0.85)  # type: ignore[arg-type]


async def assert_same_admissions(world: World, url: str, *, password: str, user: str, **scope: object) -> int:
    """Compare every document of the scope for every person; gives how many people were admitted in all."""
    auth = {"kind": "basic", "username": user, "password": SecretStr(password)}
    config = AlfrescoConfig.model_validate({"url": url, "auth": auth, **scope})
    async with AlfrescoConnector(SOURCE, config) as connector:
        people = principals_by_person([one async for one in connector.identities()])
        documents = [one.document async for one in connector.crawl(None) if isinstance(one, Upsert)]
    assert documents
    wrong, admitted = [], 0
    for document in documents:
        for name, principals in people.items():
            expected = world.may_find(name, document.id.native_id)
            admitted += expected
            if admits(document, principals) != expected:
                wrong.append((name, document.path, document.title, expected))
    assert not wrong
    return admitted


@pytest.mark.parametrize("seed", range(6))
async def test_a_crawl_admits_exactly_whom_the_server_admits(seed: int) -> None:
    world, folders = random_world(seed)
    with served_world(world) as url:
        admitted = await assert_same_admissions(
            world, url, user="admin", password="admin", sites="all", folders=folders
        )
    assert admitted > 0


@pytest.mark.parametrize("make_world", [onprem_world, cloud_world])
async def test_the_sample_repositories_admit_the_same_people_after_a_crawl(make_world) -> None:  # type: ignore[no-untyped-def]
    world = make_world()
    with served_world(world) as url:
        assert await assert_same_admissions(world, url, user=CRAWLER, password=sample_password(CRAWLER), sites="all")


async def test_cutting_a_resumed_crawl_anywhere_changes_no_admission() -> None:
    world, folders = random_world(99)
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    with served_world(world) as url:
        config = AlfrescoConfig.model_validate({"url": url, "auth": auth, "folders": folders, "page_size": 3})
        async with AlfrescoConnector(SOURCE, config) as connector:
            whole = [change async for change in connector.crawl(None)]
            lists = {one.document.id: one.document.acl for one in whole if isinstance(one, Upsert)}
            for checkpoint in [change for change in whole if not isinstance(change, Upsert)][::9]:
                async for change in connector.crawl(checkpoint):  # type: ignore[arg-type]
                    if isinstance(change, Upsert):
                        assert change.document.acl == lists[change.document.id]
