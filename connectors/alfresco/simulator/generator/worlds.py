"""Builds generated worlds: installation, people, sites and cases first, then nodes until the number is reached.

Each part draws from a random stream of its own, so that more nodes leave the people as they were.
"""

from __future__ import annotations

from math import isqrt
from random import Random

from connectors.alfresco.simulator.generator.cases import add_cases
from connectors.alfresco.simulator.generator.growth import Growth
from connectors.alfresco.simulator.generator.history import History
from connectors.alfresco.simulator.generator.people import Staff, dissolve, populate
from connectors.alfresco.simulator.generator.texts import MIME_TYPES, GeneratedContent, title
from connectors.alfresco.simulator.model import EVERYONE, Node, Visibility
from connectors.alfresco.simulator.sites import SiteRole
from connectors.alfresco.simulator.tree import Clock, NodeOrId
from connectors.alfresco.simulator.world import World, system_clock

MINIMUM_NODES = 60  # what the installation, the people, the sites and the cases need
ARCHIVE = "Archive"
WIDE_FOLDER = "Incoming"

_VISIBILITIES: tuple[Visibility, ...] = ("PUBLIC", "MODERATED", "PRIVATE")
_SMALLEST_STAFF = 8
_WIDE_SHARE = 10  # one node in ten lies in the wide folder
_NODES_PER_EXTRA_SITE = 15_000  # beside the three that every world has


def generate_world(nodes: int, *, seed: int, name: str = "generated", clock: Clock = system_clock) -> World:
    """Return a repository of exactly `nodes` nodes; `clock` runs for what happens to it afterwards.

    Everybody's password is their id. Documents lie in the sites and in `/Company Home/Archive`.
    """
    if nodes < MINIMUM_NODES:
        raise ValueError(f"a generated world has at least {MINIMUM_NODES} nodes, not {nodes}")
    history = History(nodes, then=clock)
    world = World(name=name, clock=history)
    staff = populate(world, max(_SMALLEST_STAFF, isqrt(nodes)), _stream(seed, "people"))
    libraries = _add_sites(world, 3 + nodes // _NODES_PER_EXTRA_SITE, staff, _stream(seed, "sites"))
    archive = world.add_folder(world.root, ARCHIVE)
    world.set_permissions(archive, entries=[("GROUP_company", "Contributor")])
    add_cases(world, archive, number=nodes)  # numbers that no grown document has
    dissolve(world)
    wide = world.add_folder(archive, WIDE_FOLDER)
    grown = Growth(world, staff, _stream(seed, "growth"), history, first_number=seed % 1000 * 10_000_000)
    grown.fill(wide, min(nodes // _WIDE_SHARE, nodes - len(world.nodes)))
    grown.grow([*libraries, archive], until=nodes)
    history.end()
    return world


def flat_world(
    documents: int, *, seed: int = 0, per_folder: int | None = None, name: str = "flat", clock: Clock = system_clock
) -> tuple[World, Node]:
    """Return a world with one folder of so many documents that all inherit from it, and that folder.

    One `set_permissions` on the folder changes who may read every document. `per_folder` spreads the documents over
    subfolders. The folder's list is its own: GROUP_readers with `reader`, whose password is `reader`.
    """
    history = History(documents, then=clock)
    world = World(name=name, clock=history)
    world.add_person("reader", first_name="Rea", last_name="Der", email="reader@example.com", password="reader")  # noqa: S106 - told above
    world.add_group("GROUP_readers", members=["reader"])
    folder = world.add_folder(world.root, "Bulk")
    world.set_permissions(folder, inherit=False, entries=[("GROUP_readers", "Consumer")])
    add_documents(world, folder, documents, seed=seed, per_folder=per_folder)
    history.end()
    return world, folder


def add_documents(
    world: World, folder: NodeOrId, documents: int, *, seed: int = 0, per_folder: int | None = None
) -> None:
    """Add documents without permissions of their own to a folder, or to new folders of `per_folder` each."""
    first, types = seed % 1000 * 10_000_000, list(MIME_TYPES)
    place = world.node(folder)
    for position in range(documents):
        if per_folder is not None and position % per_folder == 0:
            place = world.add_folder(folder, f"{position // per_folder:06d}")
        number, mime_type = first + position, types[position % len(types)]
        file_name = f"{position:07d} {title(number)}.{MIME_TYPES[mime_type]}"
        world.add_file(place, file_name, GeneratedContent(number, mime_type))


def wide_folder(world: World) -> Node:
    """Return the folder of a generated world that a tenth of its nodes lies in."""
    archive = world.child_named(world.root, ARCHIVE)
    folder = archive and world.child_named(archive, WIDE_FOLDER)
    if folder is None:
        raise ValueError(f"world {world.name!r} was not generated, or its wide folder is gone")
    return folder


def _add_sites(world: World, sites: int, staff: Staff, rng: Random) -> list[Node]:
    """Add sites of all visibilities with groups and people as members; returns their document libraries."""
    libraries = []
    for number in range(sites):
        members: dict[str, SiteRole] = {
            staff.groups[number % len(staff.groups)]: "SiteCollaborator",
            rng.choice(staff.groups): "SiteContributor",
            rng.choice(staff.people): "SiteManager",
            "left.staff": "SiteConsumer",
        }
        site_id = f"site{number:02d}"
        visibility = _VISIBILITIES[number % len(_VISIBILITIES)]
        world.add_site(site_id, title=f"{visibility.title()} site {number}", visibility=visibility, members=members)
        libraries.append(world.document_library(site_id))
    everyone_writes = world.document_library("site00")
    world.set_permissions(everyone_writes, entries=[(EVERYONE, "Contributor")])
    return libraries


def _stream(seed: int, part: str) -> Random:
    return Random(f"{seed}/{part}")  # noqa: S311 - reproducible, not secret
