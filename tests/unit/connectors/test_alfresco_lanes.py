"""What lanes make of odd answers: nothing is lost silently, and nothing is taken for more than it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr, ValidationError

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.client import AlfrescoClient
from connectors.alfresco.lanes.audit import AuditLane
from connectors.alfresco.lanes.lane import Lane, LaneUnusable, News
from connectors.alfresco.lanes.trashcan import TrashcanLane
from vocabulary.errors import CheckpointInvalid, CredentialsRejected, SourceUnavailable

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


# -- settings ----------------------------------------------------------------------------------------------------------


def test_no_lane_is_on_unless_it_is_named() -> None:
    assert AlfrescoConfig.model_validate(SETTINGS).lanes == frozenset()
    with pytest.raises(ValidationError):
        AlfrescoConfig.model_validate(SETTINGS | {"lanes": ["fast"]})
