"""The audit of changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import expected
from checks import check
from foreign_client import Connect, ForeignClient, denied, entries, invalid, not_found, refused
from office import Office

_LOG = "CMISChangeLog"


def _changed(office: Office) -> list[tuple[str, str, str]]:
    """Make four changes, a minute apart; return kind, user and node of each."""
    world = office.world
    world.audit.records_changes = True
    flyer = office.named("flyer.txt")
    changes = [
        ("CREATED/result/value", "bob", world.add_file(office.handbook, "new.txt", b"", creator="bob").id),
        ("UPDATED/args/nodeRef/value", "alice", office.plan.id),
        ("SECURITY/args/nodeRef/value", "admin", office.handbook.id),
        ("DELETED/node/value", "bob", flyer.id),
    ]
    office.clock.advance(timedelta(minutes=1))
    world.set_properties(office.plan, {"cm:title": "Another"}, by="alice")
    office.clock.advance(timedelta(minutes=1))
    world.set_permissions(office.handbook, entries=[("dave", "Consumer")])
    office.clock.advance(timedelta(minutes=1))
    world.delete(flyer, by="bob")
    return changes


def _listed(client: ForeignClient, **query: Any) -> list[dict[str, Any]]:
    return entries(client.call("audit.listAuditEntriesForAuditApp", _LOG, **query))


@check()
def changes_are_audited_oldest_first(office: Office, connect: Connect) -> None:
    changes = _changed(office)
    listed = _listed(connect.basic("admin"), include=["values"])
    assert [entry["createdByUser"] for entry in listed] == [expected.user(office.world, user) for _, user, _ in changes]
    for entry, (kind, _, node_id) in zip(listed, changes, strict=True):
        (key,) = entry["values"]
        assert key == f"/{_LOG}/{kind}"
        assert entry["values"][key]["nodeRef"] == node_id
        assert entry["auditApplicationId"] == _LOG
    last = office.world.now()
    assert [entry["createdAt"] for entry in listed] == [last - timedelta(minutes=ago) for ago in (3, 2, 1, 0)]
    numbers = [int(entry["id"]) for entry in listed]
    assert numbers == sorted(set(numbers))


@check()
def values_are_included_on_request(office: Office, connect: Connect) -> None:
    _changed(office)
    admin = connect.basic("admin")
    assert not any("values" in entry for entry in _listed(admin))
    first = _listed(admin, include=["values"])[0]
    assert admin.call("audit.getAuditEntry", _LOG, str(first["id"]))["entry"] == first


@check()
def entries_are_chosen_by_where_and_ordered(office: Office, connect: Connect) -> None:
    _changed(office)
    admin = connect.basic("admin")
    numbers = [entry["id"] for entry in _listed(admin)]
    between = f"(id BETWEEN ('{numbers[1]}','{numbers[2]}'))"
    assert [entry["id"] for entry in _listed(admin, where=between)] == numbers[1:3]
    assert [entry["id"] for entry in _listed(admin, where="(createdByUser='bob')")] == [numbers[0], numbers[3]]
    since = (office.world.now() - timedelta(seconds=61)).isoformat(timespec="milliseconds")
    until = office.world.now().isoformat(timespec="milliseconds")
    assert [entry["id"] for entry in _listed(admin, where=f"(createdAt BETWEEN ('{since}','{until}'))")] == numbers[2:]
    assert [entry["id"] for entry in _listed(admin, orderBy=["createdAt DESC"])] == numbers[::-1]
    with invalid():
        _listed(admin, where=f"(id BETWEEN ('{numbers[2]}','{numbers[1]}'))")
    for nonsense in ("('a','b')", "('1')", "('1','2','3')", "('1' and '9')"):
        with invalid():
            _listed(admin, where=f"(id BETWEEN {nonsense})")
    with invalid():
        _listed(admin, orderBy=["id"])


@check()
def entries_come_in_pages(office: Office, connect: Connect) -> None:
    _changed(office)
    admin = connect.basic("admin")
    numbers = [entry["id"] for entry in _listed(admin)]
    page = admin.call("audit.listAuditEntriesForAuditApp", _LOG, skipCount=1, maxItems=2)
    assert [entry["id"] for entry in entries(page)] == numbers[1:3]
    assert page["list"]["pagination"] == expected.pagination(count=2, total=4, skip=1, maximum=2)


@check(only="python")  # the other one does not know the parameter
def totals_of_entries_can_be_left_out(office: Office, connect: Connect) -> None:
    _changed(office)
    page = connect.basic("admin").call("audit.listAuditEntriesForAuditApp", _LOG, omitTotalItems=True)
    assert "totalItems" not in page["list"]["pagination"]
    assert len(entries(page)) == 4


@check()
def the_applications_are_listed(office: Office, connect: Connect) -> None:
    listed = entries(connect.basic("admin").call("audit.listAuditApps"))
    assert listed == [{"id": _LOG, "name": _LOG, "isEnabled": False}]


@check(only="python")
def the_client_cannot_read_a_single_application(office: Office, connect: Connect) -> None:
    """The OpenAPI files show it bare, where the repository wraps every entity in `entry`."""
    try:
        connect.basic("admin").call("audit.getAuditApp", _LOG)
    except KeyError as error:
        assert error.args == ("id",)
    else:
        raise AssertionError("a bare application")


@check(only="js")
def an_application_is_described(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    described = {"id": _LOG, "name": _LOG, "isEnabled": False}
    assert admin.call("audit.getAuditApp", _LOG)["entry"] == described
    _changed(office)
    numbers = [int(entry["id"]) for entry in _listed(admin)]
    described["isEnabled"] = True
    ends = {"minEntryId": numbers[0], "maxEntryId": numbers[-1]}
    assert admin.call("audit.getAuditApp", _LOG, include=["min", "max"])["entry"] == {**described, **ends}
    assert admin.call("audit.getAuditApp", _LOG)["entry"] == described


@check(only="js")
def the_application_can_be_switched(office: Office, connect: Connect) -> None:
    admin = connect.basic("admin")
    for is_enabled in (True, False):
        switched = admin.call("audit.updateAuditApp", _LOG, body={"isEnabled": is_enabled})
        assert switched["entry"]["isEnabled"] is is_enabled
        office.world.set_properties(office.plan, {"cm:title": str(is_enabled)})
    assert len(_listed(admin)) == 1


@check()
def audit_is_for_administrators_and_may_be_off(office: Office, connect: Connect) -> None:
    for user in ("alice", "robot"):
        with denied():
            _listed(connect.basic(user))
        with denied():
            connect.basic(user).call("audit.listAuditApps")
    admin = connect.basic("admin")
    with not_found("nowhere"):
        admin.call("audit.getAuditApp", "nowhere")
    with not_found("4711"):
        admin.call("audit.getAuditEntry", _LOG, "4711")
    office.world.audit_enabled = False
    with refused(501):
        _listed(admin)
    with refused(501):
        admin.call("audit.listAuditApps")
