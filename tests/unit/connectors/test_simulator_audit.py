"""The audit application CMISChangeLog: what it records, for whom, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from simulator_client import SteppingClock, a_world, client, entries

APPLICATION = "/audit-applications/CMISChangeLog"
ENTRIES = f"{APPLICATION}/audit-entries"


class Audited:
    """A folder with a file, made before the application was enabled."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = a_world(clock=self.clock)
        self.folder = self.world.add_folder(self.world.shared, "folder")
        self.file = self.world.add_file(self.folder, "file.txt", b"text")
        self.comment = self.world.add_comment(self.file, "alice", "<p>First</p>")
        self.world.audit.records_changes = True

    async def ask(self, path: str, user: str = "admin", method: str = "GET", **options: object) -> httpx.Response:
        async with client(self.world, user) as http:
            return await http.request(method, path, **options)  # type: ignore[arg-type]

    async def recorded(self) -> list[tuple[str, str]]:
        """Return the kind and the node of each entry."""
        found = entries(await self.ask(ENTRIES, params={"include": "values"}))
        values = [entry.get("values") for entry in found]
        return [(key.split("/")[2], value["nodeRef"]) for one in values for key, value in one.items()]  # type: ignore[union-attr]


@pytest.fixture
def audited() -> Audited:
    return Audited()


RECORDED: dict[str, tuple[Callable[[Audited], object], str]] = {
    "content": (lambda at: at.world.set_content(at.file, b"new"), "UPDATED"),
    "properties": (lambda at: at.world.set_properties(at.file, {"cm:title": "T"}), "UPDATED"),
    "a name": (lambda at: at.world.rename(at.file, "other.txt"), "UPDATED"),
    "an owner": (lambda at: at.world.set_owner(at.file, "bob"), "UPDATED"),
    "permissions": (lambda at: at.world.set_permissions(at.file, entries=[("bob", "Editor")]), "SECURITY"),
    "a deletion": (lambda at: at.world.delete(at.file), "DELETED"),
    "a permanent deletion": (lambda at: at.world.delete(at.file, permanent=True), "DELETED"),
}


@pytest.mark.parametrize(("change", "kind"), RECORDED.values(), ids=RECORDED)
async def test_a_change_leaves_one_entry(audited: Audited, change: Callable[[Audited], object], kind: str) -> None:
    change(audited)
    assert await audited.recorded() == [(kind, audited.file.id)]


async def test_a_created_node_leaves_one_entry_and_its_folder_none(audited: Audited) -> None:
    file = audited.world.add_file(audited.folder, "new.txt", b"")
    folder = audited.world.add_folder(audited.folder, "new")
    assert await audited.recorded() == [("CREATED", file.id), ("CREATED", folder.id)]


UNRECORDED: dict[str, Callable[[Audited], object]] = {
    "a move": lambda at: at.world.move(at.file, at.world.shared),
    "a comment": lambda at: at.world.add_comment(at.file, "bob", "<p>Me too</p>"),
    "an edited comment": lambda at: at.world.edit_comment(at.comment, "<p>Second</p>"),
    "a removed comment": lambda at: at.world.remove_comment(at.file, at.comment),
    "a link": lambda at: at.world.add_link(at.folder, "link", at.file),
    "a membership": lambda at: at.world.join_group("alice", "GROUP_ALFRESCO_ADMINISTRATORS"),
    "a closed account": lambda at: at.world.disable_person("alice"),
}


@pytest.mark.parametrize("change", UNRECORDED.values(), ids=UNRECORDED)
async def test_some_changes_leave_no_entry(audited: Audited, change: Callable[[Audited], object]) -> None:
    change(audited)
    assert await audited.recorded() == []


async def test_only_the_top_of_a_deleted_tree_is_recorded_and_its_restoration_is_not(audited: Audited) -> None:
    audited.world.delete(audited.folder)
    audited.world.restore(audited.folder.id)
    assert await audited.recorded() == [("DELETED", audited.folder.id)]


async def test_an_entry_says_who_when_and_what(audited: Audited) -> None:
    audited.clock.advance(timedelta(minutes=1))
    audited.world.set_content(audited.file, b"new", by="bob")
    (entry,) = entries(await audited.ask(ENTRIES))
    assert entry == {
        "id": audited.world.changes.last_id,
        "auditApplicationId": "CMISChangeLog",
        "createdByUser": {"id": "bob", "displayName": "Bob"},
        "createdAt": "2024-05-01T09:31:00.123+0000",
    }
    full = (await audited.ask(f"{ENTRIES}/{entry['id']}")).json()["entry"]
    assert full["values"] == {
        "/CMISChangeLog/UPDATED/args/nodeRef/value": {"nodeRef": audited.file.id, "objectId": f"{audited.file.id};1.0"}
    }
    assert (await audited.ask(f"{ENTRIES}/1")).status_code == 404


def five_updates(audited: Audited) -> list[int]:
    """Make five changes, a minute and an unrecorded change apart, the last by bob; return the ids of their entries."""
    for number in range(5):
        audited.clock.advance(timedelta(minutes=1))
        audited.world.set_content(audited.file, b"%d" % number, by="bob" if number == 4 else "admin")
        audited.world.add_comment(audited.file, "alice", "<p/>")
    return [entry.id for entry in audited.world.audit]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("(id BETWEEN ('{1}','{3}'))", [1, 2, 3]),
        ("(id BETWEEN ('{3}','999999'))", [3, 4]),
        ("(id BETWEEN ('{2}','{2}'))", [2]),
        ("(createdByUser='bob')", [4]),
        ("(createdByUser='-me-')", [0, 1, 2, 3]),
        ("(createdAt BETWEEN ('2024-05-01T09:32:00.123+0000','2024-05-01T09:33:00.123Z'))", [1, 2]),
        ("(createdAt BETWEEN ('2024-05-01T09:34:00.000 0000','2024-05-02'))", [3, 4]),
        ("(createdByUser='bob' and id BETWEEN ('0','{3}'))", []),
        ("(valuesKey='/CMISChangeLog/UPDATED/args/nodeRef/value' and valuesValue='nothing')", []),
    ],
)
async def test_entries_are_found_by_id_date_and_user(audited: Audited, where: str, expected: list[int]) -> None:
    ids = five_updates(audited)
    found = entries(await audited.ask(ENTRIES, params={"where": where.format(*ids)}))
    assert [entry["id"] for entry in found] == [ids[number] for number in expected]


@pytest.mark.parametrize(
    "parameters",
    [
        {"where": "(id BETWEEN ('5','4'))"},
        {"where": "(id BETWEEN ('a','b'))"},
        {"where": "(id BETWEEN ('1'))"},
        {"where": "(id=1)"},
        {"where": "(createdAt BETWEEN ('yesterday','today'))"},
        {"where": "(nodeId='x')"},
        {"orderBy": "id"},
        {"orderBy": "createdAt,createdAt"},
    ],
)
async def test_a_wrong_request_is_refused(audited: Audited, parameters: dict[str, str]) -> None:
    assert (await audited.ask(ENTRIES, params=parameters)).status_code == 400


async def test_entries_come_oldest_first_unless_asked_otherwise_and_by_pages(audited: Audited) -> None:
    ids = five_updates(audited)
    for order, expected in (("", ids), ("createdAt ASC", ids), ("createdAt DESC", ids[::-1])):
        pages = [
            await audited.ask(ENTRIES, params={"orderBy": order, "skipCount": str(skip), "maxItems": "3"})
            for skip in (0, 3)
        ]
        assert [entry["id"] for page in pages for entry in entries(page)] == expected
        assert [page.json()["list"]["pagination"]["hasMoreItems"] for page in pages] == [True, False]


async def test_the_total_can_be_omitted(audited: Audited) -> None:
    five_updates(audited)
    assert (await audited.ask(ENTRIES)).json()["list"]["pagination"]["totalItems"] == 5
    answer = await audited.ask(ENTRIES, params={"omitTotalItems": "true"})
    assert "totalItems" not in answer.json()["list"]["pagination"]


async def test_the_application_is_off_until_it_is_enabled() -> None:
    audited = Audited()
    audited.world.audit.records_changes = False
    assert (await audited.ask(APPLICATION)).json()["entry"]["isEnabled"] is False
    audited.world.set_content(audited.file, b"unseen")
    switched = await audited.ask(APPLICATION, method="PUT", json={"isEnabled": True})
    assert switched.json()["entry"] == {"id": "CMISChangeLog", "name": "CMISChangeLog", "isEnabled": True}
    audited.world.set_content(audited.file, b"seen")
    assert await audited.recorded() == [("UPDATED", audited.file.id)]
    assert (await audited.ask(APPLICATION, method="PUT", content=b"x")).status_code == 400


async def test_the_application_tells_its_first_and_last_entry(audited: Audited) -> None:
    ids = five_updates(audited)
    entry = (await audited.ask(APPLICATION, params={"include": "min,max"})).json()["entry"]
    assert (entry["minEntryId"], entry["maxEntryId"]) == (ids[0], ids[-1])
    assert [one["id"] for one in entries(await audited.ask("/audit-applications"))] == ["CMISChangeLog"]


async def test_audit_is_for_administrators_and_can_be_off(audited: Audited) -> None:
    for path in ("/audit-applications", APPLICATION, ENTRIES, f"{ENTRIES}/1"):
        assert (await audited.ask(path, "alice")).status_code == 403
    assert (await audited.ask("/audit-applications/alfresco-access/audit-entries")).status_code == 404
    audited.world.audit_enabled = False
    for path in ("/audit-applications", APPLICATION, ENTRIES, f"{ENTRIES}/1"):
        assert (await audited.ask(path)).status_code == 501
    status = (await audited.ask("http://alfresco/alfresco/api/discovery")).json()["entry"]["repository"]["status"]
    assert status["isAuditEnabled"] is False
