"""The third opinion: the oracle of these tests agrees with the simulated server about everybody and everything."""

from __future__ import annotations

from random import Random

import pytest

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.generator import generate_world, random_change
from tests.proof.oracle import Oracle

# Of the role groups' entries: the whole of what SiteServiceImpl gives.
_ROLES = ("SiteManager", "SiteCollaborator", "SiteContributor", "SiteConsumer")


@pytest.mark.parametrize(("nodes", "seed"), [(60, 1), (60, 2), (300, 3), (1_000, 1), (1_000, 2)])
def test_the_oracle_and_the_server_agree_on_a_generated_world(nodes: int, seed: int) -> None:
    _agree(generate_world(nodes, seed=seed))


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_after_each_of_many_changes(seed: int) -> None:
    world, rng = generate_world(60, seed=seed), Random(seed)
    for _ in range(60):
        done = random_change(world, rng)
        _agree(world, after=str(done))


@pytest.mark.large
@pytest.mark.parametrize("nodes", [20_000, 100_000])
def test_they_agree_on_a_large_world(nodes: int) -> None:
    world = generate_world(nodes, seed=1)
    _agree(world, people=Random(1).sample(list(world.directory.people), k=40))


@pytest.mark.parametrize("visibility", ["PUBLIC", "MODERATED", "PRIVATE"])
def test_a_site_has_the_entries_of_its_visibility(visibility: str) -> None:
    world = World(name="site")
    site = world.add_site("hr", visibility=visibility)  # type: ignore[arg-type]  # one of the three
    folder, library = world.node(site.node_id), world.document_library("hr")
    of_roles = {(f"GROUP_site_hr_{role}", role, "ALLOWED") for role in _ROLES}
    of_all = {("GROUP_EVERYONE", "SiteConsumer", "ALLOWED")} if visibility != "PRIVATE" else set()
    assert set(folder.entries) == of_roles | of_all | {("GROUP_EVERYONE", "ReadPermissions", "ALLOWED")}
    assert not folder.inherits_permissions
    assert set(library.entries) == (set() if visibility == "PUBLIC" else of_roles)
    assert library.inherits_permissions == (visibility == "PUBLIC")


def _agree(world: World, *, people: list[str] | None = None, after: str = "") -> None:
    oracle = Oracle(world)
    files = {node.id for node in world.nodes.values() if node.node_type == "cm:content"}
    for person in people or world.directory.people:
        of_server = {node_id for node_id in files if world.may_find(person, node_id)}
        assert oracle.findable(person, files) == of_server, f"{person} {after}"
