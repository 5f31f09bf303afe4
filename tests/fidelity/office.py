"""The repository that the checks ask about: small, and with every oddity that an answer can depend on.

Who may read what is written down in the checks, name by name: the simulator's own decision is under test as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import Comment, Node

PDF = b"%PDF-1.7\n\xe2\xe3\xcf\xd3\x00\xff" + bytes(range(256))
MINUTES = 103  # files in one folder: more than the repository's default page of 100
_STEP = timedelta(seconds=61, milliseconds=7)  # so that no two moments are alike and none is a whole second


class Clock:
    """Steps on with every change while the office is furnished; later only when told to."""

    def __init__(self) -> None:
        self.moment = datetime(2024, 2, 28, 22, 58, 59, 7000, tzinfo=UTC)
        self.step = _STEP

    def __call__(self) -> datetime:
        self.moment += self.step
        return self.moment

    def advance(self, time: timedelta) -> None:
        self.moment += time


@dataclass
class Office:
    """The world and the nodes that the checks name."""

    world: World
    clock: Clock
    handbook: Node
    plan: Node
    minutes: Node
    shelf: Node
    comments: list[Comment]

    def named(self, name: str) -> Node:
        """Return a child of the handbook."""
        node = self.world.child_named(self.handbook, name)
        assert node is not None, name
        return node


def furnish() -> Office:
    """Build the office; two of them are alike."""
    clock = Clock()
    world = World(name="office", clock=clock)
    world.modules["org_alfresco_module_rm"] = ("AGS Repo", "23.4.0")
    _people(world)
    _sites(world)
    library = world.document_library("hr")
    handbook = world.add_folder(library, "Handbook", creator="bob", properties={"cm:description": "How we work"})
    plan = _plan(world, handbook)
    comments = _comments(world, plan)
    shelf = world.add_folder(world.document_library("news"), "Shelf")
    _other_children(world, handbook, plan, shelf)
    _permissions(world, handbook)
    minutes = world.add_folder(library, "Minutes")
    for number in range(MINUTES):
        world.add_file(minutes, f"Minutes {number:03d}.txt", b"%d" % number)
    clock.step = timedelta(0)
    return Office(world, clock, handbook, plan, minutes, shelf, comments)


def _people(world: World) -> None:
    world.add_person(
        "alice", first_name="Alice", last_name="Archer", email="alice@example.com", password="alice", job_title="Clerk"
    )
    world.add_person("bob", first_name="Bob", last_name="Zander", email="bob@example.com", password="bob")
    world.add_person("Carol", first_name="Carol", email="carol@example.com", password="Carol")
    world.add_person("jörg@example.com", first_name="Jörg", last_name="Müller", email="jörg@example.com")
    world.add_person("dave", first_name="Dave", last_name="Dean", password="dave")  # no e-mail address
    world.add_person("erin", first_name="Erin", last_name="Eve", email="erin@example.com", password="erin")
    world.disable_person("erin")
    world.add_person("robot", email="robot@example.com", password="robot", is_service_account=True)
    world.add_group("GROUP_lab", members=["alice"], display_name="Laboratory")
    world.add_group("GROUP_staff", members=["GROUP_lab", "bob"], display_name="All staff", description="Everybody")
    world.add_group("GROUP_Trainees")
    world.add_group("GROUP_R&D Team", members=["Carol"])


def _sites(world: World) -> None:
    world.add_site(
        "hr",
        title="Human Resources",
        description="People matters",
        visibility="PRIVATE",
        members={"GROUP_staff": "SiteConsumer", "bob": "SiteCollaborator"},
    )
    world.add_site("news", title="Daily news", visibility="PUBLIC")
    world.add_site("board", title="Board room", visibility="MODERATED", members={"Carol": "SiteContributor"})
    world.add_site("attic", title="attic", visibility="PRIVATE", document_library=False)


def _plan(world: World, handbook: Node) -> Node:
    """Add the file whose every field means something."""
    world.define_type("acme:plan", parent="cm:content")
    plan = world.add_file(
        handbook,
        "Plan.pdf",
        b"draft",
        "application/pdf",
        node_type="acme:plan",
        creator="alice",
        aspects=["cm:taggable", "sys:localized", "acme:reviewed"],
        properties={
            "cm:title": "The plan",
            "acme:pages": 12,
            "acme:ratio": 0.5,
            "acme:final": False,
            "acme:due": datetime(2024, 12, 24, 19, 30, tzinfo=timezone(timedelta(hours=1))),
            "acme:labels": ["red", "blue"],
            "acme:blank": "",
            "acme:none": [],
            "sys:locale": "en",
            "cm:autoVersion": True,
        },
    )
    world.set_content(plan, PDF, by="bob")
    return plan


def _comments(world: World, plan: Node) -> list[Comment]:
    comments = [
        world.add_comment(plan, author, f"<p>{text}</p>")
        for author, text in (("alice", "First"), ("bob", "Second & last"), ("alice", "Third"))
    ]
    world.edit_comment(comments[1], "<p>Second</p>", by="admin")
    return comments


def _other_children(world: World, handbook: Node, plan: Node, shelf: Node) -> None:
    world.add_folder(handbook, "zoo")
    world.add_folder(handbook, "Annex")
    world.add_folder(handbook, "Forum", node_type="fm:forum")
    world.add_folder(handbook, "System", node_type="cm:systemfolder")
    world.add_file(handbook, "abc.txt", b"", properties={"cm:title": "zz"})
    world.add_file(handbook, "Ünïcode & more.md", "# Größe\n".encode(), "text/markdown")
    world.add_file(handbook, "lost.doc", None, "application/msword")
    world.add_file(handbook, "locked.txt", b"locked", properties={"cm:lockOwner": "bob", "cm:title": "The aim"})
    world.add_file(handbook, "latin.txt", "Größe".encode("latin-1"), encoding="ISO-8859-1")
    world.add_link(handbook, "plan link", plan)
    world.add_link(handbook, "shelf link", shelf)
    flyer = world.add_file(shelf, "flyer.txt", b"flyer")
    world.add_secondary_child(handbook, flyer)


def _permissions(world: World, handbook: Node) -> None:
    """Add what only some of the site's members may read."""
    denied = world.add_file(handbook, "denied.txt", b"denied")
    world.set_permissions(denied, entries=[("GROUP_lab", "Consumer", "DENIED"), ("alice", "Editor")])
    owned = world.add_file(handbook, "owned.txt", b"owned", owner="alice")
    world.set_permissions(owned, entries=[("alice", "Consumer", "DENIED")])
    secret = world.add_folder(handbook, "secret")
    world.set_permissions(secret, inherit=False, entries=[("GROUP_R&D Team", "Consumer")])
    world.add_file(secret, "formula.txt", b"E=mc2", creator="bob")
    orphaned = world.add_file(handbook, "orphaned.txt", b"nobody's", creator="alice", owner="")
    world.set_permissions(orphaned, inherit=False, entries=[("GROUP_gone", "Consumer")])
    part = world.add_file(handbook, "part.txt", b"part")
    world.set_permissions(part, inherit=False, entries=[("alice", "ReadProperties"), ("bob", "Consumer")])
