"""The cases that a generated world holds at every size, each made on purpose and named for what it shows.

They lie in one folder of the archive, so that a reader of a failing test can look at them by name.
"""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.alfresco.simulator.generator.people import REMOVED_GROUP, REMOVED_PERSON
from connectors.alfresco.simulator.generator.texts import GeneratedContent
from connectors.alfresco.simulator.model import EVERYONE, Node, PropertyValue
from connectors.alfresco.simulator.node_store import Entry
from connectors.alfresco.simulator.world import World

CASES = "Cases"
_ODD_NAME = "Prüfung ’ρ́ω 試験 📄 50% & #1 +«ÿ».txt"  # no encoding, URL or file name survives this by luck
_PRECOMPOSED, _DECOMPOSED = "Caf\u00e9.md", "Cafe\u0301.md"  # two names for the repository, one for the eye


def add_cases(world: World, above: Node, number: int) -> None:
    """Add all cases below a folder; the documents are numbered from `number` on."""
    cases = Cases(world, world.add_folder(above, CASES), number)
    cases.add_denials()
    cases.add_owners()
    cases.add_entries_without_effect()
    cases.add_odd_files()
    cases.add_references()


class Cases:
    """Adds the cases to one folder."""

    def __init__(self, world: World, folder: Node, number: int) -> None:
        self._world = world
        self._folder = folder
        self._number = number

    def add_denials(self) -> None:
        """A denial far away, one that a nearer allowance masks, one at the document, and one that was cut off."""
        denied = self._world.add_folder(self._folder, "Denied to platform")
        self._world.set_permissions(denied, entries=[("GROUP_platform", "Consumer", "DENIED"), ("desk.one", "Editor")])
        self._file(denied, "inherits the denial.txt")
        masked = self._file(denied, "masks the denial.txt")
        self._world.set_permissions(masked, entries=[("GROUP_platform", "Consumer")])
        other = self._file(denied, "allows another.txt")
        self._world.set_permissions(other, entries=[("GROUP_engineering", "Coordinator")])
        local = self._file(denied, "denies here too.txt")
        self._world.set_permissions(local, entries=[(EVERYONE, "Read", "DENIED")])
        cut = self._file(denied, "cut off.txt")
        self._world.set_permissions(cut, inherit=False, entries=[("GROUP_night", "Collaborator")])

    def add_owners(self) -> None:
        """An owner other than the creator, no owner at all, and an owner who is denied."""
        owned = self._file(self._folder, "owned by a person.txt", owner="user0000")
        self._world.set_permissions(owned, inherit=False, entries=[])
        unowned = self._file(self._folder, "owned by nobody.txt", creator="user0001", owner="")
        self._world.set_permissions(unowned, inherit=False, entries=[])
        refused = self._file(self._folder, "owner denied.txt", creator="desk.two")
        self._world.set_permissions(refused, entries=[("desk.two", "ReadContent", "DENIED")])

    def add_entries_without_effect(self) -> None:
        """Entries for the removed, for roles that grant no Read, and for people without an address or an account."""
        stale = self._file(self._folder, "for the removed.txt")
        removed: list[Entry] = [(REMOVED_PERSON, "Consumer"), (REMOVED_GROUP, "Read", "DENIED")]
        self._world.set_permissions(stale, inherit=False, entries=[*removed, ("no.mail", "Consumer")])
        useless = self._file(self._folder, "roles without Read.txt")
        roles = ("ReadPermissions", "ReadProperties", "Write", "AddChildren")
        self._world.set_permissions(useless, inherit=False, entries=[("GROUP_company", role) for role in roles])
        odd = self._file(self._folder, "for odd people.txt")
        readers = ("left.staff", "Mixed.CASE", "jürgen.groß", "GROUP_ENGINEERING", "guest")
        self._world.set_permissions(odd, inherit=False, entries=[(reader, "Consumer") for reader in readers])

    def add_odd_files(self) -> None:
        """Nothing to read, nothing left to read, names, values of every type, comments, and a record."""
        self._world.add_file(self._folder, "empty.txt", b"")
        self._world.add_file(self._folder, "lost content.txt", None)
        for name in (_ODD_NAME, _PRECOMPOSED, _DECOMPOSED, "n" * 251 + ".txt"):  # 255 is what cm:name may have
            self._file(self._folder, name)
        typed = self._file(self._folder, "typed.html", properties=_TYPED_PROPERTIES, aspects=["cm:titled", "gen:typed"])
        self._world.add_comment(typed, "desk.one", "<p>Is the amount <b>net</b>?</p>")
        self._world.add_comment(typed, REMOVED_PERSON, "<p>Yes &amp; no.</p>")
        self._file(self._folder, "record.txt", aspects=["rma:record", "rma:filePlanComponent"])

    def add_references(self) -> None:
        """Links to a file and a folder, and a file listed in a second folder."""
        second = self._world.add_folder(self._folder, "Second parent")
        target = self._file(self._folder, "linked.txt", aspects=["awskendra:indexControl"])
        self._world.add_link(second, "link to a file.url", target)
        self._world.add_link(second, "link to a folder.url", self._folder)
        self._world.add_secondary_child(second, target)

    def _file(
        self,
        folder: Node,
        name: str,
        *,
        creator: str = "admin",
        owner: str | None = None,
        properties: dict[str, PropertyValue] | None = None,
        aspects: list[str] | None = None,
    ) -> Node:
        self._number += 1
        content = GeneratedContent(self._number, _TYPES.get(name[-3:], "text/plain"))
        return self._world.add_file(
            folder, name, content, creator=creator, owner=owner, properties=properties, aspects=aspects or ()
        )


_TYPES = {".md": "text/markdown", "tml": "text/html"}
_TYPED_PROPERTIES: dict[str, PropertyValue] = {
    "cm:title": "Typed – every kind of value",
    "cm:description": "Dates, numbers, lists and truths",
    "gen:dueAt": datetime(2031, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    "gen:amount": 1234.5,
    "gen:pages": 0,
    "gen:isFinal": False,
    "gen:tags": ["alpha", "beta, gamma", "δέλτα"],
}
