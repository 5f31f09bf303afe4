"""Searching the simulated repository: what is found, by whom, how late and how deep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from simulator_client import SEARCH, START, SteppingClock, a_world, client, entries, ids, names

from connectors.alfresco.simulator import FROZEN, World
from connectors.alfresco.simulator.model import EVERYONE, Node

INDEX_CONTROL = "awskendra:indexControl"
BY_INDEX = " AND cm:modified:[MIN TO MAX]"  # makes any query one for the index


async def search(world: World, query: str, user: str = "admin", **body: Any) -> httpx.Response:
    async with client(world, user) as http:
        return await http.post(SEARCH, json={"query": {"query": query}, **body})


async def found(world: World, query: str, user: str = "admin", **body: Any) -> set[object]:
    """Return the names of the first thousand hits."""
    return set(names(await search(world, query, user, paging={"maxItems": 1000}, **body)))


def ref(node: Node) -> str:
    return f'"workspace://SpacesStore/{node.id}"'


class Shelf:
    """A site with a folder of three files, one day apart, and a folder with a file listed here and there."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = world = a_world(clock=self.clock)
        world.define_type("acme:report", parent="cm:content")
        world.define_aspect("acme:base")
        world.define_aspect("acme:special", parent="acme:base")
        self.library = world.document_library(world.add_site("hr", visibility="PRIVATE").id)
        self.folder = world.add_folder(self.library, "year plan")
        for day, (name, node_type, aspect) in enumerate(
            [
                ("one.txt", "cm:content", INDEX_CONTROL),
                ("two.txt", "acme:report", "acme:special"),
                ("three.txt", "cm:content", "acme:base"),
            ]
        ):
            with world.at(datetime(2024, 1, 1 + day, 12, tzinfo=UTC)):
                properties = {"acme:no": day, "cm:title": f"Title of {name[:-4]}", "acme:tags": ["x", name]}
                world.add_file(
                    self.folder, name, b"some words", node_type=node_type, aspects=[aspect], properties=properties
                )
        self.elsewhere = world.add_folder(world.shared, "elsewhere")
        self.guest = world.add_file(self.elsewhere, "guest.txt", b"", aspects=[INDEX_CONTROL])
        world.add_secondary_child(self.folder, self.guest)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


FILES = {"one.txt", "two.txt", "three.txt"}

FOUND: dict[str, set[str]] = {
    'ASPECT:"awskendra:indexControl"': {"one.txt", "guest.txt"},
    'ASPECT:"acme:base"': {"two.txt", "three.txt"},
    'EXACTASPECT:"acme:base"': {"three.txt"},
    'ASPECT:"acme:special"': {"two.txt"},
    'TYPE:"cm:content"': {*FILES, "guest.txt"},
    'TYPE:"content"': {*FILES, "guest.txt"},
    'EXACTTYPE:"cm:content"': {"one.txt", "three.txt", "guest.txt"},
    'TYPE:"acme:report"': {"two.txt"},
    'TYPE:"cm:content" AND NOT TYPE:"acme:report"': {"one.txt", "three.txt", "guest.txt"},
    'SITE:"hr" AND TYPE:"cm:content"': {*FILES, "guest.txt"},
    'ANCESTOR:{library} AND TYPE:"cm:folder"': {"year plan"},
    'PARENT:{folder} AND TYPE:"cm:content"': {*FILES, "guest.txt"},
    'PRIMARYPARENT:{folder} AND TYPE:"cm:content"': FILES,
    'PATH:"/app:company_home/st:sites/cm:hr/cm:documentLibrary//*"': {"year plan", *FILES, "guest.txt"},
    'PATH:"/app:company_home/st:sites/cm:hr/cm:documentLibrary/*"': {"year plan"},
    'PATH:"/app:company_home/st:sites/cm:hr//cm:year_x0020_plan"': {"year plan"},
    'PATH:"/app:company_home/app:shared/cm:elsewhere//."': {"elsewhere", "guest.txt"},
    'ID:{folder}': {"year plan"},
    '=cm:name:"one.txt"': {"one.txt"},
    '=cm:name:"ONE.TXT"': set(),
    'cm:name:"ONE"': {"one.txt"},
    'cm:name:"t*"': {"two.txt", "three.txt", "one.txt", "guest.txt"},
    'cm:title:"title of"': FILES,
    'cm:title:"of title"': set(),
    "acme:no:1": {"two.txt"},
    "=acme:no:1": {"two.txt"},
    "acme:no:*": FILES,
    "acme:no:[1 TO MAX]": {"two.txt", "three.txt"},
    "acme:no:<0 TO 2>": {"two.txt"},
    '=acme:tags:"three.txt"': {"three.txt"},
    "content.size:[1 TO 100] AND SITE:hr": FILES,
    'words AND cm:name:"one"': {"one.txt"},
    'cm:created:["2024-01-02T12:00:00.000Z" TO "2024-01-03T11:59:59.999Z"]': {"two.txt"},
    'cm:created:<"2024-01-02T12:00:00.000Z" TO "2024-02-01T00:00:00Z"]': {"three.txt"},
    "cm:created:[2024-01-02 TO 2024-01-03]": {"two.txt", "three.txt"},
    "cm:created:[2023 TO 2024-01>": set(),
    "cm:created:<2024-01 TO 2024-02]": set(),
    'SITE:"hr" AND TYPE:"st:site"': {"hr"},
    "cm:created:<2023-12 TO 2024-01]": FILES,
    'cm:modified:[MIN TO "2024-01-01T12:00:00.000Z"]': {"one.txt"},
    'cm:modified:["2024-01-01T13:00:00.000+01:00" TO "2024-01-01T13:00:00.000+01:00"]': {"one.txt"},
    '=cm:created:"2024-01-01T12:00:00.000Z"': {"one.txt"},
    'ASPECT:"acme:unknown"': set(),
    'ASPECT:"nowhere:indexControl"': set(),
    'TYPE:"nowhere:thing"': set(),
    'SITE:"nowhere"': set(),
    'nowhere:property:"x"': set(),
    'ANCESTOR:"workspace://SpacesStore/nowhere"': set(),
    'ANCESTOR:"not a reference"': set(),
    'PATH:"/app:company_home/cm:nowhere//*"': set(),
}  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), FOUND.items(), ids=FOUND)
async def test_a_query_finds(shelf: Shelf, query: str, expected: set[str]) -> None:
    query = query.replace("{library}", ref(shelf.library)).replace("{folder}", ref(shelf.folder))
    assert await found(shelf.world, query) == expected


async def test_a_star_finds_every_node(shelf: Shelf) -> None:
    answer = await search(shelf.world, "*", paging={"maxItems": 1000})
    assert set(ids(answer)) == set(shelf.world.nodes)


async def test_filter_queries_narrow_what_is_found(shelf: Shelf) -> None:
    filters = [{"query": 'SITE:"hr"'}, {"query": 'NOT ASPECT:"acme:base"'}]
    assert await found(shelf.world, 'TYPE:"cm:content"', filterQueries=filters) == {"one.txt", "guest.txt"}


async def test_lucene_queries_are_read_and_answered_by_the_index(shelf: Shelf) -> None:
    query = {"language": "lucene", "query": '+TYPE:"cm:content" +@cm\\:name:"one"'}
    async with client(shelf.world) as http:
        answer = await http.post(SEARCH, json={"query": query})
    assert names(answer) == ["one.txt"]
    assert "context" in answer.json()["list"]


# -- requests and answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ({}, "query is a mandatory"),
        ({"query": {"query": ""}}, "query is a mandatory"),
        ({"query": {"query": "*", "language": "sql"}}, "language allowed values"),
        ({"query": {"query": "select * from cmis:document", "language": "cmis"}}, "no queries in cmis"),
        ({"query": {"query": "x", "language": "cmis"}, "sort": [{"field": "cm:name"}]}, "sort {} not allowed"),
        ({"query": {"query": "x", "language": "cmis"}, "filterQueries": [{"query": "x"}]}, "filterQueries {} not"),
        ({"query": {"query": "*"}, "filterQueries": [{"query": " "}]}, "filterQueries query is a mandatory"),
        ({"query": {"query": "*"}, "include": ["definition"]}, "definition"),
        ({"query": {"query": "*"}, "include": ["properties/cm:title"]}, "properties/cm:title"),
        ({"query": {"query": "*"}, "sort": [{"type": "RANDOM", "field": "cm:name"}]}, "RANDOM"),
        ({"query": {"query": "*"}, "paging": {"maxItems": 0}}, "Only positive values"),
        ({"query": {"query": "*"}, "paging": {"skipCount": -1}}, "Negative values"),
        ({"query": {"query": "cm:modified:[yesterday TO MAX]"}}, "Not a bound of cm:modified"),
        ({"query": {"query": "TYPE:"}}, "Failed to parse"),
        ({"query": {"query": "*"}, "facetFields": {"facets": []}}, "does not understand facetFields"),
        ({"query": {"query": "*"}, "scope": {"locations": ["versions"]}}, "location nodes only"),
        ({"query": {"query": "*"}, "include": "properties"}, "an array is expected"),
    ],
)
async def test_a_wrong_request_is_refused(shelf: Shelf, body: dict[str, Any], summary: str) -> None:
    async with client(shelf.world) as http:
        answer = await http.post(SEARCH, json=body)
    assert answer.status_code == 400
    assert summary in answer.json()["error"]["briefSummary"]


async def test_parts_without_content_are_overlooked(shelf: Shelf) -> None:
    answer = await search(shelf.world, '=cm:name:"one.txt"', facetQueries=[], pivots=None, includeRequest=False)
    assert len(entries(answer)) == 1


async def test_a_search_needs_a_body_a_login_and_post(shelf: Shelf) -> None:
    async with client(shelf.world) as http:
        assert (await http.post(SEARCH, content=b"{")).status_code == 400
        assert (await http.get(SEARCH)).status_code == 405
    async with client(shelf.world, None) as http:
        assert (await http.post(SEARCH, json={"query": {"query": "*"}})).status_code == 401


async def test_a_hit_shows_what_was_included(shelf: Shelf) -> None:
    every = ["allowableOperations", "aspectNames", "isLink", "path", "properties", "isLocked", "permissions"]
    (bare,) = entries(await search(shelf.world, '=cm:name:"one.txt"'))
    (full,) = entries(await search(shelf.world, '=cm:name:"one.txt"', include=every))
    assert (bare["location"], bare["search"]) == ("nodes", {"score": 1.0})
    assert not set(every) & bare.keys()
    assert set(every) - {"isLocked"} <= full.keys()
    assert full["permissions"]["isInheritanceEnabled"] is True  # type: ignore[index]


async def test_fields_keep_what_they_name_and_what_was_included(shelf: Shelf) -> None:
    (hit,) = entries(await search(shelf.world, '=cm:name:"one.txt"', fields=["id", "search"], include=["properties"]))
    assert hit.keys() == {"id", "search", "properties"}


async def test_hits_are_sorted_and_what_lacks_the_property_comes_last(shelf: Shelf) -> None:
    async def order(*sort: dict[str, Any]) -> list[object]:
        return names(await search(shelf.world, 'TYPE:"cm:content" AND SITE:"hr"', sort=list(sort)))

    assert await order({"type": "FIELD", "field": "cm:created", "ascending": True}) == [
        "one.txt", "two.txt", "three.txt", "guest.txt",
    ]  # fmt: skip
    assert await order({"field": "cm:name", "ascending": "true"}) == ["guest.txt", "one.txt", "three.txt", "two.txt"]
    for ascending, expected in (
        (True, ["one.txt", "two.txt", "three.txt"]),
        (False, ["three.txt", "two.txt", "one.txt"]),
    ):
        assert await order({"field": "acme:no", "ascending": ascending}) == [*expected, "guest.txt"]
    two_keys = await order({"field": "cm:modifier", "ascending": True}, {"field": "cm:name"})
    assert two_keys == ["two.txt", "three.txt", "one.txt", "guest.txt"]


async def test_pages_of_the_index_follow_each_other_and_count_all(shelf: Shelf) -> None:
    sort = [{"field": "cm:name", "ascending": True}]
    seen: list[object] = []
    for skip in (0, 2, 4):
        paging = {"maxItems": 2, "skipCount": skip}
        answer = await search(shelf.world, 'SITE:"hr" AND TYPE:"cm:content"', paging=paging, sort=sort)
        seen += names(answer)
        shown = answer.json()["list"]["pagination"]
        assert (shown["totalItems"], shown["skipCount"], shown["maxItems"]) == (4, skip, 2)
        assert shown["hasMoreItems"] is (skip == 0)
    assert seen == ["guest.txt", "one.txt", "three.txt", "two.txt"]


# -- the database ------------------------------------------------------------------------------------------------------


def heap(count: int) -> tuple[World, Node]:
    """Return a world with many files of one aspect in a folder of alice's."""
    world = a_world()
    folder = world.add_folder(world.shared, "heap")
    for number in range(count):
        world.add_file(folder, f"{number:05}.txt", b"", aspects=[INDEX_CONTROL])
    return world, folder


async def test_the_database_is_cut_and_knows_no_total() -> None:
    world, _ = heap(12)
    world.search.max_permission_checks = 10
    first = await search(world, f'ASPECT:"{INDEX_CONTROL}"', paging={"maxItems": 4})
    last = await search(world, f'ASPECT:"{INDEX_CONTROL}"', paging={"maxItems": 4, "skipCount": 8})
    pages = [answer.json()["list"]["pagination"] for answer in (first, last)]
    assert [(page["count"], page["totalItems"], page["hasMoreItems"]) for page in pages] == [
        (4, 5, True),
        (2, 10, False),
    ]
    assert "context" not in first.json()["list"]


async def test_the_cut_counts_what_the_caller_may_not_see() -> None:
    world, _ = heap(6)
    for node in list(world.nodes.values()):
        if node.name < "00004":
            world.set_permissions(node, inherit=False, entries=[])
    world.search.max_permission_checks = 5
    assert await found(world, f'ASPECT:"{INDEX_CONTROL}"', "bob") == {"00004.txt"}


async def test_a_query_for_the_database_can_be_sent_to_the_index() -> None:
    world, _ = heap(3)
    world.search.max_permission_checks = 1
    world.search.uses_database = False
    answer = await search(world, f'ASPECT:"{INDEX_CONTROL}"')
    assert answer.json()["list"]["pagination"]["totalItems"] == 3


async def test_the_database_is_never_late(shelf: Shelf) -> None:
    shelf.world.search_lag = FROZEN
    file = shelf.world.add_file(shelf.folder, "new.txt", b"", aspects=[INDEX_CONTROL])
    assert await found(shelf.world, 'ASPECT:"awskendra:indexControl"') == {"one.txt", "guest.txt", "new.txt"}
    shelf.world.delete(file)
    assert await found(shelf.world, 'ASPECT:"awskendra:indexControl"') == {"one.txt", "guest.txt"}


async def test_only_the_database_finds_what_is_kept_out_of_the_index(shelf: Shelf) -> None:
    shelf.world.add_aspect(shelf.guest, "cm:indexControl")
    query = 'ASPECT:"awskendra:indexControl"'
    assert "guest.txt" in await found(shelf.world, query + BY_INDEX)
    shelf.world.set_properties(shelf.guest, {"cm:isIndexed": False})
    assert "guest.txt" not in await found(shelf.world, query + BY_INDEX)
    assert "guest.txt" in await found(shelf.world, query)


# -- the index ---------------------------------------------------------------------------------------------------------


async def test_the_index_sees_a_change_when_it_is_as_old_as_the_lag(shelf: Shelf) -> None:
    world, query = shelf.world, 'SITE:"hr" AND TYPE:"cm:content"'
    world.search_lag = timedelta(minutes=5)
    world.add_file(shelf.folder, "new.txt", b"")
    shelf.clock.advance(timedelta(minutes=4))
    world.add_file(shelf.folder, "newer.txt", b"")
    assert await found(world, query) == {*FILES, "guest.txt"}
    shelf.clock.advance(timedelta(minutes=1))
    assert await found(world, query) == {*FILES, "guest.txt", "new.txt"}
    shelf.clock.advance(timedelta(minutes=4))
    assert await found(world, query) == {*FILES, "guest.txt", "new.txt", "newer.txt"}


async def test_a_late_index_shows_old_matches_with_living_nodes(shelf: Shelf) -> None:
    world = shelf.world
    world.search_lag = FROZEN
    world.rename(shelf.guest, "renamed.txt")
    world.remove_aspect(shelf.guest, INDEX_CONTROL)
    world.move(shelf.elsewhere, shelf.library)
    assert await found(world, 'cm:name:"guest.txt"') == {"renamed.txt"}
    assert await found(world, f'ASPECT:"{INDEX_CONTROL}"' + BY_INDEX) == {"one.txt", "renamed.txt"}
    assert "elsewhere" not in await found(world, f"ANCESTOR:{ref(shelf.library)}")
    world.search_lag = timedelta(0)
    assert await found(world, 'cm:name:"guest.txt"') == set()
    assert "elsewhere" in await found(world, f"ANCESTOR:{ref(shelf.library)}")


async def test_the_dates_of_what_is_built_say_nothing_about_the_lag(shelf: Shelf) -> None:
    shelf.world.search_lag = timedelta(minutes=5)
    with shelf.world.at(datetime(2020, 1, 1, tzinfo=UTC)):
        shelf.world.add_file(shelf.folder, "old.txt", b"")
    assert "old.txt" not in await found(shelf.world, 'SITE:"hr"')


async def test_a_hit_whose_node_is_gone_is_counted_and_left_out(shelf: Shelf) -> None:
    world = shelf.world
    world.search_lag = FROZEN
    world.delete(shelf.folder)
    paging = {"maxItems": 3}
    answer = await search(world, "ANCESTOR:" + ref(shelf.library), paging=paging)
    shown = answer.json()["list"]["pagination"]
    assert (shown["count"], shown["totalItems"], shown["hasMoreItems"]) == (0, 5, True)
    world.restore(shelf.folder.id)
    assert len(entries(await search(world, "ANCESTOR:" + ref(shelf.library), paging=paging))) == 3


async def test_a_late_index_obeys_old_lists_and_living_nodes_the_new_ones(shelf: Shelf) -> None:
    world = shelf.world
    world.search_lag = timedelta(minutes=5)
    world.set_permissions(shelf.elsewhere, inherit=False, entries=[])  # alice read it before
    answer = await search(world, f"ANCESTOR:{ref(world.shared)}", "alice")
    assert (names(answer), answer.json()["list"]["pagination"]["totalItems"]) == ([], 2)
    shelf.clock.advance(timedelta(minutes=5))
    answer = await search(world, f"ANCESTOR:{ref(world.shared)}", "alice")
    assert answer.json()["list"]["pagination"]["totalItems"] == 0
    world.set_permissions(shelf.elsewhere, inherit=False, entries=[("alice", "Consumer")])
    assert await found(world, f"ANCESTOR:{ref(world.shared)}", "alice") == set()


async def test_the_context_says_how_far_the_index_is(shelf: Shelf) -> None:
    async def last_transaction() -> int:
        answer = await search(shelf.world, 'SITE:"hr"')
        number: int = answer.json()["list"]["context"]["consistency"]["lastTxId"]
        return number

    before = await last_transaction()
    assert before == shelf.world.changes.last_id
    shelf.world.search_lag = timedelta(minutes=5)
    shelf.world.rename(shelf.folder, "later")
    assert await last_transaction() == before
    shelf.clock.advance(timedelta(minutes=5))
    assert await last_transaction() == before + 1


async def test_the_index_pages_no_deeper_than_its_window() -> None:
    world, folder = heap(5)
    query = f"PARENT:{ref(folder)}" + BY_INDEX
    world.search.window = 4
    inside = await search(world, query, paging={"maxItems": 2, "skipCount": 2})
    assert len(entries(inside)) == 2
    beyond = await search(world, query, paging={"maxItems": 2, "skipCount": 3})
    assert beyond.status_code == 500
    assert "Result window is too large" in beyond.json()["error"]["briefSummary"]
    world.search.window = None
    assert len(entries(await search(world, query, paging={"maxItems": 2, "skipCount": 3}))) == 2


@pytest.mark.parametrize(("limit", "shown"), [(3, 3), (-1, 5), (0, 5)])
async def test_a_total_is_counted_as_far_as_asked(limit: int, shown: int) -> None:
    world, folder = heap(5)
    body = {"paging": {"maxItems": 1}, "limits": {"trackTotalHitsLimit": limit}}
    answer = await search(world, f"PARENT:{ref(folder)}" + BY_INDEX, **body)
    pagination = answer.json()["list"]["pagination"]
    assert (pagination["totalItems"], pagination["hasMoreItems"]) == (shown, True)


async def test_a_limit_on_permission_checks_overrides_the_paging() -> None:
    world, folder = heap(5)
    body = {"paging": {"maxItems": 1}, "limits": {"permissionEvaluationCount": 2000}}
    answer = await search(world, f"PARENT:{ref(folder)}" + BY_INDEX, **body)
    assert len(entries(answer)) == 5


# -- who finds what ----------------------------------------------------------------------------------------------------


class Guarded:
    """A file of alice's and one of everybody's, and a query for both that only the index answers."""

    def __init__(self) -> None:
        self.world = a_world()
        self.world.add_person("robot", password="robot", is_service_account=True)
        self.folder = self.world.add_folder(self.world.root, "guarded")
        self.world.set_permissions(self.folder, inherit=False, entries=[("bob", "Consumer")])
        self.own = self.world.add_file(self.folder, "own.txt", b"", creator="alice")
        self.other = self.world.add_file(self.folder, "other.txt", b"")
        self.by_index = f"PARENT:{ref(self.folder)}" + BY_INDEX
        self.by_database = f"PARENT:{ref(self.folder)}"


async def test_people_find_what_they_may_read_and_administrators_everything() -> None:
    guarded = Guarded()
    for query in (guarded.by_index, guarded.by_database):
        assert await found(guarded.world, query, "bob") == {"own.txt", "other.txt"}
        assert await found(guarded.world, query, "alice") == {"own.txt"}
        assert await found(guarded.world, query) == {"own.txt", "other.txt"}


async def test_a_denial_hides_a_document_from_its_owner_in_the_index_only() -> None:
    guarded = Guarded()
    guarded.world.set_permissions(guarded.own, entries=[("alice", "Consumer", "DENIED")])
    assert await found(guarded.world, guarded.by_index, "alice") == set()
    assert await found(guarded.world, guarded.by_database, "alice") == {"own.txt"}


async def test_searches_do_not_know_the_role_of_service_accounts() -> None:
    guarded = Guarded()
    async with client(guarded.world, "robot") as http:
        assert (await http.get(f"/nodes/{guarded.own.id}")).status_code == 200
    for query in (guarded.by_index, guarded.by_database):
        assert await found(guarded.world, query, "robot") == set()


async def test_a_membership_counts_at_once_even_in_a_frozen_index() -> None:
    guarded = Guarded()
    guarded.world.add_group("GROUP_staff")
    guarded.world.set_permissions(guarded.other, entries=[("GROUP_staff", "Consumer")])
    guarded.world.search_lag = FROZEN
    assert await found(guarded.world, guarded.by_index, "alice") == {"own.txt"}
    guarded.world.join_group("alice", "GROUP_staff")
    assert await found(guarded.world, guarded.by_index, "alice") == {"own.txt", "other.txt"}
    guarded.world.leave_group("alice", "GROUP_staff")
    assert await found(guarded.world, guarded.by_index, "alice") == {"own.txt"}


async def test_what_everyone_may_read_everyone_finds(shelf: Shelf) -> None:
    query = 'TYPE:"cm:content"' + BY_INDEX
    assert await found(shelf.world, query, "bob") == {"guest.txt"}
    shelf.world.set_permissions(shelf.folder, entries=[(EVERYONE, "Consumer")])
    assert await found(shelf.world, query, "bob") == {*FILES, "guest.txt"}


def test_the_clock_of_the_tests_is_the_repository_s() -> None:
    assert a_world().real_now() == START.replace(microsecond=123000)
