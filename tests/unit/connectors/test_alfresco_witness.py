"""The second opinion on who finds what: by the rules, and as the readers themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.simulator import World, running_simulator
from connectors.alfresco.simulator.faults import kinds
from connectors.alfresco.simulator.generator import generate_world
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.witness import AlfrescoWitness
from connectors.alfresco.witness.facts import NodeFacts
from connectors.alfresco.witness.rules import Authorities, EntryOrder, statement_for
from tests.unit.connectors.simulator_client import a_world
from vocabulary.access import Principal
from vocabulary.documents import DocumentId
from vocabulary.errors import CredentialsRejected
from vocabulary.statements import Question, Standpoint, Statement, Verdict

SOURCE = "repository"


def basic(user: str, password: str | None = None) -> dict[str, object]:
    return {"kind": "basic", "username": user, "password": SecretStr(password or user)}


@asynccontextmanager
async def witness_of(world: World, *, user: str = "admin", **settings: object) -> AsyncIterator[AlfrescoWitness]:
    async with running_simulator(world) as url:
        config = AlfrescoConfig.model_validate({"url": url, "auth": basic(user), "sites": "all", **settings})
        async with AlfrescoWitness(SOURCE, config) as witness:
            yield witness


def question(user: str | None, node_id: str) -> Question:
    return Question(DocumentId(SOURCE, node_id), None if user is None else Principal.user(SOURCE, user))


async def say(witness: AlfrescoWitness, user: str | None, node: Node | str) -> Statement:
    node_id = node if isinstance(node, str) else node.id
    (statement,) = await witness.testify([question(user, node_id)])
    return statement


def files(world: World) -> list[Node]:
    return [node for node in world.nodes.values() if node.node_type == "cm:content"]


async def answered(witness: AlfrescoWitness, asked: Sequence[Question]) -> Mapping[Question, Statement]:
    """Ask until all is answered, as whoever uses a witness does: on a busy machine a connection may break."""
    said: dict[Question, Statement] = {}
    left = list(asked)
    for _ in range(5):
        said |= dict(zip(left, await witness.testify(left), strict=True))
        left = [each for each in asked if said[each].reason == "unavailable"]
    return said


async def wrong_answers(
    world: World, witness: AlfrescoWitness, people: Iterable[str]
) -> list[tuple[Question, Statement]]:
    asked = [question(user, node.id) for user in people for node in files(world)]
    assert asked
    said = await answered(witness, asked)
    expected = {
        each: Verdict.ALLOWED if world.may_find(each.reader.id, each.document_id.native_id) else Verdict.DENIED  # type: ignore[union-attr]
        for each in asked
    }
    assert {Verdict.ALLOWED, Verdict.DENIED} == set(expected.values())
    return [(each, said[each]) for each in asked if said[each].verdict is not expected[each]]


@pytest.mark.parametrize("seed", range(3))
async def test_it_says_of_everybody_and_everything_what_the_server_decides(seed: int) -> None:
    world = generate_world(150, seed=seed)
    async with witness_of(world) as witness:
        assert await wrong_answers(world, witness, world.directory.people) == []


async def test_readers_are_asked_as_themselves_where_their_credentials_are_there() -> None:
    world = generate_world(100, seed=5)
    reader = "user0001"
    async with witness_of(world, audit={"readers": {reader: basic(reader)}}) as witness:
        assert await wrong_answers(world, witness, [reader]) == []
        standpoints = {(await say(witness, reader, node)).standpoint for node in files(world)[:20]}
    assert Standpoint.READER in standpoints
    assert any(request.user == reader for request in world.request_log)


@pytest.fixture
def world() -> World:
    """A library whose list admits alice; bob's group is denied there."""
    world = a_world()
    world.add_group("GROUP_all", members=["bob"])
    world.add_site("hr", visibility="PRIVATE", members={"alice": "SiteConsumer", "bob": "SiteConsumer"})
    return world


@pytest.fixture
def file(world: World) -> Node:
    folder = world.add_folder(world.document_library("hr"), "folder")
    world.set_permissions(folder, entries=[("GROUP_all", "Consumer", "DENIED")])
    return world.add_file(folder, "plan.txt", b"text")


async def test_a_denial_of_a_group_beats_what_another_gives(world: World, file: Node) -> None:
    async with witness_of(world) as witness:
        assert (await say(witness, "alice", file)).verdict is Verdict.ALLOWED
        assert (await say(witness, "bob", file)).verdict is Verdict.DENIED


async def test_it_hears_of_each_change_with_the_next_question(world: World, file: Node) -> None:
    async with witness_of(world) as witness:
        assert (await say(witness, "alice", file)).verdict is Verdict.ALLOWED
        world.set_permissions(file, entries=[("alice", "Read", "DENIED")])
        assert (await say(witness, "alice", file)).verdict is Verdict.DENIED
        world.set_permissions(file, entries=[])
        world.disable_person("alice")
        assert (await say(witness, "alice", file)).verdict is Verdict.DENIED
        world.enable_person("alice")
        world.delete(file.id)
        assert (await say(witness, "alice", file)).verdict is Verdict.GONE


async def test_a_denied_owner_finds_nothing_although_the_server_opens_the_file(world: World, file: Node) -> None:
    world.set_owner(file, "bob")
    assert world.may_read("bob", file.id)
    async with witness_of(world, audit={"readers": {"bob": basic("bob")}}) as witness:
        assert (await say(witness, "bob", file)).verdict is Verdict.DENIED


async def test_nobody_is_a_person_by_another_case_of_their_name(world: World, file: Node) -> None:
    async with witness_of(world) as witness:
        assert (await say(witness, "ALICE", file)).verdict is Verdict.DENIED
        assert (await say(witness, "stranger", file)).verdict is Verdict.DENIED


async def test_anybody_finds_what_everyone_may_read_and_nobody_is_denied(world: World, file: Node) -> None:
    shared = world.add_file(world.shared, "menu.txt", b"text")
    async with witness_of(world) as witness:
        assert (await say(witness, None, shared)).verdict is Verdict.ALLOWED
        assert (await say(witness, None, file)).verdict is Verdict.DENIED
        world.set_permissions(shared, entries=[("alice", "Consumer", "DENIED")])
        assert (await say(witness, None, shared)).verdict is Verdict.DENIED


async def test_an_account_that_may_not_read_permissions_leaves_the_answer_open(world: World) -> None:
    folder = world.add_folder(world.shared, "folder")
    world.set_permissions(folder, inherit=False, entries=[("alice", "Consumer"), ("bob", "Consumer")])
    file = world.add_file(folder, "plan.txt", b"text")
    async with witness_of(world, user="bob") as witness:
        assert await say(witness, "alice", file) == Statement(Verdict.UNKNOWN, reason="permissions-unreadable")
    async with witness_of(world, user="bob", audit={"auth": basic("admin")}) as witness:
        assert (await say(witness, "alice", file)).verdict is Verdict.ALLOWED


async def test_only_administrators_are_told_of_the_groups_of_others(world: World, file: Node) -> None:
    world.add_person("svc", password="svc", is_service_account=True)
    async with witness_of(world, user="svc") as witness:
        assert await say(witness, "alice", file) == Statement(Verdict.UNKNOWN, reason="groups-refused")


def facts(node_id: str, *, own: Iterable[tuple[str, str]], inherited: Iterable[tuple[str, str]] = ()) -> NodeFacts:
    """A node with entries for all of Read, each of an authority and a status."""
    spelled = [
        [{"authorityId": authority, "name": "Consumer", "accessStatus": status} for authority, status in entries]
        for entries in (own, inherited)
    ]
    permissions = {"isInheritanceEnabled": True, "locallySet": spelled[0], "inherited": spelled[1]}
    return NodeFacts.model_validate({"id": node_id, "parentId": "above", "permissions": permissions})


@pytest.mark.parametrize(
    ("own", "inherited", "expected"),
    [
        ([], [("alice", "ALLOWED"), ("alice", "DENIED")], Verdict.UNKNOWN),  # either may be the nearer
        ([("alice", "ALLOWED")], [("alice", "ALLOWED"), ("alice", "DENIED")], Verdict.ALLOWED),
        ([("GROUP_all", "DENIED")], [("alice", "ALLOWED"), ("alice", "DENIED")], Verdict.DENIED),
        ([], [("alice", "ALLOWED"), ("bob", "ALLOWED"), ("bob", "DENIED")], Verdict.ALLOWED),
        ([], [("alice", "ALLOWED"), ("GROUP_all", "DENIED")], Verdict.DENIED),
        ([], [], Verdict.DENIED),
    ],
)
def test_where_a_distance_is_lost_nothing_is_guessed(
    own: list[tuple[str, str]], inherited: list[tuple[str, str]], expected: Verdict
) -> None:
    order = EntryOrder([facts("file", own=own, inherited=inherited)], is_whole=False, extra_granting=frozenset())
    reader = Authorities("alice", frozenset({"alice", "GROUP_all", "GROUP_EVERYONE"}))
    assert statement_for(reader, order, owner="admin").verdict is expected


async def test_a_server_that_fails_is_no_answer_and_no_error(world: World, file: Node) -> None:
    async with witness_of(world) as witness:
        world.faults.add(kinds.fail(503), path=rf"/nodes/{file.id}$")
        assert await say(witness, "alice", file) == Statement(Verdict.UNKNOWN, reason="unavailable")
        world.faults.clear()
        world.faults.add(kinds.proxy_page(404), path=rf"/nodes/{file.id}$")
        assert await say(witness, "alice", file) == Statement(Verdict.UNKNOWN, reason="unavailable"), "no 'gone'"


async def test_a_refused_account_is_an_error(world: World, file: Node) -> None:
    async with witness_of(world, audit={"auth": basic("admin", "wrong")}) as witness:
        with pytest.raises(CredentialsRejected):
            await say(witness, "alice", file)


async def test_a_reader_whose_sign_in_is_refused_is_judged_by_the_rules(world: World, file: Node) -> None:
    async with witness_of(world, audit={"readers": {"alice": basic("alice", "wrong")}}) as witness:
        assert await say(witness, "alice", file) == Statement(Verdict.ALLOWED, Standpoint.RULES)


async def test_a_fact_is_asked_for_once_in_a_round(world: World, file: Node) -> None:
    others = [world.add_file(world.node(str(file.parent_id)), f"{number}.txt", b"text") for number in range(5)]
    async with witness_of(world) as witness:
        await witness.testify([question(user, node.id) for node in [file, *others] for user in ("alice", "bob")])
    asked = [request.path for request in world.request_log]
    assert len(asked) == len(set(asked)), "no path twice"


@pytest.mark.parametrize("role", ["ROLE_LOCK_OWNER", "ROLE_SOMETHING"])
async def test_a_denied_role_whose_holders_nobody_lists_leaves_the_answer_open(
    world: World, file: Node, role: str
) -> None:
    world.set_permissions(file, entries=[(role, "Consumer", "DENIED")])
    async with witness_of(world) as witness:
        assert await say(witness, "alice", file) == Statement(Verdict.UNKNOWN, reason="role-holders-unknown")
        assert (await say(witness, "bob", file)).verdict is Verdict.DENIED
        assert (await say(witness, "admin", file)).verdict is Verdict.ALLOWED
