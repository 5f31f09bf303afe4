"""Sites, their containers and their members."""

from __future__ import annotations

from typing import Any

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
    for operation in ("getSite", "listSiteContainers", "listSiteMemberships"):
        with not_found("hr"):
            carol.call(f"sites.{operation}", "hr")
    for operation, below in (("getSiteContainer", "documentLibrary"), ("getSiteMembership", "bob")):
        with refused(404, "framework.exception.RelationshipNotFound"):
            carol.call(f"sites.{operation}", "hr", below)
    with refused(422, "site_service.site_no_exist"):
        carol.call("sites.listSiteGroups", "hr")
    with not_found("nowhere"):
        connect.basic("admin").call("sites.getSite", "nowhere")


@check()
def sites_are_ordered_and_filtered(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    assert ids(admin.call("sites.listSites", orderBy=["id DESC"])) == ["news", "hr", "board", "attic"]
    assert ids(admin.call("sites.listSites", orderBy=["description", "id"])) == ["attic", "board", "news", "hr"]
    assert ids(admin.call("sites.listSites", where="(visibility='MODERATED')")) == ["board"]
    assert ids(admin.call("sites.listSites", where="(visibility='PRIVATE' and preset='none')")) == []
    for nonsense in ({"orderBy": ["visibility"]}, {"where": "(visibility='SECRET')"}):
        with invalid():
            admin.call("sites.listSites", **nonsense)
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
    for site_id, name in (("hr", "documentLibrary"), ("HR", "DocumentLibrary")):
        assert alice.call("sites.getSiteContainer", site_id, name)["entry"] == library
    with refused(404, "framework.exception.RelationshipNotFound"):
        alice.call("sites.getSiteContainer", "hr", library["id"])
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


_ROLES = [  # by last name; bob holds two
    ("admin", "SiteManager", False),
    ("alice", "SiteConsumer", True),
    ("jörg@example.com", "SiteContributor", False),
    ("bob", "SiteCollaborator", False),
    ("bob", "SiteConsumer", True),
]


def _membership(office: Office, user: str, role: str, *, through_group: bool) -> dict[str, Any]:
    capabilities = {"isAdmin": user == "admin", "isGuest": False, "isMutable": True}
    person = {**expected.person(office.world.directory.people[user]), "capabilities": capabilities}
    return {"id": user, "person": person, "role": role, "isMemberOfGroup": through_group}


@check()
def members_are_listed_once_for_each_role(office: Office, connect: Connect) -> None:
    office.world.join_group("jörg@example.com", "GROUP_site_hr_SiteContributor")
    listing = connect.basic("alice").call("sites.listSiteMemberships", "hr")
    assert entries(listing) == [_membership(office, user, role, through_group=way) for user, role, way in _ROLES]
    assert listing["list"]["pagination"] == expected.pagination(count=5, total=5)


@check()
def a_member_has_their_strongest_role(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    bob = alice.call("sites.getSiteMembership", "hr", "bob")["entry"]
    assert bob == _membership(office, "bob", "SiteCollaborator", through_group=False)
    me = alice.call("sites.getSiteMembership", "hr", "-me-")["entry"]
    assert me == _membership(office, "alice", "SiteConsumer", through_group=False)  # the way is never told here
    with refused(404, "framework.exception.RelationshipNotFound"):
        alice.call("sites.getSiteMembership", "hr", "Carol")
    with not_found("nobody"):
        alice.call("sites.getSiteMembership", "hr", "nobody")


@check()
def groups_are_looked_into_unless_told_otherwise(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    directly = admin.call("sites.listSiteMemberships", "hr", where="(isMemberOfGroup=false)")
    assert [(one["id"], one["isMemberOfGroup"]) for one in entries(directly)] == [("admin", False), ("bob", False)]
    every = admin.call("sites.listSiteMemberships", "hr", where="(isMemberOfGroup=true)")
    assert ids(every) == ["admin", "alice", "bob", "bob"]


@check(only="js")
def groups_of_a_site_are_listed(office: Office, connect: Connect) -> None:
    staff = {"id": "GROUP_staff", "displayName": "All staff", "isRoot": False}
    listed = entries(connect.basic("alice").call("sites.listSiteGroups", "hr"))
    assert listed == [{"id": "GROUP_staff", "group": staff, "role": "SiteConsumer"}]


@check(only="python")
def the_client_cannot_read_groups_of_a_site(office: Office, connect: Connect) -> None:
    """The OpenAPI files show them as members of a group, where the repository embeds groups."""
    try:
        connect.basic("alice").call("sites.listSiteGroups", "hr")
    except KeyError as error:
        assert error.args == ("memberType",)
    else:
        raise AssertionError("a group with the type of a member")


@check()
def a_container_that_becomes_public_keeps_its_entries(office: Office, connect: Connect) -> None:
    office.world.set_site_visibility("hr", "PUBLIC")
    library = office.world.document_library("hr").id
    shown = connect.basic("alice").call("nodes.getNode", library, include=["permissions"])["entry"]["permissions"]
    assert shown["isInheritanceEnabled"] is True
    roles = ["SiteCollaborator", "SiteConsumer", "SiteContributor", "SiteManager"]
    assert sorted(one["name"] for one in shown["locallySet"]) == roles


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
