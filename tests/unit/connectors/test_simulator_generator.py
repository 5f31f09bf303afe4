"""Generated worlds: exact sizes, the same world from the same seed, all odd cases, and a life of changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from random import Random

import httpx
import pytest
from simulator_client import SteppingClock, client, entries

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.generator import (
    CHANGE_KINDS,
    MINIMUM_NODES,
    GeneratedContent,
    add_documents,
    change,
    flat_world,
    generate_world,
    random_change,
    wide_folder,
)
from connectors.alfresco.simulator.model import ADMINISTRATORS, Node

SIZES = (MINIMUM_NODES, 1_000)
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", params=SIZES, ids="{} nodes".format)
def world(request: pytest.FixtureRequest) -> World:
    """A world that no test of this module changes."""
    return generate_world(request.param, seed=7, clock=SteppingClock())


def the_file(world: World, name: str) -> Node:
    """Return the one node of this name."""
    (found,) = [node for node in world.nodes.values() if node.name == name]
    return found


def fingerprint(world: World) -> str:
    """Return all that a world holds as text, in the order in which it was made."""
    nodes = [f"{node!r} {node.content.data if node.content else None!r}" for node in world.nodes.values()]
    return "\n".join([*nodes, *map(repr, world.directory.people.values()), *map(repr, world.directory.groups.values())])


# -- size and repeatability --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [MINIMUM_NODES, MINIMUM_NODES + 1, 333, 1_000])
def test_a_world_has_exactly_as_many_nodes_as_asked(nodes: int) -> None:
    assert len(generate_world(nodes, seed=1).nodes) == nodes


def test_a_world_too_small_for_its_cases_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 60 nodes"):
        generate_world(MINIMUM_NODES - 1, seed=1)


def test_the_same_seed_gives_the_same_world_and_another_seed_another_one() -> None:
    first, again, other = (fingerprint(generate_world(300, seed=seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_a_world_and_its_changes_do_not_depend_on_the_process() -> None:
    """Sets of texts are in another order in each process; nothing may follow from it."""
    program = """
from hashlib import sha256
from random import Random
from simulator_client import SteppingClock
from connectors.alfresco.simulator.generator import generate_world, random_change
from test_simulator_generator import fingerprint
world, rng = generate_world(200, seed=3, clock=SteppingClock()), Random(4)
changes = [str(random_change(world, rng)) for _ in range(60)]
print(sha256((fingerprint(world) + repr(changes)).encode()).hexdigest())
"""
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_more_nodes_leave_the_people_as_they_were() -> None:
    small, large = generate_world(60, seed=1), generate_world(90, seed=1)
    assert list(large.directory.people.values())[:10] == list(small.directory.people.values())[:10]


# -- what is in it -----------------------------------------------------------------------------------------------------


def test_every_content_is_readable_and_unlike_any_other(world: World) -> None:
    contents = [node.content for node in world.nodes.values() if isinstance(node.content, GeneratedContent)]
    texts = [content.data for content in contents]
    assert len(set(texts)) == len(texts)
    assert [len(text) for text in texts] == [content.size for content in contents]
    assert {content.mime_type for content in contents} == {"text/plain", "text/markdown", "text/html"}
    for content, text in zip(contents, texts, strict=True):
        words = text.decode()
        assert f"REF{content.number:08d}." in words
        assert words.endswith("</p></body></html>\n") == (content.mime_type == "text/html")
        assert words.startswith("# ") == (content.mime_type == "text/markdown")


def test_one_folder_holds_a_tenth_of_all_nodes(world: World) -> None:
    room = len(world.nodes) // 10
    assert room >= len(wide_folder(world).children) >= min(room, 4)


def test_there_are_sites_of_all_visibilities_with_people_and_groups(world: World) -> None:
    assert {site.visibility for site in world.sites.values()} == {"PUBLIC", "MODERATED", "PRIVATE"}
    for site_id in world.sites:
        held = [world.directory.groups[f"GROUP_site_{site_id}_{role}"].members for role in ("SiteCollaborator",)]
        assert any(member in world.directory.groups for members in held for member in members)
        assert world.directory.ancestors("left.staff") >= {f"GROUP_site_{site_id}"}


def test_groups_nest_four_levels_deep_and_share_members(world: World) -> None:
    directory = world.directory
    assert {"GROUP_platform", "GROUP_engineering", "GROUP_on_call", "GROUP_company"} <= directory.ancestors(
        "GROUP_night"
    )
    assert directory.groups["GROUP_nobody_yet"].members == {}
    assert {"GROUP_engineering", "GROUP_ENGINEERING"} <= directory.groups.keys()


def test_there_are_all_kinds_of_odd_people(world: World) -> None:
    people = world.directory.people
    assert people["no.mail"].email == ""
    assert people["desk.one"].email == people["desk.two"].email
    assert not people["left.staff"].enabled
    assert people["svc-index"].is_service_account
    assert world.directory.is_admin("admin")
    assert {"guest", "Mixed.CASE", "jürgen.groß"} <= people.keys()
    assert "gone.person" not in people
    assert "GROUP_dissolved" not in world.directory.groups


def test_each_case_admits_whom_its_name_says(world: World) -> None:
    def readers(name: str) -> set[str]:
        node = the_file(world, name)
        usual = ["no.mail", "desk.one", "desk.two", "Mixed.CASE", "jürgen.groß", "left.staff", "user0000", "user0001"]
        return {user for user in usual if world.may_read(user, node.id)}

    # GROUP_platform is desk.one, desk.two, no.mail (through GROUP_night) and the closed account left.staff
    company = {"no.mail", "desk.one", "desk.two", "Mixed.CASE", "jürgen.groß", "user0000", "user0001"}
    denied = {"no.mail", "desk.one", "desk.two"}
    assert readers("inherits the denial.txt") == company - denied
    assert readers("masks the denial.txt") == company
    assert readers("allows another.txt") == company - denied
    assert readers("denies here too.txt") == set()
    assert readers("cut off.txt") == {"no.mail"}
    assert readers("owned by a person.txt") == {"user0000"}
    assert readers("owned by nobody.txt") == set()
    assert readers("for the removed.txt") == {"no.mail"}
    assert readers("roles without Read.txt") == set()
    # user0000 is in GROUP_ENGINEERING, which is not GROUP_engineering
    assert readers("for odd people.txt") == {"Mixed.CASE", "jürgen.groß", "user0000"}
    owner_denied = the_file(world, "owner denied.txt")
    assert world.may_read("desk.two", owner_denied.id)
    assert not world.may_find("desk.two", owner_denied.id)


FEATURES: dict[str, Callable[[World, Node], bool]] = {
    "a denial": lambda _, node: any(entry.status == "DENIED" for entry in node.entries),
    "cut inheritance": lambda _, node: node.node_type == "cm:content" and not node.inherits_permissions,
    "an owner": lambda _, node: node.node_type == "cm:content" and bool(node.properties.get("cm:owner")),
    "no owner": lambda world, node: world.owner(node) is None,
    "an entry for a removed person": lambda _, node: any(entry.authority == "gone.person" for entry in node.entries),
    "an entry for a removed group": lambda _, node: any(entry.authority == "GROUP_dissolved" for entry in node.entries),
    "a link to a file": lambda _, node: node.node_type == "app:filelink",
    "a link to a folder": lambda _, node: node.node_type == "app:folderlink",
    "a second parent": lambda _, node: bool(node.secondary_parents),
    "comments": lambda _, node: len(node.comments) > 1,
    "a mark for crawlers": lambda _, node: "awskendra:indexControl" in node.aspects,
    "a date": lambda _, node: isinstance(node.properties.get("gen:dueAt"), datetime),
    "several values": lambda _, node: isinstance(node.properties.get("gen:tags"), list),
    "a fraction": lambda _, node: isinstance(node.properties.get("gen:amount"), float),
    "an empty file": lambda _, node: node.content is not None and node.content.data == b"",
    "lost content": lambda _, node: node.node_type == "cm:content" and node.content is None,
    "a record": lambda _, node: "rma:record" in node.aspects,
    "a name of 255 characters": lambda _, node: len(node.name) == 255,
    "a name that is no ASCII": lambda _, node: "📄" in node.name,
    "a name in decomposed form": lambda _, node: "e\u0301" in node.name,
}


@pytest.mark.parametrize("has", FEATURES.values(), ids=FEATURES)
def test_at_every_size_there_is_a_node_with(has: Callable[[World, Node], bool], world: World) -> None:
    assert any(has(world, node) for node in world.nodes.values())


async def test_a_crawler_meets_every_node_in_valid_answers(world: World) -> None:
    async with client(world) as http:
        met = [one["id"] async for one in _walk(http, world.root.id)]
    assert Counter(met) == Counter(world.nodes.keys() - {world.root.id})


async def _walk(http: httpx.AsyncClient, top: str) -> Iterator[dict[str, object]]:  # type: ignore[misc]
    """Yield all primary descendants, page by page."""
    include = "permissions,path,aspectNames,properties,isLink,association,allowableOperations"
    waiting = [top]
    while waiting:
        folder_id, skip, has_more = waiting.pop(), 0, True
        while has_more:
            query = {"include": include, "where": "(isPrimary=true)", "maxItems": 50, "skipCount": skip}
            answer = await http.get(f"/nodes/{folder_id}/children", params=query)
            for entry in entries(answer):
                yield entry
                if entry["isFolder"] and not entry["isLink"]:
                    waiting.append(str(entry["id"]))
            skip, has_more = skip + 50, answer.json()["list"]["pagination"]["hasMoreItems"]


# -- one folder of many documents --------------------------------------------------------------------------------------


def test_one_call_changes_who_may_read_a_flat_folder_of_documents() -> None:
    world, folder = flat_world(500)
    documents = [node for node in world.subtree(folder) if node is not folder]
    assert len(documents) == len(folder.children) == 500
    assert all(world.may_read("reader", node.id) for node in documents)
    world.set_permissions(folder, inherit=False, entries=[])
    assert not any(world.may_read("reader", node.id) for node in documents)


def test_flat_documents_can_be_spread_over_folders() -> None:
    world, folder = flat_world(25, per_folder=10)
    assert [len(child.children) for child in world.children(folder)] == [10, 10, 5]


def test_documents_of_two_seeds_differ() -> None:
    world, folder = flat_world(3, seed=1)
    other = world.add_folder(world.root, "Other")
    add_documents(world, other, 3, seed=2)
    texts = [child.content.data for place in (folder, other) for child in world.children(place) if child.content]
    assert len(set(texts)) == 6


# -- changes -----------------------------------------------------------------------------------------------------------


def consistent(world: World) -> bool:
    """Return whether parents and children, memberships and groups name each other."""
    for node in world.nodes.values():
        for folder_id in [node.parent_id, *node.secondary_parents]:
            if folder_id is not None and world.nodes[folder_id].children[node.name.casefold()] != node.id:
                return False
        if any(child_id not in world.nodes for child_id in node.children.values()):
            return False
    directory = world.directory
    return all(
        (member in directory.people or member in directory.groups) and group.id in directory.parents(member)
        for group in directory.groups.values()
        for member in group.members
    )


def test_a_long_life_has_changes_of_every_kind_and_leaves_a_sound_world() -> None:
    world, rng = generate_world(400, seed=2, clock=SteppingClock()), Random(1)
    kinds = Counter(random_change(world, rng).kind for _ in range(1_500))
    assert kinds.keys() == set(CHANGE_KINDS)
    assert consistent(world)
    assert len(world.nodes) > 200
    assert world.directory.groups[ADMINISTRATORS].members.keys() >= {"admin"}


async def test_a_changed_world_still_answers_as_documented() -> None:
    world, rng = generate_world(150, seed=9), Random(2)
    async with client(world) as http:
        for _ in range(5):
            for _ in range(40):
                random_change(world, rng)
            met = [one["id"] async for one in _walk(http, world.root.id)]
            assert set(met) == world.nodes.keys() - {world.root.id}


def test_a_sequence_of_changes_is_repeated_from_its_seed() -> None:
    def life() -> tuple[list[str], str]:
        world, rng = generate_world(200, seed=1, clock=SteppingClock()), Random(8)
        changes = [str(random_change(world, rng)) for _ in range(100)]
        return changes, fingerprint(world)

    assert life() == life()


@pytest.mark.parametrize("kind", CHANGE_KINDS)
def test_each_kind_of_change_changes_the_world(kind: str) -> None:
    world = generate_world(MINIMUM_NODES, seed=1, clock=SteppingClock())
    prepared = {"restored": "file deleted", "purged": "file deleted"}
    if kind in prepared:
        assert change(world, Random(1), prepared[kind]) is not None
    before = (fingerprint(world), repr(list(world.trashcan)), repr(world.sites))
    done = change(world, Random(2), kind)
    assert done is not None
    assert str(done).startswith(f"{kind}: {done.subject}")
    assert (fingerprint(world), repr(list(world.trashcan)), repr(world.sites)) != before


def test_a_change_that_has_nothing_to_change_does_nothing() -> None:
    world = generate_world(MINIMUM_NODES, seed=1)
    before = fingerprint(world)
    assert change(world, Random(1), "restored") is None
    assert change(world, Random(1), "purged") is None
    assert fingerprint(world) == before
