"""The sample repositories grant exactly what their README promises, person by person and document by document."""

from collections.abc import Callable
from functools import cache

import pytest

from connectors.alfresco.simulator.model import Comment, Node
from connectors.alfresco.simulator.permissions import Right
from connectors.alfresco.simulator.sample import (
    CLOUD_PRIVATE_SITE,
    CLOUD_PUBLIC_SITE,
    CRAWLER,
    INDEX_CONTROL,
    ONPREM_FOLDER,
    ONPREM_SITE,
    SAMPLE_TEXTS,
    cloud_world,
    onprem_world,
    sample_password,
)
from connectors.alfresco.simulator.world import World

ADMINISTRATORS = {"admin", CRAWLER}
CLOUD_EVERYONE = {"kendrauser1", "kendrauser2", "kendrauser3", "kendrauser5", "outsider"}
WORLDS = {"onprem": onprem_world, "cloud": cloud_world}

READERS = {
    "onprem": {
        "ChannelMarketingBudget.xlsx": {"mymanageruser3"},
        "wellarchitected-sustainability-pillar.pdf": {"mydevuser1", "mydevuser2"},
        "WorkDocs.docx": {"mydevuser1", "mydevuser2", "mymanageruser3"},
        "WorldPopulation.csv": {"mydevuser1", "mydevuser2", "mymanageruser3"},
        "Polly-dg.pdf": {"mydevuser1"},
        "Transcribe-api.pdf": {"mydevuser1"},
        "Voice-Project-Brief.docx": {"mydevuser1", "mydevuser2", "mycontractor5"},
        "Studio-Booking.html": {"mydevuser1", "mydevuser2", "mycontractor5"},
        "Release-Checklist.txt": {"mydevuser1", "mydevuser2"},
    },
    "cloud": {
        "DDoS_White_Paper.pdf": {"kendrauser3"},
        "wellarchitected-framework.pdf": {"kendrauser3"},
        "ML_Training.pptx": {"kendrauser1"},
        "batch_user.pdf": CLOUD_EVERYONE,
        "Amazon Simple Storage Service – User Guide.pdf": CLOUD_EVERYONE,
        "AWS Batch – User Guide.pdf": CLOUD_EVERYONE,
        "Amazon Detective.docx": CLOUD_EVERYONE,
        "Pricing.xlsx": CLOUD_EVERYONE,
    },
}

PLACES = {
    ONPREM_SITE: {
        "ChannelMarketingBudget.xlsx",
        "wellarchitected-sustainability-pillar.pdf",
        "WorkDocs.docx",
        "WorldPopulation.csv",
    },
    ONPREM_FOLDER: {
        "Polly-dg.pdf",
        "Transcribe-api.pdf",
        "Voice-Project-Brief.docx",
        "Studio-Booking.html",
        "Release-Checklist.txt",
    },
    CLOUD_PRIVATE_SITE: {"DDoS_White_Paper.pdf", "wellarchitected-framework.pdf", "ML_Training.pptx"},
    CLOUD_PUBLIC_SITE: {
        "batch_user.pdf",
        "Amazon Simple Storage Service – User Guide.pdf",
        "AWS Batch – User Guide.pdf",
        "Amazon Detective.docx",
        "Pricing.xlsx",
    },
}


@cache
def sample_world(name: str) -> World:
    """Returns a world that the tests of this file share and leave as it is."""
    return WORLDS[name]()


def documents(world: World) -> dict[str, Node]:
    return {node.name: node for node in world.nodes.values() if node.content}


def commented(world: World) -> list[tuple[Node, Comment]]:
    return [(node, comment) for node in documents(world).values() for comment in node.comments]


def place(world: World, node: Node) -> str:
    names = {ancestor.name for ancestor in world.ancestors(node)}
    (found,) = names & PLACES.keys()
    return found


@pytest.mark.parametrize("world_name", WORLDS)
def test_every_person_reads_exactly_the_documents_of_the_table(world_name: str) -> None:
    world = sample_world(world_name)
    granted = {
        name: {user for user in world.directory.people if world.may_read(user, node.id)}
        for name, node in documents(world).items()
    }
    assert granted == {name: readers | ADMINISTRATORS for name, readers in READERS[world_name].items()}


@pytest.mark.parametrize("world_name", WORLDS)
def test_search_and_node_requests_agree_on_every_document(world_name: str) -> None:
    world = sample_world(world_name)
    for node in documents(world).values():
        for user in world.directory.people:
            assert world.may_find(user, node.id) == world.may_read(user, node.id)


def test_every_document_lies_where_the_walk_through_expects_it() -> None:
    found: dict[str, set[str]] = {}
    for world in map(sample_world, WORLDS):
        for name, node in documents(world).items():
            found.setdefault(place(world, node), set()).add(name)
    assert found == PLACES


def test_every_sample_text_is_published_once() -> None:
    names = [node.name for world in map(sample_world, WORLDS) for node in world.nodes.values() if node.content]
    assert sorted(names) == sorted(SAMPLE_TEXTS)


def test_only_the_two_guides_carry_the_aspect() -> None:
    marked = {name for name, node in documents(sample_world("onprem")).items() if INDEX_CONTROL in node.aspects}
    assert marked == {"Polly-dg.pdf", "Transcribe-api.pdf"}


@pytest.mark.parametrize("world_name", WORLDS)
def test_no_owner_gains_what_the_permissions_withhold(world_name: str) -> None:
    world = sample_world(world_name)
    for name, node in documents(world).items():
        assert world.owner(node) in READERS[world_name][name] | ADMINISTRATORS


@pytest.mark.parametrize("world_name", WORLDS)
def test_comments_are_by_people_who_may_read_and_comment_the_document(world_name: str) -> None:
    world = sample_world(world_name)
    comments = commented(world)
    assert len({node.id for node, _ in comments}) >= 3
    for node, comment in comments:
        assert comment.author in READERS[world_name][node.name]
        assert world.access.may(comment.author, node, frozenset({Right.CREATE_CHILDREN}))


def test_a_disabled_person_is_in_a_group_that_would_let_them_read() -> None:
    for world_name, user, group in (
        ("onprem", "mydevuser4", "GROUP_developers"),
        ("cloud", "kendrauser4", "GROUP_architects"),
    ):
        directory = sample_world(world_name).directory
        assert user in directory.groups[group].members
        assert not directory.people[user].enabled


@pytest.mark.parametrize("world_name", WORLDS)
def test_people_have_distinct_addresses_and_some_have_none(world_name: str) -> None:
    people = [
        person for person in sample_world(world_name).directory.people.values() if person.id not in {"admin", "guest"}
    ]
    addresses = [person.email for person in people if person.email]
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith("@example.com") for address in addresses)
    assert {person.id for person in people if not person.email} > {CRAWLER}


@pytest.mark.parametrize("world_name", WORLDS)
def test_everyone_but_the_guest_logs_in_with_the_sample_password(world_name: str) -> None:
    people = sample_world(world_name).directory.people.values()
    assert all(person.password == sample_password(person.id) for person in people if person.id != "guest")


@pytest.mark.parametrize("build", [onprem_world, cloud_world])
def test_two_starts_give_equal_documents(build: Callable[[], World]) -> None:
    first, second = documents(build()), documents(build())
    assert first == second
