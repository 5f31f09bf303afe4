"""Whoever follows a living repository by what it tells of its changes knows it, as far as the means go."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from simulator_client import SEARCH, SteppingClock, entries

from connectors.alfresco.simulator import World, create_app
from connectors.alfresco.simulator.generator import generate_world, random_change
from connectors.alfresco.simulator.search_index import SearchIndex

SOLR = "/alfresco/service/api/solr"
LATE = timedelta(minutes=5)
CHANGES = 120


def a_living_world(seed: int) -> tuple[World, SteppingClock]:
    clock = SteppingClock()
    return generate_world(120, seed=seed, clock=clock), clock


class Tracker:
    """Keeps what the tracking resources tell, and nothing else."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._transaction = self._change_set = 0
        self.acl_of: dict[str, int] = {}
        self.owner_of: dict[str, str] = {}
        self.lists: dict[int, tuple[set[str], set[str]]] = {}

    async def catch_up(self) -> None:
        new = (await self._get("transactions", minTxnId=self._transaction + 1))["transactions"]
        if new:
            self._transaction = new[-1]["id"]
            await self._take_nodes([one["id"] for one in new if one["updates"] or one["deletes"]])
        sets = (await self._get("aclchangesets", fromId=self._change_set + 1))["aclChangeSets"]
        if sets:
            self._change_set = sets[-1]["id"]
            acls = (await self._post("acls", aclChangeSetIds=[one["id"] for one in sets]))["acls"]
            await self._take_lists([one["id"] for one in acls])

    async def _take_nodes(self, transactions: list[int]) -> None:
        if not transactions:
            return
        told = (await self._post("nodes", txnIds=transactions))["nodes"]
        for node in told:
            if node["status"] == "d":
                self.acl_of.pop(node["nodeRef"], None)
            else:
                self.acl_of[node["nodeRef"]] = node["aclId"]
        for node in (await self._post("metadata", nodeIds=[one["id"] for one in told]))["nodes"]:
            self.owner_of[node["nodeRef"]] = node["owner"]

    async def _take_lists(self, acls: list[int]) -> None:
        if acls:
            for one in (await self._post("aclsReaders", aclIds=acls))["aclsReaders"]:
                self.lists[one["aclId"]] = set(one["readers"]), set(one["denied"])

    async def _get(self, path: str, **parameters: int) -> Any:
        answer = await self._http.get(f"{SOLR}/{path}", params={**parameters, "maxResults": 100_000})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _post(self, path: str, **body: object) -> Any:
        answer = await self._http.post(f"{SOLR}/{path}", json=body, params={"maxResults": 100_000})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finds(self, world: World, user: str) -> set[str]:
        """Return what a search as this person would find by what was told."""
        authorities = world.directory.authorities(user)
        return {
            reference.rpartition("/")[2]
            for reference, acl in self.acl_of.items()
            if not authorities & self.lists[acl][1]
            and (authorities & self.lists[acl][0] or self.owner_of[reference] == user)
        }


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_tracker_knows_who_finds_what(seed: int) -> None:
    world, clock = a_living_world(seed)
    world.tracking.secret = "s3cret"
    rng, transport = Random(seed), httpx.ASGITransport(create_app(world))
    headers = {"X-Alfresco-Search-Secret": "s3cret"}
    async with httpx.AsyncClient(transport=transport, base_url="http://alfresco", headers=headers) as http:
        tracker, decisions = Tracker(http), 0
        for _ in range(CHANGES):
            clock.advance()
            random_change(world, rng)
            await tracker.catch_up()
            assert {reference.rpartition("/")[2] for reference in tracker.acl_of} == world.nodes.keys()
            for person in list(world.directory.people.values()):
                if person.enabled and not world.directory.is_admin(person.id):
                    truth = {node_id for node_id in world.nodes if world.may_find(person.id, node_id)}
                    assert tracker.finds(world, person.id) == truth
                    decisions += len(truth)
    assert decisions > 10_000


@pytest.mark.parametrize("seed", [3, 4])
def test_an_index_that_follows_becomes_what_the_repository_was(seed: int) -> None:
    world, clock = a_living_world(seed)
    index, rng = SearchIndex(world), Random(seed)
    index.lag = LATE
    for _ in range(CHANGES):
        random_change(world, rng)
        clock.advance(timedelta(minutes=1))
        index.view()
    clock.advance(LATE)
    assert index.view() is not world
    assert index.view().nodes == world.nodes


@pytest.mark.parametrize("seed", [5, 6])
async def test_a_search_as_anybody_finds_what_that_person_may_find(seed: int) -> None:
    world, clock = a_living_world(seed)
    rng, transport = Random(seed), httpx.ASGITransport(create_app(world))
    people = [person for person in world.directory.people.values() if person.password]
    query = {"query": {"query": "*"}, "paging": {"maxItems": 1000}, "fields": ["id"]}
    async with httpx.AsyncClient(transport=transport, base_url="http://alfresco") as http:
        for _ in range(CHANGES // 4):
            clock.advance()
            random_change(world, rng)
            person = rng.choice(people)
            if person.enabled and person.id in world.directory.people:
                login = (person.id, person.password or "")
                hits = {entry["id"] for entry in entries(await http.post(SEARCH, json=query, auth=login))}
                findable = {node_id for node_id in world.nodes if world.may_find(person.id, node_id)}
                assert hits == {node_id for node_id in findable if world.may_read(person.id, node_id)}
