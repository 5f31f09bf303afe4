"""The resources by which an index follows the repository: transactions, nodes, ACLs and whom they admit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from simulator_client import SteppingClock, a_world, client

from connectors.alfresco.simulator.model import EVERYONE, Node

SOLR = "http://alfresco/alfresco/service/api/solr"
SECRET = {"X-Alfresco-Search-Secret": "s3cret"}


class Followed:
    """A folder of its own list with an inheriting folder and file, followed from the beginning."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = a_world(clock=self.clock)
        self.world.tracking.secret = "s3cret"
        self.folder = self.world.add_folder(self.world.root, "folder")
        self.inner = self.world.add_folder(self.folder, "inner")
        self.file = self.world.add_file(self.inner, "file.txt", b"text", creator="alice")
        self.world.set_permissions(self.folder, inherit=False, entries=[("alice", "Consumer")])

    async def ask(self, path: str, body: object = None, headers: dict[str, str] = SECRET) -> httpx.Response:
        async with client(self.world, None) as http:
            method = "GET" if body is None else "POST"
            return await http.request(method, f"{SOLR}/{path}", json=body, headers=headers)

    async def told(self, path: str, body: object = None) -> Any:
        answer = await self.ask(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def nodes_since(self, transaction_id: int) -> dict[str, str]:
        """Return the names of the nodes that later transactions touched, with their status."""
        told = await self.told("nodes", {"fromTxnId": transaction_id + 1})
        deleted = {node_id: node for tree in self.world.trashcan.values() for node_id, node in tree.nodes.items()}
        everything = {**deleted, **self.world.nodes}
        return {everything[node["nodeRef"].rpartition("/")[2]].name: node["status"] for node in told["nodes"]}

    async def acl_of(self, node: Node) -> int:
        told = await self.told("nodes", {"fromTxnId": 1})
        found: int = next(one["aclId"] for one in told["nodes"] if one["nodeRef"].endswith(node.id))
        return found

    async def readers_of(self, node: Node) -> tuple[list[str], list[str]]:
        (told,) = (await self.told("aclsReaders", {"aclIds": [await self.acl_of(node)]}))["aclsReaders"]
        return told["readers"], told["denied"]

    async def last_change_set(self) -> int:
        last: int = (await self.told("aclchangesets"))["maxChangeSetId"]
        return last

    async def acls_changed_since(self, change_set: int) -> set[int]:
        told = await self.told(f"aclchangesets?fromId={change_set + 1}")
        if not told["aclChangeSets"]:
            return set()
        sets = [one["id"] for one in told["aclChangeSets"]]
        acls = (await self.told("acls", {"aclChangeSetIds": sets}))["acls"]
        assert sum(one["aclCount"] for one in told["aclChangeSets"]) == len(acls)
        return {one["id"] for one in acls}


@pytest.fixture
def followed() -> Followed:
    return Followed()


@pytest.mark.parametrize("path", ["transactions", "aclchangesets"])
@pytest.mark.parametrize(
    "headers", [{}, {"X-Alfresco-Search-Secret": "wrong"}, {"Authorization": "Basic YWRtaW46YWRtaW4="}]
)
async def test_without_the_secret_nothing_is_told(followed: Followed, path: str, headers: dict[str, str]) -> None:
    assert (await followed.ask(path, headers=headers)).status_code == 403


async def test_tracking_is_closed_by_default(followed: Followed) -> None:
    followed.world.tracking.secret = a_world().tracking.secret
    for path, body in (("transactions", None), ("nodes", {}), ("aclsReaders", {"aclIds": [1]})):
        assert (await followed.ask(path, body)).status_code == 403
    assert (await followed.ask("transactions", headers={"X-Alfresco-Search-Secret": ""})).status_code == 403


async def test_transactions_count_what_they_touched_last(followed: Followed) -> None:
    before = followed.world.changes.last_id
    followed.world.set_content(followed.file, b"first")
    followed.clock.advance()
    followed.world.set_content(followed.file, b"second")
    followed.world.delete(followed.inner)
    told = await followed.told(f"transactions?minTxnId={before + 1}")
    counts = [(one["updates"], one["deletes"]) for one in told["transactions"]]
    assert counts == [(0, 0), (0, 0), (1, 2)]  # the folder is touched, what was in it is gone
    assert told["maxTxnId"] == followed.world.changes.last_id
    assert told["maxTxnCommitTime"] == told["transactions"][-1]["commitTimeMs"] == 1714555860123


async def test_transactions_are_cut_by_id_time_and_number(followed: Followed) -> None:
    async def ids(query: str) -> list[int]:
        return [one["id"] for one in (await followed.told(f"transactions?{query}"))["transactions"]]

    last = followed.world.changes.last_id
    followed.clock.advance()
    followed.world.set_content(followed.file, b"late")
    assert await ids("minTxnId=3&maxTxnId=6") == [3, 4, 5]
    assert await ids("maxResults=2") == [1, 2]
    assert await ids("fromCommitTime=1714555860123") == [last + 1]
    assert await ids("toCommitTime=1714555860123") == list(range(1, last + 1))


NODES: dict[str, tuple[Callable[[Followed], object], dict[str, str]]] = {
    "content": (lambda at: at.world.set_content(at.file, b"new"), {"file.txt": "u"}),
    "a deletion": (
        lambda at: at.world.delete(at.inner),
        {"inner": "d", "file.txt": "d", "folder": "u"},
    ),
    "a list that was there": (
        lambda at: at.world.set_permissions(at.folder, entries=[("bob", "Consumer")]),
        {},  # an ACL is edited, and no node gets another one
    ),
    "a list that is new": (
        lambda at: at.world.set_permissions(at.inner, entries=[("bob", "Consumer")]),
        {"inner": "u", "file.txt": "u"},  # the file inherits from another list now
    ),
    "a list that goes": (
        lambda at: at.world.set_permissions(at.folder, entries=[]),
        {"folder": "u", "inner": "u", "file.txt": "u"},
    ),
    "a move to another list": (
        lambda at: at.world.move(at.inner, at.world.shared),
        {"inner": "u", "file.txt": "u", "folder": "u", "Shared": "u"},
    ),
    "a restoration": (
        lambda at: (at.world.delete(at.inner), at.world.restore(at.inner.id)),
        {"inner": "u", "file.txt": "u", "folder": "u"},
    ),
}


@pytest.mark.parametrize(("change", "expected"), NODES.values(), ids=NODES)
async def test_a_change_touches_nodes(
    followed: Followed, change: Callable[[Followed], object], expected: dict[str, str]
) -> None:
    await followed.told("transactions")  # whoever follows from the beginning
    before = followed.world.changes.last_id
    change(followed)
    told = await followed.nodes_since(before)
    assert told == expected


@pytest.mark.parametrize(("change", "expected"), NODES.values(), ids=NODES)
async def test_whoever_follows_late_is_told_the_same_lists(
    followed: Followed, change: Callable[[Followed], object], expected: dict[str, str]
) -> None:
    change(followed)
    told = (await followed.told("nodes", {"fromTxnId": 1}))["nodes"]
    living = {one["nodeRef"].rpartition("/")[2]: one for one in told if one["status"] == "u"}
    assert living.keys() == followed.world.nodes.keys()
    for node_id, one in living.items():
        (lists,) = (await followed.told("aclsReaders", {"aclIds": [one["aclId"]]}))["aclsReaders"]
        verdicts = followed.world.access.readers(followed.world.nodes[node_id])
        assert (set(lists["readers"]), set(lists["denied"])) == (verdicts.readers, verdicts.denied)


async def test_nodes_come_by_transaction_from_a_node_on_and_in_number(followed: Followed) -> None:
    last = followed.world.changes.last_id
    everything = (await followed.told("nodes", {"fromTxnId": 1}))["nodes"]
    assert (await followed.told("nodes", {"txnIds": [last]}))["nodes"] == [everything[-1]]
    assert everything[-1]["txnId"] == last
    assert len((await followed.told("nodes", {"fromTxnId": 1, "maxResults": 2}))["nodes"]) == 2
    highest = max(one["id"] for one in everything)
    assert [one["id"] for one in (await followed.told("nodes", {"fromNodeId": highest}))["nodes"]] == [highest]


async def test_an_inheriting_node_shares_the_list_above_it(followed: Followed) -> None:
    acls = [await followed.acl_of(node) for node in (followed.folder, followed.inner, followed.file)]
    assert len(set(acls)) == 1
    assert acls[0] != await followed.acl_of(followed.world.root)


async def test_readers_and_denied_are_those_of_the_whole_chain(followed: Followed) -> None:
    world = followed.world
    assert await followed.readers_of(followed.file) == (["alice"], [])
    world.set_permissions(followed.inner, entries=[("alice", "Consumer", "DENIED"), ("bob", "Editor")])
    assert await followed.readers_of(followed.file) == (["bob"], ["alice"])
    assert await followed.readers_of(followed.folder) == (["alice"], [])
    assert await followed.readers_of(world.root) == ([EVERYONE], [])


async def test_a_list_above_alters_the_lists_that_inherit_from_it_and_no_others(followed: Followed) -> None:
    world = followed.world
    cut = world.add_folder(followed.inner, "cut")
    world.set_permissions(cut, inherit=False, entries=[("bob", "Consumer")])
    below = world.add_folder(followed.inner, "below")
    world.set_permissions(below, entries=[("bob", "Consumer")])
    before = await followed.last_change_set()
    world.set_permissions(followed.folder, inherit=False, entries=[("bob", "Consumer", "DENIED")])
    altered = {await followed.acl_of(node) for node in (followed.folder, below)}
    assert await followed.acls_changed_since(before) == altered
    assert await followed.readers_of(below) == (["bob"], [])
    assert await followed.readers_of(followed.folder) == ([], ["bob"])


async def test_an_acl_belongs_to_its_latest_change_set_only(followed: Followed) -> None:
    acl, before = await followed.acl_of(followed.folder), await followed.last_change_set()
    for name in ("bob", "alice"):
        followed.clock.advance()
        followed.world.set_permissions(followed.folder, entries=[(name, "Consumer")])
    sets = (await followed.told(f"aclchangesets?fromId={before + 1}"))["aclChangeSets"]
    assert [(one["id"] - before, one["aclCount"]) for one in sets] == [(1, 0), (2, 1)]
    assert sets[1]["commitTimeMs"] - sets[0]["commitTimeMs"] == 60_000
    assert await followed.acls_changed_since(before) == {acl}
    assert [one["id"] for one in (await followed.told("aclchangesets?maxResults=1"))["aclChangeSets"]] == [1]


async def test_a_moved_list_is_altered_by_where_it_is_now(followed: Followed) -> None:
    world = followed.world
    world.set_permissions(followed.inner, entries=[("bob", "Consumer")])
    before = await followed.last_change_set()
    world.move(followed.inner, world.shared)
    assert await followed.acls_changed_since(before) == {await followed.acl_of(followed.inner)}
    assert (await followed.readers_of(followed.inner))[0] == [EVERYONE, "bob"]


async def test_a_list_that_counts_for_nothing_is_not_told(followed: Followed) -> None:
    acl = await followed.acl_of(followed.folder)
    followed.world.set_permissions(followed.folder, entries=[])
    assert (await followed.told("aclsReaders", {"aclIds": [acl, 9999]})) == {"aclsReaders": []}


async def test_what_the_background_job_hands_down_is_told_when_it_has(followed: Followed) -> None:
    world = followed.world
    await followed.told("transactions")
    world.delays_acls = True
    world.set_permissions(followed.folder, inherit=False, entries=[("bob", "Consumer")])
    assert await followed.readers_of(followed.folder) == (["bob"], [])
    assert await followed.readers_of(followed.file) == (["alice"], [])
    before, transaction = await followed.last_change_set(), world.changes.last_id
    world.settle_acls()
    assert await followed.readers_of(followed.file) == (["bob"], [])
    assert await followed.nodes_since(transaction) == {"folder": "u", "inner": "u", "file.txt": "u"}
    assert await followed.acls_changed_since(before) == {await followed.acl_of(followed.file)}


async def test_metadata_tell_what_was_not_switched_off(followed: Followed) -> None:
    told = (await followed.told("nodes", {"fromTxnId": 1}))["nodes"]
    number = next(one["id"] for one in told if one["nodeRef"].endswith(followed.file.id))
    (everything,) = (await followed.told("metadata", {"nodeIds": [number]}))["nodes"]
    assert everything == {
        "id": number,
        "tenantDomain": "",
        "nodeRef": f"workspace://SpacesStore/{followed.file.id}",
        "type": "cm:content",
        "aclId": await followed.acl_of(followed.folder),
        "txnId": next(one["txnId"] for one in told if one["id"] == number),
        "properties": {
            "{http://www.alfresco.org/model/content/1.0}name": "file.txt",
            "{http://www.alfresco.org/model/content/1.0}creator": "alice",
            "{http://www.alfresco.org/model/content/1.0}created": "2024-05-01T09:30:00.123Z",
            "{http://www.alfresco.org/model/content/1.0}modifier": "alice",
            "{http://www.alfresco.org/model/content/1.0}modified": "2024-05-01T09:30:00.123Z",
        },
        "aspects": ["cm:auditable"],
        "ancestors": [
            f"workspace://SpacesStore/{node.id}" for node in (followed.inner, followed.folder, followed.world.root)
        ],
        "owner": "alice",
    }
    switches = dict.fromkeys(["includeProperties", "includePaths", "includeAspects", "includeOwner"], False)
    (some,) = (await followed.told("metadata", {"nodeIds": [number], **switches}))["nodes"]
    assert some.keys() == {"id", "tenantDomain", "nodeRef", "type", "aclId", "txnId"}


async def test_metadata_of_deleted_nodes_are_not_told(followed: Followed) -> None:
    told = (await followed.told("nodes", {"fromTxnId": 1}))["nodes"]
    number = next(one["id"] for one in told if one["nodeRef"].endswith(followed.file.id))
    followed.world.delete(followed.file)
    assert await followed.told("metadata", {"nodeIds": [number, 9999]}) == {"nodes": []}


async def test_a_site_that_is_lost_is_not_told_as_deleted(followed: Followed) -> None:
    site = followed.world.add_site("hr")
    library = followed.world.document_library("hr")
    followed.world.delete(library)
    followed.world.restore(library.id)
    followed.world.lose_site("hr")
    told = (await followed.told("nodes", {"fromTxnId": 1}))["nodes"]
    assert not [one for one in told if one["nodeRef"].endswith(site.node_id) or one["status"] == "d"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("transactions?minTxnId=x", None),
        ("nodes", ["x"]),
        ("nodes", {"txnIds": ["x"]}),
        ("nodes", {"txnIds": []}),
        ("nodes", {"fromTxnId": "x"}),
        ("acls", {}),
        ("aclsReaders", {"aclIds": []}),
        ("metadata", {}),
    ],
)
async def test_a_wrong_request_is_refused(followed: Followed, path: str, body: object) -> None:
    answer = await followed.ask(path, body)
    assert (answer.status_code, answer.json()["status"]["code"]) == (400, 400)
