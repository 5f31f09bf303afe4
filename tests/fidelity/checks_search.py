"""Search: what is found, by whom, how late, and in which pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import expected
from checks import check
from foreign_client import Connect, ForeignClient, entries, invalid, names, refused
from office import MINUTES, Office

_LONG_AGO = "cm:modified:[1990-01-01T00:00:00 TO MAX]"  # a range: the index answers, and counts


def _search(client: ForeignClient, query: str, **parts: Any) -> Any:
    return client.call("search.search", body={"query": {"query": query, "language": "afts"}, **parts})


@check()
def a_hit_is_a_node_with_its_score(office: Office, connect: Connect) -> None:
    listing = _search(connect.basic("alice"), '=cm:name:"Plan.pdf"')
    assert entries(listing) == [
        {**expected.node(office.world, office.plan), "location": "nodes", "search": {"score": 1.0}}
    ]
    assert listing["list"]["pagination"]["count"] == 1
    assert listing["list"]["pagination"]["hasMoreItems"] is False


@check()
def queries_find_what_they_say(office: Office, connect: Connect) -> None:
    admin, handbook = connect.basic("admin"), f"workspace://SpacesStore/{office.handbook.id}"
    found = {
        'TYPE:"acme:plan"': ["Plan.pdf"],
        'ASPECT:"cm:taggable"': ["Plan.pdf"],
        'ASPECT:"no:aspect"': [],
        f'ANCESTOR:"{handbook}" AND TYPE:"cm:folder"': ["Annex", "secret", "zoo"],
        'SITE:"news" AND TYPE:"cm:content"': ["flyer.txt"],
        'cm:title:"plan"': ["Plan.pdf"],
        '=cm:title:"plan"': [],
        'cm:name:"flyer*" OR cm:name:"lost*"': ["flyer.txt", "lost.doc"],
        f'ANCESTOR:"{handbook}" AND NOT TYPE:"cm:content" AND NOT TYPE:"cm:link"': ["Annex", "secret", "zoo"],
        "cm:modified:[2199-01-01T00:00:00 TO MAX]": [],
    }
    hidden_types = {"Forum", "System"}
    for query, expected_names in found.items():
        assert sorted(set(names(_search(admin, query))) - hidden_types, key=str.casefold) == expected_names, query


@check()
def everybody_finds_what_is_theirs(office: Office, connect: Connect) -> None:
    """In the index a denial hides even from the owner, and the role of service accounts is not known."""
    here = f'ANCESTOR:"workspace://SpacesStore/{office.handbook.id}" AND cm:name:"*.txt" AND {_LONG_AGO}'
    everything = {"abc.txt", "denied.txt", "flyer.txt", "formula.txt", "latin.txt", "locked.txt", "orphaned.txt"}
    found = {
        "admin": everything | {"owned.txt", "part.txt"},
        "alice": {"abc.txt", "flyer.txt", "latin.txt", "locked.txt"},
        "bob": everything - {"orphaned.txt"} | {"owned.txt", "part.txt"},
        "Carol": {"flyer.txt"},
        "robot": {"flyer.txt"},
    }
    for user, expected_names in found.items():
        listed = names(_search(connect.basic(user), here))
        assert set(listed) == expected_names | ({"formula.txt"} if user == "Carol" else set()), user


@check()
def simple_queries_ask_the_database(office: Office, connect: Connect) -> None:
    """Where the owner finds what is denied them, no total can be trusted, and nothing is said of an index."""
    listing = _search(connect.basic("alice"), '=cm:name:"owned.txt"')
    assert names(listing) == ["owned.txt"]
    assert "context" not in listing["list"]
    assert entries(_search(connect.basic("robot"), '=cm:name:"secret"')) == []  # the role is not known here either
    office.world.search_lag = timedelta(hours=1)
    office.world.rename(office.plan, "Renamed.pdf")
    assert names(_search(connect.basic("alice"), '=cm:name:"Renamed.pdf"')) == ["Renamed.pdf"]


@check()
def the_index_says_how_far_it_is(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    before = _search(alice, _LONG_AGO)["list"]["context"]["consistency"]["lastTxId"]
    office.world.rename(office.plan, "Renamed.pdf")
    assert _search(alice, _LONG_AGO)["list"]["context"]["consistency"]["lastTxId"] == before + 1


@check()
def the_index_is_late(office: Office, connect: Connect) -> None:
    alice, world = connect.basic("alice"), office.world
    plans = f'cm:name:"Plan*" AND {_LONG_AGO}'
    world.search_lag = timedelta(seconds=30)
    world.delete(office.plan)
    new = world.add_file(office.handbook, "Plan B.txt", b"")
    listing = _search(alice, f"{plans} AND TYPE:'cm:content'".replace("'", '"'))
    assert entries(listing) == []  # the deleted one is counted and left out, the new one not yet found
    assert listing["list"]["pagination"] == {**expected.pagination(count=0, total=1), "hasMoreItems": False}
    office.clock.advance(timedelta(seconds=31))
    listing = _search(alice, f'{plans} AND TYPE:"cm:content"')
    assert [entry["id"] for entry in entries(listing)] == [new.id]
    assert listing["list"]["pagination"]["totalItems"] == 1


@check()
def hits_that_became_unreadable_are_counted_and_left_out(office: Office, connect: Connect) -> None:
    alice, world = connect.basic("alice"), office.world
    query = f'cm:name:"Minutes*" AND TYPE:"cm:content" AND {_LONG_AGO}'
    world.search_lag = timedelta(seconds=30)
    first = world.child_named(office.minutes, "Minutes 000.txt")
    assert first is not None
    world.set_permissions(first, inherit=False, entries=[])
    page = _search(alice, query, paging={"maxItems": 10, "skipCount": 0}, sort=[_by_name(True)])
    assert names(page) == [f"Minutes {number:03d}.txt" for number in range(1, 10)]
    assert page["list"]["pagination"] == {
        "count": 9,
        "hasMoreItems": True,
        "totalItems": MINUTES,
        "skipCount": 0,
        "maxItems": 10,
    }


@check()
def hits_come_in_pages(office: Office, connect: Connect) -> None:
    alice, found, skip = connect.basic("alice"), list[str](), 0
    while True:
        paging = {"maxItems": 40, "skipCount": skip}
        page = _search(alice, f'cm:name:"Minutes*" AND TYPE:"cm:content" AND {_LONG_AGO}', paging=paging)
        count = min(40, MINUTES - skip)
        pagination = page["list"]["pagination"]
        assert pagination == expected.pagination(count=count, total=MINUTES, skip=skip, maximum=40)
        found += names(page)
        skip += 40
        if not pagination["hasMoreItems"]:
            break
    assert sorted(found) == [f"Minutes {number:03d}.txt" for number in range(MINUTES)]


@check()
def the_database_stops_where_its_checks_end(office: Office, connect: Connect) -> None:
    office.world.search.max_permission_checks = 7
    listing = _search(connect.basic("admin"), 'TYPE:"cm:content"')
    assert len(entries(listing)) == 7
    assert listing["list"]["pagination"]["hasMoreItems"] is False


@check()
def no_page_lies_beyond_the_window(office: Office, connect: Connect) -> None:
    office.world.search.window = 50
    alice = connect.basic("alice")
    assert len(entries(_search(alice, _LONG_AGO, paging={"maxItems": 10, "skipCount": 40}))) == 10
    with refused(500):
        _search(alice, _LONG_AGO, paging={"maxItems": 10, "skipCount": 41})


def _by_name(ascending: bool) -> dict[str, Any]:
    return {"type": "FIELD", "field": "cm:name", "ascending": ascending}


@check()
def hits_are_sorted_as_asked(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    query = f'PARENT:"workspace://SpacesStore/{office.minutes.id}" AND {_LONG_AGO}'
    first = [f"Minutes {number:03d}.txt" for number in range(3)]
    last = [f"Minutes {MINUTES - 1 - number:03d}.txt" for number in range(3)]
    three = {"maxItems": 3, "skipCount": 0}
    assert names(_search(alice, query, sort=[_by_name(True)], paging=three)) == first
    assert names(_search(alice, query, sort=[_by_name(False)], paging=three)) == last
    newest = {"type": "FIELD", "field": "cm:created", "ascending": False}
    assert names(_search(alice, query, sort=[newest], paging=three)) == last


@check()
def filters_narrow_a_search(office: Office, connect: Connect) -> None:
    here = [{"query": 'TYPE:"cm:content"'}, {"query": f'SITE:"hr" AND {_LONG_AGO}'}]
    listing = _search(connect.basic("admin"), 'cm:name:"*.pdf" OR cm:name:"flyer*"', filterQueries=here)
    assert set(names(listing)) == {"Plan.pdf", "flyer.txt"}
    listing = _search(connect.basic("admin"), 'cm:name:"*.pdf"', filterQueries=[{"query": 'TYPE:"cm:folder"'}])
    assert names(listing) == []


@check()
def a_hit_carries_what_is_included(office: Office, connect: Connect) -> None:
    include = ["aspectNames", "properties", "path", "isLink", "isLocked", "allowableOperations"]
    entry = entries(_search(connect.basic("admin"), '=cm:name:"Plan.pdf"', include=include))[0]
    assert entry["aspectNames"] == expected.aspects(office.plan)
    assert entry["properties"]["acme:labels"] == ["red", "blue"]
    assert entry["path"] == expected.path(office.world, office.plan)
    assert (entry["isLink"], entry["isLocked"]) == (False, False)
    assert entry["allowableOperations"] == ["delete", "update", "updatePermissions"]


@check(only="js")  # the other one offers only what the OpenAPI files list
def permissions_can_be_included_and_the_unknown_cannot(office: Office, connect: Connect) -> None:
    entry = entries(_search(connect.basic("admin"), '=cm:name:"Plan.pdf"', include=["permissions"]))[0]
    assert expected.in_order(entry["permissions"]) == expected.permissions(office.world, office.plan)
    entry = entries(_search(connect.basic("Carol"), '=cm:name:"secret"', include=["permissions"]))[0]
    assert "permissions" not in entry
    with invalid("An invalid argument was received definition"):
        _search(connect.basic("alice"), '=cm:name:"Plan.pdf"', include=["definition"])


@check()
def searches_without_sense_are_refused(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    with invalid():
        _search(alice, "")
    with invalid():
        _search(alice, "cm:name:(")
    cmis = {"query": {"query": "SELECT * FROM cmis:document", "language": "cmis"}}
    with invalid():
        alice.call("search.search", body={**cmis, "sort": [_by_name(True)]})
    with invalid("Only positive values supported for maxItems."):
        _search(alice, _LONG_AGO, paging={"maxItems": 0, "skipCount": 0})
    with refused(401):
        _search(connect.nobody(), _LONG_AGO)


@check()
def what_is_kept_out_of_the_index_is_not_found_there(office: Office, connect: Connect) -> None:
    office.world.add_aspect(office.plan, "cm:indexControl")
    office.world.set_properties(office.plan, {"cm:isIndexed": False})
    alice = connect.basic("alice")
    assert entries(_search(alice, f'cm:name:"Plan*" AND TYPE:"acme:plan" AND {_LONG_AGO}')) == []
    assert names(_search(alice, 'TYPE:"acme:plan"')) == ["Plan.pdf"]


@check(only="js")  # the other one cannot put these bodies together
def each_part_of_a_request_is_looked_at(office: Office, connect: Connect) -> None:
    alice, everything, cmis = connect.basic("alice"), {"query": "*"}, {"query": "x", "language": "cmis"}
    mandatory = "query is a mandatory parameter"
    for body, summary in (
        ({"include": ["path"]}, mandatory),
        ({"query": {"language": "afts"}}, mandatory),
        ({"query": {"query": "  "}}, mandatory),
        (
            {"query": {"query": "x", "language": "sql"}},
            "An invalid argument was received : language allowed values: afts,lucene,cmis",
        ),
        (
            {"query": cmis, "sort": [_by_name(True)]},
            "An invalid argument was received : sort {} not allowed with cmis language",
        ),
        (
            {"query": cmis, "filterQueries": [everything]},
            "An invalid argument was received : filterQueries {} not allowed with cmis language",
        ),
        ({"query": everything, "filterQueries": [{"query": ""}]}, "filterQueries query is a mandatory parameter"),
        ({"query": everything, "sort": [{"type": "RANDOM", "field": "cm:name"}]}, None),
        ({"query": everything, "paging": {"maxItems": "many"}}, "Invalid paging parameter maxItems:many"),
        ({"query": everything, "include": "path"}, None),
        ({"query": everything, "paging": [1]}, None),
    ):
        with invalid(summary):
            alice.call("search.search", body=body)


@check()
def clauses_side_by_side_need_one_or_all(office: Office, connect: Connect) -> None:
    admin, clauses = connect.basic("admin"), 'cm:name:"flyer*" cm:name:"Plan*"'
    either = names(_search(admin, clauses))
    assert set(either) == {"flyer.txt", "Plan.pdf", "plan link"}
    assert set(names(_search(admin, clauses, defaults={"defaultFTSOperator": "OR"}))) == set(either)
    assert names(_search(admin, clauses, defaults={"defaultFTSOperator": "AND"})) == []


@check(only="js")  # the other one does not know the limit
def totals_are_tracked_as_far_as_asked(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    query = f'cm:name:"Minutes*" AND TYPE:"cm:content" AND {_LONG_AGO}'
    for limit, total in ((50, 50), (MINUTES, MINUTES), (-1, MINUTES), (0, MINUTES)):
        listing = _search(alice, query, limits={"trackTotalHitsLimit": limit}, paging={"maxItems": 5, "skipCount": 0})
        assert listing["list"]["pagination"]["totalItems"] == total
        assert len(entries(listing)) == 5


@check()
def a_limit_of_permission_checks_overrides_the_page(office: Office, connect: Connect) -> None:
    """Which is why nobody should send it."""
    query = f'cm:name:"Minutes*" AND TYPE:"cm:content" AND {_LONG_AGO}'
    for limits in ({"permissionEvaluationCount": 2000}, {"permissionEvaluationTime": 20000}):
        listing = _search(connect.basic("alice"), query, limits=limits, paging={"maxItems": 5, "skipCount": 0})
        assert len(entries(listing)) == MINUTES
