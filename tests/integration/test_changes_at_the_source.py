"""Changes at the source: after the next sync exactly those find a document whom the source itself lets find it.

Each row changes something in the simulated repositories; then every person browses over HTTP, and the repository's own
decision (`World.may_find`) says what they must see: no more, and no less.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from connectors.alfresco.simulator import World, sample
from indexer.state.run_history import RunState
from tests.integration.whole_system import (
    DEV_1,
    DEV_2,
    KENDRA_1,
    KENDRA_3,
    MANAGER,
    OUTSIDER,
    WholeSystem,
    whole_system,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESSES = (DEV_1, DEV_2, MANAGER, KENDRA_1, KENDRA_3, OUTSIDER)
PRIVATE_SITE, PUBLIC_SITE = sample.CLOUD_PRIVATE_SITE, sample.CLOUD_PUBLIC_SITE
PILLAR = "wellarchitected-sustainability-pillar.pdf"


@dataclass(frozen=True)
class Change:
    """Something that happens at the source, and how many documents a sync then reads."""

    name: str
    make: Callable[[World, World], object]
    reads: int = 0


def of(world: World, name: str) -> str:
    """The id of the document with this name."""
    return next(node.id for node in world.subtree(world.root) if node.name == name)


def readdress(world: World, user: str, email: str) -> None:
    world.directory.people[user].email = email


def library(world: World, site: str) -> str:
    return world.document_library(site).id


CHANGES = (
    Change("nothing", lambda onprem, cloud: None),
    Change("a person joins a nested group", lambda onprem, cloud: onprem.join_group("outsider", "GROUP_developers")),
    Change("a person leaves it", lambda onprem, cloud: onprem.leave_group("outsider", "GROUP_developers")),
    Change("a group joins a group", lambda onprem, cloud: onprem.join_group("GROUP_management", "GROUP_developers")),
    Change("and leaves it", lambda onprem, cloud: onprem.leave_group("GROUP_management", "GROUP_developers")),
    Change("a person is disabled", lambda onprem, cloud: onprem.disable_person("mydevuser2")),
    Change("and enabled again", lambda onprem, cloud: onprem.enable_person("mydevuser2")),
    Change(
        "a file's list is opened to one more person",
        lambda onprem, cloud: onprem.set_permissions(
            of(onprem, "ChannelMarketingBudget.xlsx"), inherit=False, entries=[("mydevuser1", "Consumer")]
        ),
        reads=1,
    ),
    Change(
        "a folder's list admits another group",
        lambda onprem, cloud: onprem.set_permissions(
            of(onprem, "Architecture"), inherit=False, entries=[("GROUP_management", "SiteConsumer")]
        ),
    ),
    Change(
        "a folder inherits again",
        lambda onprem, cloud: onprem.set_permissions(of(onprem, "Architecture"), inherit=True, entries=[]),
    ),
    Change(
        "a denial high in the tree",
        lambda onprem, cloud: onprem.set_permissions(
            library(onprem, sample.ONPREM_SITE),
            inherit=False,
            entries=[("GROUP_developers", "Consumer"), ("mydevuser1", "Consumer", "DENIED")],
        ),
    ),
    Change(
        "a document changes its owner",
        lambda onprem, cloud: onprem.set_owner(of(onprem, "WorldPopulation.csv"), "mymanageruser3"),
        reads=1,
    ),
    Change(
        "a denied owner",
        lambda onprem, cloud: onprem.set_owner(of(onprem, "WorkDocs.docx"), "mydevuser1"),
        reads=1,
    ),
    Change("a private site becomes public", lambda onprem, cloud: cloud.set_site_visibility(PRIVATE_SITE, "PUBLIC")),
    Change("and private again", lambda onprem, cloud: cloud.set_site_visibility(PRIVATE_SITE, "PRIVATE")),
    Change("a public site becomes private", lambda onprem, cloud: cloud.set_site_visibility(PUBLIC_SITE, "PRIVATE")),
    Change("and public again", lambda onprem, cloud: cloud.set_site_visibility(PUBLIC_SITE, "PUBLIC"), reads=5),
    Change(
        "a document moves under another folder's list",
        lambda onprem, cloud: cloud.move(of(cloud, "ML_Training.pptx"), of(cloud, "Architecture")),
    ),
    Change(
        "its own list is dropped",
        lambda onprem, cloud: cloud.set_permissions(of(cloud, "ML_Training.pptx"), inherit=True, entries=[]),
        reads=1,
    ),
    Change("a document is renamed", lambda onprem, cloud: onprem.rename(of(onprem, PILLAR), "pillar.pdf"), reads=1),
    Change("a document is deleted", lambda onprem, cloud: cloud.delete(of(cloud, "batch_user.pdf"))),
    Change("a group is removed", lambda onprem, cloud: onprem.remove_authority("GROUP_developers")),
    Change(
        "a group of the same name is made for others",
        lambda onprem, cloud: onprem.add_group("GROUP_developers", members=["outsider"]),
    ),
    Change("a person is removed", lambda onprem, cloud: cloud.remove_authority("kendrauser3")),
    Change("two people have one address", lambda onprem, cloud: readdress(onprem, "mydevuser2", MANAGER)),
    Change("the address goes to the second", lambda onprem, cloud: readdress(onprem, "mymanageruser3", DEV_2)),
    Change("a folder leaves the site", lambda onprem, cloud: onprem.move(of(onprem, "Architecture"), onprem.shared)),
    Change("a folder is deleted", lambda onprem, cloud: cloud.delete(of(cloud, "Architecture"))),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    async with whole_system(Path(tmp_path_factory.mktemp("changes"))) as running:
        await running.sync_all()
        yield running


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
async def test_after_the_next_sync_each_person_finds_what_the_source_lets_them_find(
    system: WholeSystem, change: Change
) -> None:
    """The rows build on each other, in their order."""
    change.make(system.worlds["onprem"], system.worlds["cloud"])
    read_before = system.content_requests()
    reports = await system.sync_all(confirm_deletes=True)
    assert {run.state for run in reports.values()} == {RunState.SUCCEEDED}
    assert system.content_requests() - read_before <= change.reads
    for email in ADDRESSES:
        found = {result["document_id"] for result in await browse(system, "private", email)}
        assert found == permitted(system, email), email
    assert {result["document_id"] for result in await browse(system, "public", None)} == public(system)


async def browse(system: WholeSystem, index: str, email: str | None) -> list[dict[str, str]]:
    answer = (await system.ask(index, {"query": "", "page": {"size": 100}, "facets": ["source"]}, email=email)).json()
    results: list[dict[str, str]] = answer["results"]
    assert answer["total"]["value"] == len(results) == sum(count["count"] for count in answer["facets"]["source"])
    return results


def permitted(system: WholeSystem, email: str) -> set[str]:
    """What the repositories' own decisions let a person find in the sources of the private index."""
    onprem, cloud = system.worlds["onprem"], system.worlds["cloud"]
    return {
        *_findable(onprem, _user(onprem, email), "onprem-private", files(onprem, sample.ONPREM_SITE)),
        *_findable(onprem, _user(onprem, email), "onprem-aspect", tagged(onprem)),
        *_findable(cloud, _user(cloud, email), "cloud-private", files(cloud, PRIVATE_SITE)),
    }


def public(system: WholeSystem) -> set[str]:
    """What a person without any group may find of the public source."""
    cloud = system.worlds["cloud"]
    return _findable(cloud, "outsider", "cloud-public", files(cloud, PUBLIC_SITE))


def _user(world: World, email: str) -> str | None:
    """The one enabled person of the address."""
    people = [person for person in world.directory.people.values() if person.email == email]
    return people[0].id if len(people) == 1 and people[0].enabled else None


def _findable(world: World, user: str | None, source: str, node_ids: set[str]) -> set[str]:
    if user is None:
        return set()
    return {f"{source}/{node_id}" for node_id in node_ids if world.may_find(user, node_id)}


def files(world: World, site: str) -> set[str]:
    return {node.id for node in world.subtree(world.document_library(site)) if node.content is not None}


def tagged(world: World) -> set[str]:
    folder = world.node(of(world, sample.ONPREM_FOLDER))
    return {node.id for node in world.subtree(folder) if sample.INDEX_CONTROL in node.aspects}
