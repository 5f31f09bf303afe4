"""What lanes make of odd answers: nothing is lost silently, and nothing is taken for more than it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr, ValidationError

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.lanes.audit import AuditLane
from connectors.alfresco.lanes.lane import ChangedList, Lane, LaneUnusable, News
from connectors.alfresco.lanes.tracking import TrackingLane
from connectors.alfresco.lanes.trashcan import TrashcanLane
from connectors.alfresco.wire.client import AlfrescoClient
from vocabulary.errors import CheckpointInvalid, CredentialsRejected, SightlineError, SourceUnavailable

URL = "https://alfresco.example.com"
CORE = f"{URL}/alfresco/api/-default-/public/alfresco/versions/1"
AUDIT = f"{CORE}/audit-applications/CMISChangeLog"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
OLD = "2024-05-01T09:30:00.123+0000"
SETTINGS = {"url": URL, "auth": {"kind": "basic", "username": "u", "password": SecretStr("p")}, "sites": "all"}


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(AUDIT).respond(json={"entry": {"id": "CMISChangeLog", "isEnabled": True, "maxEntryId": 100}})
        router.get(f"{CORE}/people/-me-").respond(json={"entry": {"id": "u", "capabilities": {"isAdmin": True}}})
        yield router


def client() -> AlfrescoClient:
    return AlfrescoClient(AlfrescoConfig.model_validate(SETTINGS))


def page(*entries: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"list": {"pagination": {"hasMoreItems": more}, "entries": [{"entry": entry} for entry in entries]}}


def entry(number: int | str, kind: str, value: object, *, at: str = OLD) -> dict[str, Any]:
    return {"id": number, "createdAt": at, "values": {f"/CMISChangeLog/{kind}/args/nodeRef/value": value}}


async def read(lane: Lane, place: str | None) -> list[News]:
    return [news async for news in lane.news(place, since=NOW - timedelta(hours=1), now=NOW)]


async def audited(server: respx.MockRouter, *pages: dict[str, Any], place: str | None = "10") -> list[News]:
    server.get(f"{AUDIT}/audit-entries").mock(side_effect=[httpx.Response(200, json=each) for each in pages])
    async with client() as alfresco:
        return await read(AuditLane(alfresco), place)


# -- audit -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"nodeRef": "n1", "objectId": "n1;1.0"}, {"n1"}),
        ({"nodeRef": "workspace://SpacesStore/n1"}, {"n1"}),
        ({"objectId": "n1;1.0"}, {"n1"}),
        ({"nodeRef": "workspace://version2Store/n1"}, set()),
        ({"nodeRef": "archive://SpacesStore/n1"}, set()),
    ],
)
async def test_a_node_is_named_with_or_without_its_store(
    server: respx.MockRouter, value: object, expected: set[str]
) -> None:
    [news] = await audited(server, page(entry("11", "UPDATED", value)))
    assert (news.touched, news.notices, news.place) == (expected, (), "11")


@pytest.mark.parametrize(
    "odd",
    [
        {"id": 11, "createdAt": OLD},
        {"id": 11, "createdAt": OLD, "values": {}},
        entry(11, "UPDATED", "n1"),
        entry(11, "UPDATED", {}),
        entry(11, "UPDATED", {"nodeRef": 7}),
        entry(11, "RENAMED", {"nodeRef": "n1"}),
        {"id": 11, "createdAt": OLD, "values": {"/other/key": {"nodeRef": "n1"}}},
    ],
)
async def test_an_entry_that_cannot_be_read_is_said_to_be_there_and_read_past(
    server: respx.MockRouter, odd: dict[str, Any]
) -> None:
    [news] = await audited(server, page(odd, entry(12, "DELETED", {"nodeRef": "n2"})))
    assert (news.gone, news.notices, news.place) == ({"n2"}, ("lane-audit: unreadable-entry",), "12")


async def test_kinds_are_told_apart_and_rights_carry_the_latest_moment(server: respx.MockRouter) -> None:
    later = "2024-05-01T09:40:00.000+0000"
    [news] = await audited(
        server,
        page(
            entry(11, "CREATED", {"nodeRef": "n1"}),
            entry(12, "UPDATED", {"nodeRef": "n2"}),
            entry(13, "DELETED", {"nodeRef": "n1"}),
            entry(14, "SECURITY", {"nodeRef": "n3"}),
            entry(15, "SECURITY", {"nodeRef": "n3"}, at=later),
        ),
    )
    assert (news.touched, news.gone) == ({"n1", "n2"}, {"n1"})
    assert news.secured == {"n3": datetime(2024, 5, 1, 9, 40, tzinfo=UTC)}


async def test_pages_follow_each_other_by_id_and_the_place_stops_before_what_is_young(server: respx.MockRouter) -> None:
    young = (NOW - timedelta(seconds=30)).isoformat()
    pages = await audited(
        server,
        page(entry(11, "CREATED", {"nodeRef": "n1"}), more=True),
        page(entry(12, "CREATED", {"nodeRef": "n2"}, at=young), entry(13, "CREATED", {"nodeRef": "n3"}), more=True),
        page(),
    )
    assert [news.place for news in pages] == ["11", "11", "11"]
    asked = [call.request.url.params["where"] for call in server.calls if "where" in call.request.url.params]
    assert [where.partition("','")[0] for where in asked] == [f"(id BETWEEN ('{first}" for first in (11, 12, 14)]


async def test_an_entry_without_a_date_is_young(server: respx.MockRouter) -> None:
    undated = {key: value for key, value in entry(11, "CREATED", {"nodeRef": "n1"}).items() if key != "createdAt"}
    [news] = await audited(server, page(undated))
    assert (news.touched, news.place) == ({"n1"}, "10")


async def test_a_log_that_began_anew_is_read_from_the_moment_of_the_last_reading(server: respx.MockRouter) -> None:
    first = entry(5, "CREATED", {"nodeRef": "n1"})
    [news] = await audited(server, page(first), page(first), place="4711")
    assert (news.touched, news.notices, news.place) == ({"n1"}, ("lane-audit: began-anew",), "5")


async def test_an_old_server_that_tells_no_largest_id_is_asked_for_its_latest_entry(server: respx.MockRouter) -> None:
    server.get(AUDIT).respond(json={"entry": {"id": "CMISChangeLog"}})
    latest = entry(11, "CREATED", {"nodeRef": "n1"})
    [news] = await audited(server, page(latest), page(latest), place="10")
    assert (news.touched, news.notices) == ({"n1"}, ())


async def test_an_empty_log_has_a_place_too(server: respx.MockRouter) -> None:
    server.get(AUDIT).respond(json={"entry": {"id": "CMISChangeLog"}})
    [news] = await audited(server, page(), page(), page(), place=None)
    assert (news.place, news.touched) == ("0", set())


@pytest.mark.parametrize("place", ["", "-1", "1.5", "eleven", "11\n", "²"])
async def test_a_damaged_place_is_refused(server: respx.MockRouter, place: str) -> None:
    with pytest.raises(CheckpointInvalid):
        await audited(server, page(), place=place)


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        (httpx.Response(501, json={"error": {"errorKey": "x"}}), LaneUnusable, "audit.enabled"),
        (httpx.Response(404, json={"error": {"errorKey": "x"}}), LaneUnusable, "audit.cmischangelog.enabled"),
        (httpx.Response(403, json={"error": {"errorKey": "x"}}), LaneUnusable, "`auth`"),
        (httpx.Response(404, html="<p>no"), SourceUnavailable, "`url`"),
        (httpx.Response(401, json={"error": {"errorKey": "x"}}), CredentialsRejected, "`auth"),
    ],
)
async def test_a_refusal_names_what_to_change(
    server: respx.MockRouter, answer: httpx.Response, fault: type[Exception], words: str
) -> None:
    server.get(AUDIT).mock(side_effect=[answer])
    with pytest.raises(fault, match=words):
        await audited(server, page())


# -- deleted nodes -----------------------------------------------------------------------------------------------------


async def test_a_deleted_node_without_a_date_is_looked_at_and_does_not_end_the_listing(
    server: respx.MockRouter,
) -> None:
    pages = [page({"id": "n1"}, more=True), page({"id": "n2", "archivedAt": OLD}, more=True)]
    server.get(f"{CORE}/deleted-nodes").mock(side_effect=[httpx.Response(200, json=each) for each in pages])
    async with client() as alfresco:
        first, last = await read(TrashcanLane(alfresco), NOW.isoformat())
    assert (first.gone, first.place) == ({"n1"}, NOW.isoformat())
    assert (last.gone, last.place) == (set(), NOW.isoformat())


@pytest.mark.parametrize("place", ["", "yesterday", "2024-05-01T12:00:00"])
async def test_a_damaged_moment_is_refused(server: respx.MockRouter, place: str) -> None:
    async with client() as alfresco:
        with pytest.raises(CheckpointInvalid):
            await read(TrashcanLane(alfresco), place)


# -- tracking ----------------------------------------------------------------------------------------------------------

SOLR = f"{URL}/alfresco/service/api/solr"
BEGIN = NOW - timedelta(hours=1)


def commit(minutes: int, number: int, **counts: int) -> dict[str, int]:
    """Something that was committed so many minutes after the beginning."""
    return {"id": number, "commitTimeMs": int((BEGIN + timedelta(minutes=minutes)).timestamp() * 1000), **counts}


def tracked(node_id: str, acl: int | None = 7, *, status: str = "u", store: str = "workspace://SpacesStore/") -> Any:
    return {"nodeRef": store + node_id, "status": status} | ({} if acl is None else {"aclId": acl})


class Index:
    """What a server tells an index, as a test writes it down; every answer holds all that is left of its kind."""

    def __init__(self, server: respx.MockRouter) -> None:
        self.transactions: list[dict[str, int]] = []
        self.nodes: dict[int, list[Any]] = {}
        self.change_sets: list[dict[str, int]] = []
        self.acls: list[dict[str, int]] = []
        self.readers: list[dict[str, Any]] = []
        self.secrets: set[str] = set()
        server.get(f"{SOLR}/transactions").mock(side_effect=self._transactions)
        server.get(f"{SOLR}/aclchangesets").mock(side_effect=self._change_sets)
        server.post(f"{SOLR}/nodes").mock(side_effect=self._nodes)
        server.post(f"{SOLR}/acls").mock(side_effect=self._acls)
        server.post(f"{SOLR}/aclsReaders").mock(side_effect=lambda _: self._told(aclsReaders=self.readers))

    def _told(self, **body: Any) -> httpx.Response:
        return httpx.Response(200, json=body)

    def _transactions(self, request: httpx.Request) -> httpx.Response:
        self.secrets.add(request.headers["X-Alfresco-Search-Secret"])
        return self._told(transactions=_page(self.transactions, request, "fromCommitTime"), maxTxnId=1)

    def _change_sets(self, request: httpx.Request) -> httpx.Response:
        return self._told(aclChangeSets=_page(self.change_sets, request, "fromTime"))

    def _nodes(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)["txnIds"]
        return self._told(nodes=[node for number in asked for node in self.nodes.get(number, [])])

    def _acls(self, request: httpx.Request) -> httpx.Response:
        first, most = (int(request.url.params[name]) for name in ("fromId", "maxResults"))
        return self._told(acls=[acl for acl in self.acls if acl["id"] >= first][:most])

    async def read(self, place: str | None = None) -> list[News]:
        async with client() as alfresco:
            return await read(TrackingLane(alfresco, SecretStr("s3cret")), place or BEGIN.isoformat())


def _page(rows: list[dict[str, int]], request: httpx.Request, since: str) -> list[dict[str, int]]:
    first, most = (int(request.url.params[name]) for name in (since, "maxResults"))
    return [row for row in rows if row["commitTimeMs"] >= first][:most]


@pytest.fixture
def index(server: respx.MockRouter) -> Index:
    return Index(server)


async def test_nodes_of_other_stores_and_of_unknown_status_are_no_news(index: Index) -> None:
    index.transactions = [commit(1, 1, updates=4, deletes=2)]
    index.nodes = {
        1: [
            tracked("n1", None),
            tracked("n2", status="d"),
            tracked("n3", store="archive://SpacesStore/"),
            tracked("n4", status="d", store="workspace://version2Store/"),
            tracked("n5", status="?"),
        ]
    }
    first, last = await index.read()
    assert (first.touched, first.gone, first.relisted) == ({"n1"}, {"n2"}, {})
    assert (last.touched, last.lists_changed_at, last.place) == (set(), None, (NOW - timedelta(minutes=1)).isoformat())
    assert index.secrets == {"s3cret"}


async def test_transactions_are_read_in_pieces_and_pages_and_each_moves_the_place(index: Index) -> None:
    index.transactions = [commit(number // 100, number, updates=1) for number in range(2500)]
    index.nodes = {number: [tracked(f"n{number}")] for number in range(2500)}
    pages = await index.read()
    assert sorted(node for news in pages for node in news.touched) == sorted(f"n{number}" for number in range(2500))
    assert max(len(news.touched) for news in pages) <= 1000
    places = [datetime.fromisoformat(news.place) for news in pages]
    assert places == sorted(places) and places[0] > BEGIN


async def test_the_place_never_comes_nearer_than_a_minute_to_now(index: Index) -> None:
    index.transactions = [commit(60, 1, updates=1)]
    index.nodes = {1: [tracked("n1")]}
    assert {news.place for news in await index.read()} == {(NOW - timedelta(minutes=1)).isoformat()}


async def test_a_changed_list_is_told_by_a_node_under_it_with_its_readers_and_the_place_waits(index: Index) -> None:
    index.change_sets = [commit(1, 5, aclCount=2)]
    index.acls = [{"id": 7, "aclChangeSetId": 5}, {"id": 8, "aclChangeSetId": 5}]
    index.readers = [{"aclId": 7, "readers": ["GROUP_a"], "denied": ["bob"], "tenantDomain": ""}]
    index.transactions = [commit(1, 1, updates=3)]
    index.nodes = {1: [tracked("n1", 7), tracked("n2", 9)]}
    first, last = await index.read()
    at = BEGIN + timedelta(minutes=1)
    assert first.relisted == {"n1": ChangedList(at, frozenset({"GROUP_a"}), frozenset({"bob"}))}
    assert (first.touched, first.place) == ({"n1", "n2"}, BEGIN.isoformat())
    assert last.lists_changed_at == at  # nobody knows where list 8 is


async def test_a_list_whose_readers_are_not_told_is_a_changed_list_all_the_same(index: Index) -> None:
    index.change_sets, index.acls = [commit(1, 5)], [{"id": 7, "aclChangeSetId": 5}]
    index.transactions, index.nodes = [commit(1, 1, updates=1)], {1: [tracked("n1", 7)]}
    first, last = await index.read()
    assert first.relisted == {"n1": ChangedList(BEGIN + timedelta(minutes=1))}
    assert last.lists_changed_at is None


async def test_lists_are_read_page_by_page_and_too_many_are_not_asked_for_by_name(index: Index) -> None:
    index.change_sets = [commit(1, 5)]
    index.acls = [{"id": number, "aclChangeSetId": 5} for number in range(2500)]
    [last] = await index.read()
    assert last.lists_changed_at == BEGIN + timedelta(minutes=1)
    index.acls = [{"id": number, "aclChangeSetId": 5} for number in range(20_000)]
    index.transactions, index.nodes = [commit(1, 1, updates=1)], {1: [tracked("n1", 7)]}
    first, last = await index.read()
    assert (first.relisted, first.place, last.lists_changed_at) == ({}, BEGIN.isoformat(), NOW)


async def test_a_transaction_that_touched_too_much_is_said_to_be_left_out(index: Index) -> None:
    index.transactions = [commit(1, 1, updates=100_001), commit(2, 2, updates=1)]
    index.nodes = {2: [tracked("n2")]}
    first, second, _ = await index.read()
    assert (first.touched, first.notices) == (set(), ("lane-tracking: transaction-too-large",))
    assert (second.touched, second.notices) == ({"n2"}, ())


async def test_a_repository_that_tells_nothing_has_its_search_switched_off(server: respx.MockRouter) -> None:
    server.get(f"{SOLR}/aclchangesets").respond(json={"aclChangeSets": []})
    server.get(f"{SOLR}/transactions").respond(json={"transactions": []})
    async with client() as alfresco:
        with pytest.raises(LaneUnusable) as fault:
            await read(TrackingLane(alfresco, SecretStr("s3cret")), None)
    assert fault.value.reason == "disabled"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"Location": "https://elsewhere.example.com/"}),
        httpx.Response(200, json={"aclChangeSets": [{"id": "x"}]}),
        httpx.Response(200, json=[]),
        httpx.Response(200, html="<p>hello"),
    ],
)
async def test_an_odd_answer_is_an_error_and_the_secret_goes_nowhere_else(
    server: respx.MockRouter, answer: httpx.Response
) -> None:
    server.get(f"{SOLR}/aclchangesets").mock(side_effect=[answer])
    async with client() as alfresco:
        with pytest.raises(SightlineError) as fault:
            await read(TrackingLane(alfresco, SecretStr("s3cret")), None)
    assert "s3cret" not in str(fault.value)
    assert {call.request.url.host for call in server.calls} == {"alfresco.example.com"}


# -- settings ----------------------------------------------------------------------------------------------------------


def test_tracking_needs_its_secret_and_hides_it() -> None:
    with pytest.raises(ValidationError, match="tracking_secret"):
        AlfrescoConfig.model_validate(SETTINGS | {"lanes": ["tracking"]})
    config = AlfrescoConfig.model_validate(SETTINGS | {"lanes": ["tracking"], "tracking_secret": SecretStr("s3cret")})
    assert "s3cret" not in repr(config)


def test_no_lane_is_on_unless_it_is_named() -> None:
    assert AlfrescoConfig.model_validate(SETTINGS).lanes == frozenset()
    with pytest.raises(ValidationError):
        AlfrescoConfig.model_validate(SETTINGS | {"lanes": ["fast"]})
