"""Sites, their containers and their members."""

from __future__ import annotations

import expected
from checks import check
from foreign_client import Connect, entries, ids, invalid, not_found, refused
from office import Office


@check()
def sites_are_listed_for_those_who_see_them(office: Office, connect: Connect) -> None:
    seen = {user: ids(connect.basic(user).call("sites.listSites")) for user in ("admin", "alice", "Carol", "robot")}
    assert seen == {
        "admin": ["attic", "board", "news", "hr"],  # by their titles
        "alice": ["board", "news", "hr"],
        "Carol": ["board", "news"],
        "robot": ["attic", "board", "news", "hr"],
    }


@check()
def a_site_has_its_fields_and_the_callers_role(office: Office, connect: Connect) -> None:
    site = office.world.sites["hr"]
    described = {
        "id": "hr",
        "guid": site.node_id,
        "title": "Human Resources",
        "description": "People matters",
        "visibility": "PRIVATE",
        "preset": "site-dashboard",
    }
    roles = {"alice": "SiteConsumer", "bob": "SiteCollaborator", "admin": "SiteManager"}
    for user, role in roles.items():
        assert connect.basic(user).call("sites.getSite", "hr")["entry"] == {**described, "role": role}
    listed = entries(connect.basic("alice").call("sites.listSites", where="(visibility='PRIVATE')"))
    assert listed == [{**described, "role": "SiteConsumer"}]


@check()
def a_site_without_role_or_description_leaves_them_out(office: Office, connect: Connect) -> None:
    assert connect.basic("alice").call("sites.getSite", "news")["entry"] == {
        "id": "news",
        "guid": office.world.sites["news"].node_id,
        "title": "Daily news",
        "visibility": "PUBLIC",
        "preset": "site-dashboard",
    }


@check()
def a_hidden_site_does_not_exist(office: Office, connect: Connect) -> None:
    carol = connect.basic("Carol")
    for operation in ("getSite", "listSiteContainers", "listSiteMemberships", "listSiteGroups"):
        with not_found("hr"):
            carol.call(f"sites.{operation}", "hr")
    with not_found("hr"):
        carol.call("sites.getSiteContainer", "hr", "documentLibrary")
    with not_found("nowhere"):
        connect.basic("admin").call("sites.getSite", "nowhere")


@check()
def sites_are_ordered_and_filtered(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    assert ids(admin.call("sites.listSites", orderBy=["id DESC"])) == ["news", "hr", "board", "attic"]
    assert ids(admin.call("sites.listSites", orderBy=["description", "id"])) == ["attic", "board", "news", "hr"]
    assert ids(admin.call("sites.listSites", where="(visibility='MODERATED')")) == ["board"]
    assert ids(admin.call("sites.listSites", where="(visibility='PRIVATE' and preset='none')")) == []
    with invalid():
        admin.call("sites.listSites", orderBy=["visibility"])
    with refused(400, "framework.exception.InvalidQuery"):
        admin.call("sites.listSites", where="(visibility='PRIVATE'")


@check()
def sites_come_in_pages(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    first = admin.call("sites.listSites", maxItems=3)
    second = admin.call("sites.listSites", maxItems=3, skipCount=3)
    assert first["list"]["pagination"] == expected.pagination(count=3, total=4, maximum=3)
    assert second["list"]["pagination"] == expected.pagination(count=1, total=4, skip=3, maximum=3)
    assert ids(first) + ids(second) == ["attic", "board", "news", "hr"]


@check()
def a_container_is_its_node_and_its_name(office: Office, connect: Connect) -> None:
    library = {"id": office.world.document_library("hr").id, "folderId": "documentLibrary"}
    alice = connect.basic("alice")
    assert entries(alice.call("sites.listSiteContainers", "hr")) == [library]
    assert alice.call("sites.getSiteContainer", "hr", "documentLibrary")["entry"] == library
    assert alice.call("nodes.getNode", library["id"])["entry"]["name"] == library["folderId"]


@check()
def a_container_may_be_missing_or_hidden(office: Office, connect: Connect) -> None:
    missing = "framework.exception.RelationshipNotFound"
    admin, alice = connect.basic("admin"), connect.basic("alice")
    assert entries(admin.call("sites.listSiteContainers", "attic")) == []
    with refused(404, missing):
        admin.call("sites.getSiteContainer", "attic", "documentLibrary")
    assert entries(alice.call("sites.listSiteContainers", "board")) == []
    with refused(404, missing):
        alice.call("sites.getSiteContainer", "board", "documentLibrary")


@check()
def members_carry_their_strongest_role(office: Office, connect: Connect) -> None:
    people = office.world.directory.people
    members = [("admin", "SiteManager", False), ("alice", "SiteConsumer", True), ("bob", "SiteCollaborator", False)]
    described = [
        {"id": user, "person": expected.person(people[user]), "role": role, "isMemberOfGroup": through_group}
        for user, role, through_group in members
    ]
    alice = connect.basic("alice")
    listing = alice.call("sites.listSiteMemberships", "hr")
    assert entries(listing) == described
    assert listing["list"]["pagination"] == expected.pagination(count=3, total=3)
    assert alice.call("sites.getSiteMembership", "hr", "bob")["entry"] == described[2]
    assert alice.call("sites.getSiteMembership", "hr", "-me-")["entry"] == described[1]
    with refused(404, "framework.exception.RelationshipNotFound"):
        alice.call("sites.getSiteMembership", "hr", "Carol")


@check()
def members_are_told_apart_by_how_they_came(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    through_group = admin.call("sites.listSiteMemberships", "hr", where="(isMemberOfGroup=true)")
    directly = admin.call("sites.listSiteMemberships", "hr", where="(isMemberOfGroup=false)")
    assert ids(through_group) == ["alice"]
    assert ids(directly) == ["admin", "bob"]


@check()
def groups_of_a_site_are_listed(office: Office, connect: Connect) -> None:
    assert entries(connect.basic("alice").call("sites.listSiteGroups", "hr")) == [
        {
            "id": "GROUP_staff",
            "group": {"id": "GROUP_staff", "displayName": "All staff", "memberType": "GROUP"},
            "role": "SiteConsumer",
        }
    ]


@check()
def a_site_opens_and_closes_with_its_visibility(office: Office, connect: Connect) -> None:
    carol, library = connect.basic("Carol"), office.world.document_library("hr").id
    office.world.set_site_visibility("hr", "MODERATED")
    assert carol.call("sites.getSite", "hr")["entry"]["visibility"] == "MODERATED"
    with refused(403):
        carol.call("nodes.getNode", library)
    office.world.set_site_visibility("hr", "PUBLIC")
    assert carol.call("nodes.getNode", library)["entry"]["id"] == library
    office.world.set_site_visibility("hr", "PRIVATE")
    with not_found("hr"):
        carol.call("sites.getSite", "hr")
    with refused(403):
        carol.call("nodes.getNode", library)
