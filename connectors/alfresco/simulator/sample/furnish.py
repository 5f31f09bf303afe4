"""The few moves by which a sample repository is furnished: accounts, dated documents, restrictions, comments."""

from collections.abc import Iterable
from datetime import UTC, datetime

from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_store import ADMIN, Entry
from connectors.alfresco.simulator.sample.render import media_type, sample_document
from connectors.alfresco.simulator.world import World

CRAWLER = "crawler"
"""The account that a search service reads with: an administrator of the repository, no person."""


def sample_password(user: str) -> str:
    """Returns the password of a sample account; `admin` keeps that of a fresh installation."""
    return ADMIN if user == ADMIN else f"{user}-demo"


def on_day(day: int, *, hour: int = 9) -> datetime:
    """Returns a moment in March 2024, the month in which the sample repositories came to be."""
    return datetime(2024, 3, day, hour, tzinfo=UTC)


def add_crawler(world: World) -> None:
    """Adds the crawler's account; it has no e-mail address, so no reader's token can name it."""
    world.add_person(
        CRAWLER, first_name="Search", last_name="Crawler", password=sample_password(CRAWLER), is_admin=True
    )


def add_person(
    world: World, user: str, display_name: str, *, email: str | None = None, job_title: str = "", enabled: bool = True
) -> None:
    """Adds a person who logs in with the sample password."""
    first_name, _, last_name = display_name.rpartition(" ")
    world.add_person(
        user,
        first_name=first_name,
        last_name=last_name,
        email=email,
        job_title=job_title,
        enabled=enabled,
        password=sample_password(user),
    )


def publish(
    world: World,
    folder: Node,
    name: str,
    *,
    title: str,
    at: datetime,
    creator: str = ADMIN,
    owner: str | None = None,
    aspects: Iterable[str] = (),
) -> Node:
    """Files a sample document under its own name, with the permissions of the folder."""
    with world.at(at):
        return world.add_file(
            folder,
            name,
            sample_document(name),
            media_type(name),
            creator=creator,
            owner=owner,
            aspects=("cm:titled", *aspects),
            properties={"cm:title": title},
        )


def restrict(world: World, node: Node, *readers: Entry) -> None:
    """Cuts the node off from its folder's permissions and admits only those named."""
    with world.at(node.created_at):
        world.set_permissions(node, inherit=False, entries=readers)


def comment(world: World, node: Node, *, author: str, at: datetime, html: str) -> None:
    """Adds a comment as Alfresco Share stores it: a fragment of HTML."""
    with world.at(at):
        world.add_comment(node, author, html)
