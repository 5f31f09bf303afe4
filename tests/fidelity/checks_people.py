"""People, and the groups that each is in.

The raw Python client insists on an e-mail address, which not everybody has; it is asked for people who have one.
"""

from __future__ import annotations

import expected
from checks import check
from foreign_client import Connect, denied, entries, ids, invalid, not_found
from office import Office

_BY_ID = ["admin", "alice", "bob", "Carol", "dave", "erin", "guest", "jörg@example.com", "robot"]


@check(only="js")
def people_are_listed_to_everybody(office: Office, connect: Connect) -> None:
    listing = connect.basic("dave").call("people.listPeople")
    people = office.world.directory.people
    assert entries(listing) == [expected.person(people[user]) for user in _BY_ID]
    assert listing["list"]["pagination"] == expected.pagination(count=9, total=9)
    by_id = {entry["id"]: entry for entry in entries(listing)}
    assert "email" not in by_id["dave"]
    assert "lastName" not in by_id["Carol"]
    assert [user for user, entry in by_id.items() if not entry["enabled"]] == ["erin", "guest"]


@check(only="python")
def people_with_addresses_are_listed(office: Office, connect: Connect) -> None:
    people = office.world.directory.people
    page = connect.basic("dave").call("people.listPeople", maxItems=4)
    assert entries(page) == [expected.person(people[user]) for user in _BY_ID[:4]]
    assert page["list"]["pagination"] == expected.pagination(count=4, total=9, maximum=4)


@check(only="python")
def the_client_cannot_read_people_without_address(office: Office, connect: Connect) -> None:
    try:
        connect.basic("alice").call("people.listPeople")
    except KeyError as error:
        assert error.args == ("email",)
    else:
        raise AssertionError("an e-mail address where there is none")


@check(only="js")
def people_are_ordered_as_asked(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    assert ids(alice.call("people.listPeople", orderBy=["id DESC"])) == _BY_ID[::-1]
    by_last_name = ids(alice.call("people.listPeople", orderBy=["lastName DESC", "firstName"]))
    assert by_last_name[:5] == ["bob", "jörg@example.com", "erin", "dave", "alice"]
    assert by_last_name[5:] == ["admin", "Carol", "guest", "robot"]
    with invalid():
        alice.call("people.listPeople", orderBy=["email"])


@check(only="js")
def people_come_in_pages(office: Office, connect: Connect) -> None:
    alice, found = connect.basic("alice"), list[str]()
    for skip in range(0, len(_BY_ID), 4):
        page = alice.call("people.listPeople", skipCount=skip, maxItems=4)
        count = min(4, len(_BY_ID) - skip)
        assert page["list"]["pagination"] == expected.pagination(count=count, total=9, skip=skip, maximum=4)
        found += ids(page)
    assert found == _BY_ID


@check(only="js")
def capabilities_are_included_on_request(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    listed = entries(alice.call("people.listPeople", include=["capabilities"]))
    shown = {entry["id"]: entry["capabilities"] for entry in listed}
    assert [user for user in _BY_ID if shown[user]["isAdmin"]] == ["admin"]
    assert [user for user in _BY_ID if shown[user]["isGuest"]] == ["guest"]
    assert all(shown[user]["isMutable"] for user in _BY_ID)


@check()
def a_person_has_fields_and_capabilities(office: Office, connect: Connect) -> None:
    people = office.world.directory.people
    for user in ("alice", "admin", "erin", "jörg@example.com"):
        assert connect.basic("dave").call("people.getPerson", user)["entry"] == {
            **expected.person(people[user]),
            "capabilities": {"isAdmin": user == "admin", "isGuest": False, "isMutable": True},
        }


@check()
def i_am_who_logged_in(office: Office, connect: Connect) -> None:
    for user in ("alice", "Carol"):
        assert connect.basic(user).call("people.getPerson", "-me-")["entry"]["id"] == user
    with not_found("nobody"):
        connect.basic("alice").call("people.getPerson", "nobody")


@check()
def all_groups_of_a_person_are_listed_nested_ones_too(office: Office, connect: Connect) -> None:
    listing = connect.basic("alice").call("groups.listGroupMembershipsForPerson", "alice")
    assert sorted(ids(listing)) == [
        "GROUP_EVERYONE",
        "GROUP_lab",
        "GROUP_site_hr",
        "GROUP_site_hr_SiteConsumer",
        "GROUP_staff",
    ]
    shown = {entry["id"]: entry for entry in entries(listing)}
    assert shown["GROUP_lab"] == {"id": "GROUP_lab", "displayName": "Laboratory", "isRoot": False}
    assert shown["GROUP_EVERYONE"] == {"id": "GROUP_EVERYONE", "displayName": "EVERYONE", "isRoot": False}
    assert listing["list"]["pagination"] == expected.pagination(count=5, total=5)


@check()
def my_groups_follow_my_memberships(office: Office, connect: Connect) -> None:
    carol = connect.basic("Carol")
    office.world.leave_group("Carol", "GROUP_R&D Team")
    office.world.join_group("Carol", "GROUP_Trainees")
    listed = set(ids(carol.call("groups.listGroupMembershipsForPerson", "-me-")))
    assert listed == {"GROUP_EVERYONE", "GROUP_Trainees", "GROUP_site_board", "GROUP_site_board_SiteContributor"}


@check()
def groups_of_others_are_for_administrators(office: Office, connect: Connect) -> None:
    with denied():
        connect.basic("alice").call("groups.listGroupMembershipsForPerson", "bob")
    listed = ids(connect.basic("admin").call("groups.listGroupMembershipsForPerson", "bob"))
    assert "GROUP_staff" in listed
    assert "GROUP_lab" not in listed
    with not_found("nobody"):
        connect.basic("admin").call("groups.listGroupMembershipsForPerson", "nobody")


@check()
def groups_of_a_person_are_chosen_by_where(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    roots = alice.call("groups.listGroupMembershipsForPerson", "-me-", where="(isRoot=true)")
    assert ids(roots) == ["GROUP_site_hr"]
    share = alice.call("groups.listGroupMembershipsForPerson", "-me-", where="(zones in ('APP.SHARE'))")
    assert sorted(ids(share)) == ["GROUP_site_hr", "GROUP_site_hr_SiteConsumer"]
