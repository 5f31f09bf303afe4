"""Single nodes: their fields, what can be included, who sees what, and the folders that hold them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import expected
from checks import check
from foreign_client import Connect, Refused, denied, entries, ids, invalid, not_found
from office import Office
from python_client import PythonConnect

_ALL = ["path", "permissions", "allowableOperations", "isLink", "isLocked", "isFavorite", "aspectNames", "properties"]
_PLAN_ASPECTS = ["cm:auditable", "cm:titled", "cm:taggable", "acme:reviewed", "fm:discussable", "fm:commentsRollup"]
_PLAN_PROPERTIES = {
    "cm:title": "The plan",
    "acme:pages": 12,
    "acme:ratio": 0.5,
    "acme:final": False,
    "acme:due": "2024-12-24T18:30:00.000+0000",
    "acme:labels": ["red", "blue"],
    "fm:commentCount": 3,
}


@check()
def a_node_has_its_fields_aspects_and_properties(office: Office, connect: Connect) -> None:
    assert connect.basic("alice").call("nodes.getNode", office.plan.id)["entry"] == {
        **expected.node(office.world, office.plan),
        "aspectNames": _PLAN_ASPECTS,
        "properties": _PLAN_PROPERTIES,
    }


@check()
def everything_can_be_included_at_once(office: Office, connect: Connect) -> None:
    entry = connect.basic("admin").call("nodes.getNode", office.plan.id, include=_ALL)["entry"]
    entry["permissions"] = expected.in_order(entry["permissions"])
    assert entry == {
        **expected.node(office.world, office.plan, {"path", "permissions"}),
        "aspectNames": _PLAN_ASPECTS,
        "properties": _PLAN_PROPERTIES,
        "allowableOperations": ["delete", "update", "updatePermissions"],
        "isLink": False,
        "isLocked": False,
        "isFavorite": False,
    }


@check(only="python")
def a_repeated_include_counts_once(office: Office, connect: Connect) -> None:
    """The client repeats `include` for each word; a real server reads the first, so the others are in vain."""
    assert isinstance(connect, PythonConnect)
    entry = connect.repeating_lists("admin").call("nodes.getNode", office.plan.id, include=["path", "isLink"])["entry"]
    assert "path" in entry
    assert "isLink" not in entry


@check()
def nothing_is_included_unless_asked_for(office: Office, connect: Connect) -> None:
    entry = connect.basic("admin").call("nodes.getNode", office.handbook.id, include=["isLink", "unknown"])["entry"]
    assert entry == {
        **expected.node(office.world, office.handbook),
        "aspectNames": ["cm:auditable", "cm:titled"],
        "properties": {"cm:description": "How we work"},
        "isLink": False,
    }


@check(only="js")  # the other one's models insist on every required field
def fields_narrow_an_entry_to_them_and_the_included(office: Office, connect: Connect) -> None:
    fields = {"fields": ["id", "name"], "include": ["isLink"]}
    entry = connect.basic("alice").call("nodes.getNode", office.plan.id, **fields)["entry"]
    assert entry == {"id": office.plan.id, "name": "Plan.pdf", "isLink": False}


@check()
def people_among_properties_have_names(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    owned = alice.call("nodes.getNode", office.named("owned.txt").id, include=["isLocked"])["entry"]
    assert owned["properties"] == {"cm:owner": {"id": "alice", "displayName": "Alice Archer"}}
    assert "cm:ownable" in owned["aspectNames"]
    assert owned["isLocked"] is False
    locked = alice.call("nodes.getNode", office.named("locked.txt").id, include=["isLocked"])["entry"]
    assert locked["properties"]["cm:lockOwner"] == {"id": "bob", "displayName": "Bob Zander"}
    assert locked["isLocked"] is True


@check()
def a_file_without_content_or_properties_leaves_them_out(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    lost = alice.call("nodes.getNode", office.named("lost.doc").id)["entry"]
    assert lost == {**expected.node(office.world, office.named("lost.doc")), "aspectNames": ["cm:auditable"]}
    assert "content" not in lost
    empty = alice.call("nodes.getNode", office.named("abc.txt").id)["entry"]
    assert empty["content"]["sizeInBytes"] == 0


@check()
def a_link_looks_like_its_target(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    for name, is_file in (("plan link", True), ("shelf link", False)):
        entry = alice.call("nodes.getNode", office.named(name).id, include=["isLink"])["entry"]
        assert (entry["isFile"], entry["isFolder"], entry["isLink"]) == (is_file, not is_file, True)
        assert "content" not in entry
        assert entry["properties"]["cm:destination"].startswith("workspace://SpacesStore/")


@check()
def aliases_and_relative_paths_lead_to_nodes(office: Office, connect: Connect) -> None:
    world, alice = office.world, connect.basic("alice")
    home = world.child_named(world.user_homes, "alice")
    assert home is not None
    for alias, node in (("-root-", world.root), ("-shared-", world.shared), ("-my-", home)):
        assert alice.call("nodes.getNode", alias)["entry"]["id"] == node.id
    below = "Sites/hr/documentLibrary/Handbook/Plan.pdf"
    assert alice.call("nodes.getNode", "-root-", relativePath=below)["entry"]["id"] == office.plan.id
    umlauts = alice.call("nodes.getNode", office.handbook.id, relativePath="Ünïcode & more.md")
    assert umlauts["entry"]["name"] == "Ünïcode & more.md"
    with not_found("Sites/hr/documentLibrary/Nowhere"):
        alice.call("nodes.getNode", "-root-", relativePath="Sites/hr/documentLibrary/Nowhere")
    with not_found(below):
        connect.basic("Carol").call("nodes.getNode", "-root-", relativePath=below)


@check()
def the_root_has_no_parent_and_an_empty_path(office: Office, connect: Connect) -> None:
    entry = connect.basic("admin").call("nodes.getNode", "-root-", include=["path"])["entry"]
    assert entry == {
        **expected.node(office.world, office.world.root),
        "aspectNames": ["cm:auditable"],
        "path": {"isComplete": True},
    }


@check()
def a_node_is_unknown_or_denied(office: Office, connect: Connect) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    with not_found(unknown):
        connect.basic("Carol").call("nodes.getNode", unknown)
    with denied():
        connect.basic("Carol").call("nodes.getNode", office.plan.id)
    office.world.delete(office.plan, by="bob")
    with not_found(office.plan.id):
        connect.basic("admin").call("nodes.getNode", office.plan.id)


@check()
def who_may_read_a_node(office: Office, connect: Connect) -> None:
    """Each name is decided by a rule of its own: a group's denial, ownership, cut inheritance, half a right."""
    readers = {
        "Plan.pdf": {"admin", "alice", "bob", "robot"},
        "denied.txt": {"admin", "bob", "robot"},
        "owned.txt": {"admin", "alice", "bob", "robot"},
        "secret": {"admin", "Carol", "robot"},
        "orphaned.txt": {"admin", "robot"},
        "part.txt": {"admin", "bob", "robot"},
    }
    seen: dict[str, set[str]] = {name: set() for name in readers}
    for user in ("admin", "alice", "bob", "Carol", "dave", "robot"):
        client = connect.basic(user)
        for name in readers:
            try:
                assert client.call("nodes.getNode", office.named(name).id)["entry"]["name"] == name
                seen[name].add(user)
            except Refused as refusal:
                assert refusal.status == 403
    assert seen == readers


@check()
def a_creator_owns_what_nobody_else_does(office: Office, connect: Connect) -> None:
    formula = office.world.child_named(office.named("secret"), "formula.txt")
    assert formula is not None
    assert connect.basic("bob").call("nodes.getNode", formula.id)["entry"]["id"] == formula.id
    office.world.set_owner(formula, "dave")
    with denied():
        connect.basic("bob").call("nodes.getNode", formula.id)
    assert connect.basic("dave").call("nodes.getNode", formula.id)["entry"]["properties"]["cm:owner"]["id"] == "dave"


@check()
def permissions_show_own_and_inherited_entries(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    for name in ("Plan.pdf", "denied.txt", "owned.txt", "secret", "orphaned.txt", "part.txt"):
        shown = admin.call("nodes.getNode", office.named(name).id, include=["permissions"])["entry"]["permissions"]
        assert expected.in_order(shown) == expected.permissions(office.world, office.named(name))
    news = office.world.nodes[office.world.sites["news"].node_id]
    shown = admin.call("nodes.getNode", news.id, include=["permissions"])["entry"]["permissions"]
    assert shown["isInheritanceEnabled"] is False
    assert "inherited" not in shown
    assert ("GROUP_EVERYONE", "ReadPermissions") in {(one["authorityId"], one["name"]) for one in shown["locallySet"]}


@check()
def permissions_are_absent_without_the_right_to_read_them(office: Office, connect: Connect) -> None:
    """Consumer alone does not show permissions; SiteConsumer and the service account's role do."""
    secret = office.named("secret").id
    for user, node_id, sees in (
        ("Carol", secret, False),
        ("alice", "-root-", False),
        ("alice", office.plan.id, True),
        ("robot", secret, True),
        ("admin", "-root-", True),
        ("Carol", office.world.shared.id, True),
    ):
        entry = connect.basic(user).call("nodes.getNode", node_id, include=["permissions"])["entry"]
        assert ("permissions" in entry) is sees, (user, node_id)


@check()
def a_path_is_cut_where_the_caller_may_not_read(office: Office, connect: Connect) -> None:
    part = office.named("part.txt")
    office.world.set_permissions(part, inherit=False, entries=[("dave", "Consumer")])
    office.world.set_permissions(office.handbook, entries=[("dave", "Consumer")])
    path = connect.basic("dave").call("nodes.getNode", part.id, include=["path"])["entry"]["path"]
    assert path["isComplete"] is False
    assert path["name"] == "/Handbook"
    assert [element["id"] for element in path["elements"]] == [office.handbook.id]


@check()
def allowable_operations_follow_the_rights(office: Office, connect: Connect) -> None:
    asked = {"include": ["allowableOperations"]}
    everything = ["create", "delete", "update", "updatePermissions"]
    folder, plan = office.handbook.id, office.plan.id
    assert connect.basic("admin").call("nodes.getNode", folder, **asked)["entry"]["allowableOperations"] == everything
    assert connect.basic("bob").call("nodes.getNode", folder, **asked)["entry"]["allowableOperations"] == everything
    assert connect.basic("bob").call("nodes.getNode", plan, **asked)["entry"]["allowableOperations"] == ["update"]
    assert "allowableOperations" not in connect.basic("alice").call("nodes.getNode", folder, **asked)["entry"]


@check()
def a_change_shows_who_made_it_and_when(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    before = alice.call("nodes.getNode", office.plan.id)["entry"]
    office.world.edit_comment(office.comments[0], "<p>changed</p>")
    office.world.set_permissions(office.handbook, entries=[("dave", "Consumer")])
    assert alice.call("nodes.getNode", office.plan.id)["entry"] == before
    office.clock.advance(timedelta(seconds=1))
    office.world.rename(office.plan, "Plan 2.pdf", by="admin")
    after = alice.call("nodes.getNode", office.plan.id)["entry"]
    assert after["name"] == "Plan 2.pdf"
    assert after["modifiedAt"] == office.world.now()
    assert after["modifiedByUser"] == {"id": "admin", "displayName": "Administrator"}
    assert after["createdByUser"]["id"] == "alice"
    folder = alice.call("nodes.getNode", office.handbook.id)["entry"]
    assert folder["modifiedAt"] == office.world.now()


@check()
def someone_deleted_is_shown_by_their_name(office: Office, connect: Connect) -> None:
    office.world.remove_authority("alice")
    entry = connect.basic("bob").call("nodes.getNode", office.plan.id)["entry"]
    assert entry["createdByUser"] == {"id": "alice", "displayName": "alice"}


@check()
def parents_are_listed_with_the_primary_first(office: Office, connect: Connect) -> None:
    flyer = office.named("flyer.txt").id
    alice = connect.basic("alice")
    listing = alice.call("nodes.listParents", flyer)
    assert entries(listing) == [
        {
            **expected.node(office.world, parent),
            "association": {"assocType": "cm:contains", "isPrimary": parent is office.shelf},
        }
        for parent in (office.shelf, office.handbook)
    ]
    assert ids(alice.call("nodes.listParents", flyer, where="(isPrimary=true)")) == [office.shelf.id]
    assert ids(alice.call("nodes.listParents", flyer, where="(isPrimary=false)")) == [office.handbook.id]
    assert ids(connect.basic("dave").call("nodes.listParents", flyer)) == [office.shelf.id]
    assert ids(alice.call("nodes.listParents", flyer, maxItems=1, skipCount=1)) == [office.handbook.id]
    with invalid():
        alice.call("nodes.listParents", flyer, where="(isFile=true)")


@check()
def an_error_says_what_the_files_promise(office: Office, connect: Connect) -> None:
    office.clock.moment = datetime(2024, 12, 9, 12, 0, tzinfo=UTC)
    try:
        connect.basic("alice").call("nodes.getNode", "nowhere")
    except Refused as refusal:
        error = json.loads(refusal.text)["error"]
        assert error.keys() == {"errorKey", "statusCode", "briefSummary", "stackTrace", "descriptionURL", "logId"}
        assert error["statusCode"] == 404
        assert re.match(r"1109\d{4} The entity", error["briefSummary"])  # the month counts from zero
        assert "stack trace is no longer displayed" in error["stackTrace"]
        assert error["descriptionURL"] == "https://api-explorer.alfresco.com"
        assert UUID(error["logId"])
    else:
        raise AssertionError("not refused")
