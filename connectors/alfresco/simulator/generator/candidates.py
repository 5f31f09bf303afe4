"""What there is to change in a repository: the nodes, people and groups that changes pick from."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from connectors.alfresco.simulator.model import GUEST, Node
from connectors.alfresco.simulator.node_store import ADMIN
from connectors.alfresco.simulator.world import World

T = TypeVar("T")

Done = tuple[str, str] | None  # what was changed and how; None where there was nothing to change

_LARGEST_DELETED_SHARE = 0.05  # a folder with more of the world below it stays: worlds must survive long sequences
_NEW_NUMBERS = 1 << 40  # contents and names of changes are numbered far above those of any generated node


def is_fixed(world: World, node: Node) -> bool:
    """Return whether a node belongs to the installation or to a site's frame."""
    return (
        node.parent_id in {None, world.root.id, world.user_homes.id, world.sites_folder.id}
        or "st:siteContainer" in node.aspects
    )


def files(world: World) -> list[Node]:
    return [node for node in world.nodes.values() if node.node_type == "cm:content"]


def folders(world: World) -> list[Node]:
    """Return the folders that people made."""
    return [node for node in world.nodes.values() if node.node_type == "cm:folder" and not is_fixed(world, node)]


def places(world: World) -> list[Node]:
    """Return where people put files: their own folders, the libraries and what lies directly below the root."""
    homes = {world.user_homes.id, world.root.id}
    return [
        node
        for node in world.nodes.values()
        if node.node_type == "cm:folder" and node.id not in homes and node.parent_id not in homes - {world.root.id}
    ]


def people(world: World) -> list[str]:
    return [user for user in world.directory.people if user not in {ADMIN, GUEST}]


def groups(world: World) -> list[str]:
    return [group_id for group_id, group in world.directory.groups.items() if "APP.DEFAULT" in group.zones]


def pick(rng: Random, candidates: Iterable[T]) -> T | None:
    found = list(candidates)
    return rng.choice(found) if found else None


def fresh(rng: Random) -> int:
    """Return a number that no document has."""
    return _NEW_NUMBERS + rng.getrandbits(40)


def is_small(world: World, folder: Node) -> bool:
    return sum(1 for _ in world.subtree(folder)) <= max(10, _LARGEST_DELETED_SHARE * len(world.nodes))
