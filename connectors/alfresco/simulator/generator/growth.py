"""Lets a generated world grow to its size: folders within folders, documents in them, and all that people do to those.

Most nodes inherit everything, as in real repositories; the shares below say how many do not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from connectors.alfresco.simulator.generator.history import History
from connectors.alfresco.simulator.generator.people import Staff
from connectors.alfresco.simulator.generator.texts import MIME_TYPES, GeneratedContent, sentence, title
from connectors.alfresco.simulator.model import EVERYONE, AccessStatus, Node, PropertyValue
from connectors.alfresco.simulator.node_store import Entry
from connectors.alfresco.simulator.world import World

# Shares of nodes that differ from the rest; the first fitting one applies, drawn once for each node.
_FOLDER_SHARE = 0.12
_FOLDER_WITH_ENTRIES, _FOLDER_CUT = 0.20, 0.06
_FILE_WITH_ENTRIES, _FILE_CUT = 0.04, 0.02
_DENIAL_SHARE = 0.3  # of single entries
_OWNER_SHARE, _COMMENT_SHARE, _PROPERTY_SHARE, _MARKED_SHARE = 0.03, 0.04, 0.2, 0.1
_LINK_SHARE, _SECOND_PARENT_SHARE, _EMPTY_SHARE, _LOST_SHARE = 0.01, 0.01, 0.003, 0.003
_ADMIN_CREATES = 0.3
_DEEPEST = 9  # levels below a library

_READING_ROLES = ("Consumer", "Contributor", "Editor", "Collaborator", "Coordinator", "Read", "SiteConsumer")
_OTHER_ROLES = ("ReadPermissions", "ReadProperties", "Write", "Execute")
_MIME_TYPES = tuple(MIME_TYPES)
_DUE_FROM = datetime(2024, 1, 1, 12, tzinfo=UTC)
_TAGS = ("draft", "final", "internal", "2023", "für alle", "legal")


class Growth:
    """Adds nodes to a world in the order of their dates."""

    def __init__(self, world: World, staff: Staff, rng: Random, history: History, *, first_number: int) -> None:
        self._world = world
        self._staff = staff
        self._rng = rng
        self._history = history
        self._number = first_number
        self._last_file: Node | None = None

    def fill(self, folder: Node, documents: int) -> None:
        """Put so many documents into one folder."""
        for _ in range(documents):
            self._add_file(folder)

    def grow(self, tops: list[Node], *, until: int) -> None:
        """Add folders and documents below the given folders until the world has so many nodes."""
        places = [(top, 0) for top in tops]
        while len(self._world.nodes) < until:
            parent, depth = self._rng.choice(places)
            if depth < _DEEPEST and self._rng.random() < _FOLDER_SHARE:
                places.append((self._add_folder(parent), depth + 1))
            elif self._last_file is not None and self._rng.random() < _LINK_SHARE:
                self._add_link(parent, self._last_file)
            else:
                self._add_file(parent)

    def _add_folder(self, parent: Node) -> Node:
        self._begin_next()
        folder = self._world.add_folder(parent, self._name())
        self._restrict(folder, with_entries=_FOLDER_WITH_ENTRIES, cut=_FOLDER_CUT)
        return folder

    def _add_link(self, parent: Node, target: Node) -> None:
        self._begin_next()
        self._world.add_link(parent, f"{self._name()}.url", target)

    def _add_file(self, parent: Node) -> None:
        self._begin_next()
        rng, mime_type = self._rng, self._rng.choice(_MIME_TYPES)
        file = self._world.add_file(
            parent,
            f"{self._name()}.{MIME_TYPES[mime_type]}",
            self._content(mime_type),
            mime_type,
            creator="admin" if rng.random() < _ADMIN_CREATES else rng.choice(self._staff.people),
            owner=self._owner(),
            aspects=["awskendra:indexControl"] if rng.random() < _MARKED_SHARE else (),
            properties=self._properties() if rng.random() < _PROPERTY_SHARE else None,
        )
        self._restrict(file, with_entries=_FILE_WITH_ENTRIES, cut=_FILE_CUT)
        self._discuss(file)
        self._list_twice(file)
        self._last_file = file

    def _begin_next(self) -> None:
        self._number += 1
        self._history.move_on()

    def _name(self) -> str:
        """Return a name that no other node of this world has."""
        return f"{self._number % 10_000_000} {title(self._number)}"

    def _content(self, mime_type: str) -> GeneratedContent | bytes | None:
        drawn = self._rng.random()
        if drawn < _EMPTY_SHARE:
            return b""
        return None if drawn < _EMPTY_SHARE + _LOST_SHARE else GeneratedContent(self._number, mime_type)

    def _owner(self) -> str | None:
        """Return an owner, nobody, or None for a node that its creator owns."""
        if self._rng.random() >= _OWNER_SHARE:
            return None
        return self._rng.choice([*self._staff.people, ""])

    def _properties(self) -> dict[str, PropertyValue]:
        rng = self._rng
        due_at = _DUE_FROM + timedelta(days=rng.randrange(1000))
        return {
            "cm:title": title(self._number),
            "cm:description": sentence(rng),
            "gen:dueAt": due_at,
            "gen:amount": rng.randrange(10_000_000) / 100,
            "gen:pages": rng.randrange(200),
            "gen:isFinal": rng.random() < 0.5,
            "gen:tags": rng.sample(_TAGS, k=rng.randrange(1, 4)),
        }

    def _restrict(self, node: Node, *, with_entries: float, cut: float) -> None:
        drawn = self._rng.random()
        if drawn < cut:
            entries = [self._entry() for _ in range(self._rng.randrange(1, 4))]
            self._world.set_permissions(node, inherit=False, entries=entries)
        elif drawn < cut + with_entries:
            self._world.set_permissions(node, entries=[self._entry() for _ in range(self._rng.randrange(1, 3))])

    def _entry(self) -> Entry:
        return random_entry(self._rng, self._staff.people, self._staff.groups)

    def _discuss(self, file: Node) -> None:
        if self._rng.random() < _COMMENT_SHARE:
            for _ in range(self._rng.randrange(1, 4)):
                author = self._rng.choice(self._staff.people)
                self._world.add_comment(file, author, f"<p>{sentence(self._rng)}</p>")

    def _list_twice(self, file: Node) -> None:
        """List a file in the folder of the one before it as well."""
        before = self._last_file
        if before is None or before.parent_id in {None, file.parent_id} or self._rng.random() >= _SECOND_PARENT_SHARE:
            return
        self._world.add_secondary_child(self._world.nodes[str(before.parent_id)], file)


def random_entry(rng: Random, people: list[str], groups: list[str]) -> Entry:
    """Return an entry for anybody, mostly for a group, mostly one that lets read."""
    drawn = rng.random()
    authority = EVERYONE if drawn < 0.05 else rng.choice(groups) if drawn < 0.7 else rng.choice(people)
    role = rng.choice(_READING_ROLES if rng.random() < 0.85 else _OTHER_ROLES)
    status: AccessStatus = "DENIED" if rng.random() < _DENIAL_SHARE else "ALLOWED"
    return authority, role, status
