"""Groups and their members."""

from __future__ import annotations

import expected
from checks import check
from foreign_client import Connect, entries, ids, invalid, not_found, refused
from office import Office

_PLAIN = ["GROUP_ALFRESCO_ADMINISTRATORS", "GROUP_R&D Team", "GROUP_Trainees", "GROUP_lab", "GROUP_staff"]


@check()
def groups_of_all_zones_are_listed_and_everyone_is_not(office: Office, connect: Connect) -> None:
    listing = connect.basic("alice").call("groups.listGroups")
    listed = ids(listing)
    assert set(_PLAIN) < set(listed)
    assert {"GROUP_site_hr", "GROUP_site_hr_SiteManager", "GROUP_site_attic_SiteConsumer"} < set(listed)
    assert "GROUP_EVERYONE" not in listed
    assert len(listed) == len(set(listed)) == len(_PLAIN) + 4 * 5
    assert listing["list"]["pagination"] == expected.pagination(count=25, total=25)


@check()
def a_group_has_its_fields(office: Office, connect: Connect) -> None:
    alice, groups = connect.basic("alice"), office.world.directory.groups
    for group_id, is_root in (("GROUP_lab", False), ("GROUP_staff", False), ("GROUP_R&D Team", True)):
        described = expected.group(groups[group_id], is_root=is_root)
        assert alice.call("groups.getGroup", group_id)["entry"] == described
    everyone = alice.call("groups.getGroup", "GROUP_EVERYONE", include=["parentIds", "zones"])["entry"]
    assert everyone == {"id": "GROUP_EVERYONE", "displayName": "EVERYONE", "isRoot": False}
    with not_found("GROUP_nowhere"):
        alice.call("groups.getGroup", "GROUP_nowhere")


@check()
def parents_and_zones_are_included_on_request(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    include = {"include": ["parentIds", "zones"]}
    lab = alice.call("groups.getGroup", "GROUP_lab", **include)["entry"]
    assert lab["parentIds"] == ["GROUP_staff"]
    assert lab["zones"] == ["APP.DEFAULT", "AUTH.ALF"]
    staff = alice.call("groups.getGroup", "GROUP_staff", **include)["entry"]
    assert staff["parentIds"] == ["GROUP_site_hr_SiteConsumer"]
    site = alice.call("groups.getGroup", "GROUP_site_hr", **include)["entry"]
    assert "parentIds" not in site
    assert site["zones"] == ["APP.SHARE", "AUTH.ALF"]


@check()
def subgroups_are_told_on_request(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    for group_id, has_subgroups in (("GROUP_staff", True), ("GROUP_lab", False)):
        entry = alice.call("groups.getGroup", group_id, include=["hasSubgroups"])["entry"]
        assert entry["hasSubgroups"] is has_subgroups


@check()
def asking_for_descriptions_leaves_root_groups_only(office: Office, connect: Connect) -> None:
    for where in ({}, {"where": "(isRoot=false)"}):
        listed = entries(connect.basic("alice").call("groups.listGroups", include=["description"], **where))
        assert {entry["isRoot"] for entry in listed} == {True}
        assert "GROUP_lab" not in {entry["id"] for entry in listed}
    staff = connect.basic("alice").call("groups.getGroup", "GROUP_staff", include=["description"])["entry"]
    assert staff["description"] == "Everybody"


@check()
def groups_are_chosen_by_where(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    default = alice.call("groups.listGroups", where="(zones in ('APP.DEFAULT'))", orderBy=["id"])
    assert sorted(ids(default)) == _PLAIN
    roots = alice.call("groups.listGroups", where="(isRoot=true and zones in ('APP.DEFAULT'))")
    assert sorted(ids(roots)) == ["GROUP_ALFRESCO_ADMINISTRATORS", "GROUP_R&D Team", "GROUP_Trainees"]
    below = alice.call("groups.listGroups", where="(isRoot=false and zones in ('APP.DEFAULT'))")
    assert sorted(ids(below)) == ["GROUP_lab", "GROUP_staff"]
    named = alice.call("groups.listGroups", where="(displayName in ('laboratory'))")
    assert ids(named) == ["GROUP_lab"]
    for nonsense in (
        "(memberType='PERSON')",
        "(zones in ('APP.DEFAULT','APP.SHARE'))",
        "(zones in ('APP.DEFAULT' and 'APP.SHARE'))",
        "(zones in (''))",
        "(zones in ())",
    ):
        with invalid():
            alice.call("groups.listGroups", where=nonsense)


@check()
def groups_are_ordered_and_come_in_pages(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    names = [entry["displayName"] for entry in entries(alice.call("groups.listGroups"))]
    assert names == sorted(names, key=str.casefold)
    backwards = alice.call("groups.listGroups", orderBy=["displayName DESC"])
    assert [entry["displayName"] for entry in entries(backwards)] == names[::-1]
    pages = [alice.call("groups.listGroups", skipCount=skip, maxItems=10) for skip in (0, 10, 20)]
    assert [name for page in pages for name in (entry["displayName"] for entry in entries(page))] == names
    assert pages[2]["list"]["pagination"] == expected.pagination(count=5, total=25, skip=20, maximum=10)
    for nonsense in (["zones"], ["id", "displayName"]):
        with invalid():
            alice.call("groups.listGroups", orderBy=nonsense)


@check()
def direct_members_are_listed(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    group = {"id": "GROUP_lab", "displayName": "Laboratory", "memberType": "GROUP"}
    person = {"id": "bob", "displayName": "Bob Zander", "memberType": "PERSON"}
    listing = alice.call("groups.listGroupMemberships", "GROUP_staff")
    assert entries(listing) == [person, group]
    assert listing["list"]["pagination"] == expected.pagination(count=2, total=2)
    assert entries(alice.call("groups.listGroupMemberships", "GROUP_staff", where="(memberType='PERSON')")) == [person]
    assert entries(alice.call("groups.listGroupMemberships", "GROUP_staff", where="(memberType='GROUP')")) == [group]
    assert ids(alice.call("groups.listGroupMemberships", "GROUP_staff", orderBy=["id DESC"])) == ["bob", "GROUP_lab"]
    assert entries(alice.call("groups.listGroupMemberships", "GROUP_Trainees")) == []
    assert ids(alice.call("groups.listGroupMemberships", "GROUP_R&D Team")) == ["Carol"]


@check()
def some_members_cannot_be_asked_for(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    with refused(405):
        alice.call("groups.listGroupMemberships", "GROUP_EVERYONE")
    with not_found("GROUP_nowhere"):
        alice.call("groups.listGroupMemberships", "GROUP_nowhere")
    with invalid():
        alice.call("groups.listGroupMemberships", "GROUP_staff", where="(memberType='ROBOT')")
    with invalid():
        alice.call("groups.listGroupMemberships", "GROUP_staff", where="(isRoot=true)")


@check()
def members_follow_their_memberships(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    office.world.leave_group("bob", "GROUP_staff")
    office.world.join_group("dave", "GROUP_staff")
    assert ids(alice.call("groups.listGroupMemberships", "GROUP_staff")) == ["dave", "GROUP_lab"]
    office.world.remove_authority("GROUP_lab")
    assert ids(alice.call("groups.listGroupMemberships", "GROUP_staff")) == ["dave"]
    with not_found("GROUP_lab"):
        alice.call("groups.getGroup", "GROUP_lab")
