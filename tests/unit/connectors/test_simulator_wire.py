"""What all answers of the simulated repository have in common: errors, pages, parameters, what JSON leaves out."""

from __future__ import annotations

import re

import pytest
from simulator_client import CORE, a_world, client, entries, ids, names

from connectors.alfresco.simulator import World


def with_files(count: int) -> World:
    """Return a world whose Shared folder has files `f0.txt`, `f1.txt` …"""
    world = a_world()
    for number in range(count):
        world.add_file(world.shared, f"f{number}.txt", b"x")
    return world


async def test_an_error_says_what_is_documented() -> None:
    async with client(a_world()) as http:
        answers = [await http.get(f"/nodes/{node_id}") for node_id in ("one", "two")]
    first, second = (answer.json()["error"] for answer in answers)
    assert answers[0].status_code == first["statusCode"] == 404
    assert first["errorKey"] == "framework.exception.EntityNotFound"
    assert first["briefSummary"] == "04010001 The entity with id: one was not found"  # May the first, zero-based
    assert second["briefSummary"].startswith("04010002 ")
    assert first["descriptionURL"] == "https://api-explorer.alfresco.com"
    assert first["logId"] != second["logId"]


async def test_json_is_not_cached() -> None:
    async with client(a_world()) as http:
        answer = await http.get("/people")
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-cache", "no-cache")


async def test_every_answer_tells_the_time_that_nodes_are_dated_by() -> None:
    async with client(a_world()) as http:
        assert (await http.get("/people")).headers["date"] == "Wed, 01 May 2024 09:30:00 GMT"
        assert (await http.get("/nodes/none")).headers["date"] == "Wed, 01 May 2024 09:30:00 GMT"


async def test_an_unknown_resource_and_a_wrong_method_are_refused_as_json() -> None:
    async with client(a_world()) as http:
        assert (await http.get("/nods/x")).json()["error"]["statusCode"] == 404
        assert (await http.post("/people")).json()["error"]["statusCode"] == 405


async def test_a_page_has_a_hundred_entries_unless_asked_otherwise() -> None:
    async with client(with_files(101)) as http:
        listing = (await http.get("/nodes/-shared-/children")).json()["list"]
    assert len(listing["entries"]) == 100
    assert listing["pagination"] == {
        "count": 100, "hasMoreItems": True, "totalItems": 101, "skipCount": 0, "maxItems": 100,
    }  # fmt: skip


async def test_pages_together_give_each_entry_once() -> None:
    async with client(with_files(7)) as http:
        pages = [await http.get(f"/nodes/-shared-/children?skipCount={skip}&maxItems=3") for skip in (0, 3, 6, 9)]
    assert [name for page in pages for name in names(page)] == [f"f{number}.txt" for number in range(7)]
    more = [page.json()["list"]["pagination"]["hasMoreItems"] for page in pages]
    assert more == [True, True, False, False]
    assert pages[-1].json()["list"]["entries"] == []


async def test_a_full_last_page_has_nothing_after_it() -> None:
    async with client(with_files(6)) as http:
        last = (await http.get("/nodes/-shared-/children?skipCount=3&maxItems=3")).json()["list"]["pagination"]
    assert (last["count"], last["hasMoreItems"]) == (3, False)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("maxItems=0", "Only positive values supported for maxItems."),
        ("maxItems=-1", "Only positive values supported for maxItems."),
        ("skipCount=-1", "Negative values not supported for skipCount."),
        ("maxItems=A", "Invalid paging parameter maxItems:A"),
        ("skipCount=A", "Invalid paging parameter skipCount:A"),
        ("maxItems=", "Invalid paging parameter maxItems:"),
        ("maxItems=2147483648", "Invalid paging parameter maxItems:2147483648"),
        ("skipCount=A&maxItems=1", "Invalid paging parameters skipCount: A, maxItems:1"),
    ],
)
async def test_bad_paging_is_refused(query: str, message: str) -> None:
    async with client(a_world()) as http:
        answer = await http.get(f"/people?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["briefSummary"].split(" ", 1)[1] == message


async def test_there_is_no_upper_bound_on_a_page() -> None:
    async with client(with_files(120)) as http:
        assert len(entries(await http.get("/nodes/-shared-/children?maxItems=2147483647"))) == 120


async def test_the_total_can_be_hidden() -> None:
    world = with_files(3)
    world.hides_total_items = True
    async with client(world) as http:
        pagination = (await http.get("/nodes/-shared-/children?maxItems=2")).json()["list"]["pagination"]
    assert "totalItems" not in pagination
    assert pagination["hasMoreItems"] is True


async def test_only_the_first_of_repeated_parameters_counts() -> None:
    async with client(with_files(1)) as http:
        repeated = entries(await http.get("/nodes/-shared-/children?include=isLink&include=path"))[0]
        joined = entries(await http.get("/nodes/-shared-/children?include=isLink,path"))[0]
    assert ("isLink" in repeated, "path" in repeated) == (True, False)
    assert ("isLink" in joined, "path" in joined) == (True, True)


async def test_fields_keep_what_they_name_and_what_was_included() -> None:
    async with client(with_files(1)) as http:
        listed = entries(await http.get("/nodes/-shared-/children?fields=id,name&include=isLink"))[0]
        single = (await http.get("/nodes/-shared-?fields=name")).json()["entry"]
    assert set(listed) == {"id", "name", "isLink"}
    assert set(single) == {"name"}


async def test_unknown_parameters_and_includes_are_ignored() -> None:
    async with client(a_world()) as http:
        assert (await http.get("/people?colour=red&include=shoeSize")).status_code == 200


@pytest.mark.parametrize(
    "where",
    ["isRoot=true", "(isRoot)", "(isRoot=true or isRoot=false)", "(not isRoot=true)", "(isRoot=true", "()",
     "(isRoot=true) x", "(zones in 'A')", "(zones in ('A' 'B'))", "(isRoot like 'x')"],
)  # fmt: skip
async def test_what_where_does_not_understand_is_an_invalid_query(where: str) -> None:
    async with client(a_world()) as http:
        answer = await http.get("/groups", params={"where": where})
    assert answer.status_code == 400
    assert answer.json()["error"]["errorKey"] == "framework.exception.InvalidQuery"


@pytest.mark.parametrize("where", ["(colour='red')", "(isRoot in ('true'))", "(zones='APP.DEFAULT')"])
async def test_conditions_that_the_resource_does_not_support_are_refused(where: str) -> None:
    async with client(a_world()) as http:
        assert (await http.get("/groups", params={"where": where})).status_code == 400


async def test_where_reads_quotes_escapes_and_either_case_of_and() -> None:
    world = a_world()
    world.add_group("GROUP_odd", display_name="it's (odd), isn't it")
    where = r"(isRoot=true AND displayName in ('it\'s (odd), isn\'t it'))"
    async with client(world) as http:
        assert ids(await http.get("/groups", params={"where": where})) == ["GROUP_odd"]


@pytest.mark.parametrize("order", ["name UP", "colour", "name,id DESCENDING"])
async def test_a_bad_order_is_refused(order: str) -> None:
    async with client(a_world()) as http:
        assert (await http.get("/nodes/-root-/children", params={"orderBy": order})).status_code == 400


async def test_what_is_empty_is_left_out_but_false_zero_and_empty_beans_are_written() -> None:
    world = a_world()
    world.add_person("nomail", last_name="", password="nomail")
    world.add_file(world.shared, "empty.txt", b"", properties={"cm:title": "", "my:count": 0, "my:flag": False})
    async with client(world) as http:
        person = (await http.get("/people/nomail")).json()["entry"]
        file = entries(await http.get("/nodes/-shared-/children?include=properties"))[0]
    assert not {"email", "lastName", "jobTitle"} & person.keys()
    assert person["company"] == {}
    assert file["properties"] == {"my:count": 0, "my:flag": False}
    assert file["content"]["sizeInBytes"] == 0


async def test_dates_are_utc_with_milliseconds_and_no_colon() -> None:
    async with client(a_world()) as http:
        created = (await http.get("/nodes/-root-")).json()["entry"]["createdAt"]
    assert created == "2024-05-01T09:30:00.123+0000"


async def test_every_request_is_logged_with_its_user_and_size() -> None:
    world = with_files(1)
    async with client(world, "alice") as http:
        file_id = ids(await http.get("/nodes/-shared-/children?maxItems=5"))[0]
        world.request_log.clear()
        await http.get(f"/nodes/{file_id}/content")
        await http.get("/people/-me-", auth=("alice", "wrong"))
    content, refused = world.request_log
    assert (content.method, content.user, content.status, content.sent_bytes) == ("GET", "alice", 200, 1)
    assert content.path == f"{CORE}/nodes/{file_id}/content"
    assert (refused.user, refused.status) == (None, 401)
    assert world.request_log.content_requests() == [content]
    assert world.request_log.with_path("/people") == [refused]


async def test_discovery_shows_edition_version_and_modules() -> None:
    world = a_world(edition="Community")
    world.modules["alfresco-rm-community-repo"] = ("AGS Repo", "23.4.0")
    async with client(world) as http:
        repository = (await http.get("http://alfresco/alfresco/api/discovery")).json()["entry"]["repository"]
    assert repository["edition"] == "Community"
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+ \(r1\)", repository["version"]["display"])
    assert repository["modules"][0]["id"] == "alfresco-rm-community-repo"


async def test_the_probes_need_no_login() -> None:
    async with client(a_world(), None) as http:
        assert (await http.get("/probes/-ready-")).json()["entry"]["message"].startswith("readyProbe: Success")
        assert (await http.get("/probes/-live-")).status_code == 200
        assert (await http.get("/probes/-other-")).status_code == 404
