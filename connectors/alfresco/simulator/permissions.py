"""Who may do what, by Alfresco's own rules: the oracle that connectors are tested against.

Pure functions over the entries that count for a node. Deliberately shares no code and no table with the connector's
mapping. The rules are those of PermissionServiceImpl under `security.anyDenyDenies=true` (the default): entries are
read by growing distance, DENIED before ALLOWED at the same distance; for each authority the first entry that matters
decides; one denied authority is enough to be refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto

from connectors.alfresco.simulator.model import AccessEntry, PlacedEntry


class Right(Enum):
    """The low-level permissions that answers of this server depend on."""

    READ_PROPERTIES = auto()
    READ_CHILDREN = auto()
    READ_CONTENT = auto()
    READ_PERMISSIONS = auto()
    WRITE = auto()
    CREATE_CHILDREN = auto()
    DELETE = auto()
    CHANGE_PERMISSIONS = auto()


READ = frozenset({Right.READ_PROPERTIES, Right.READ_CHILDREN, Right.READ_CONTENT})
READ_PERMISSIONS = frozenset({Right.READ_PERMISSIONS})
_EVERYTHING = frozenset(Right)
_CONTRIBUTE = READ | {Right.READ_PERMISSIONS, Right.CREATE_CHILDREN}
_EDIT = READ | {Right.READ_PERMISSIONS, Right.WRITE}

# permissionDefinitions.xml and sitePermissionDefinitions.xml. Consumer alone does not show permissions.
STANDARD_ROLES: Mapping[str, frozenset[Right]] = {
    "Read": READ,
    "Consumer": READ,
    "Contributor": _CONTRIBUTE,
    "Editor": _EDIT,
    "Collaborator": _CONTRIBUTE | _EDIT,
    "Coordinator": _EVERYTHING,
    "SiteConsumer": READ | READ_PERMISSIONS,
    "SiteContributor": _CONTRIBUTE,
    "SiteCollaborator": _CONTRIBUTE | _EDIT,
    "SiteManager": _EVERYTHING,
    "FullControl": _EVERYTHING,
    "All": _EVERYTHING,
    "Administrator": _EVERYTHING,
    "ReadPermissions": READ_PERMISSIONS,
    "ReadProperties": frozenset({Right.READ_PROPERTIES}),
    "ReadChildren": frozenset({Right.READ_CHILDREN}),
    "ReadContent": frozenset({Right.READ_CONTENT}),
    "Write": frozenset({Right.WRITE}),
    "WriteProperties": frozenset({Right.WRITE}),
    "WriteContent": frozenset({Right.WRITE}),
    "AddChildren": frozenset({Right.CREATE_CHILDREN}),
    "CreateChildren": frozenset({Right.CREATE_CHILDREN}),
    "Delete": frozenset({Right.DELETE}),
    "DeleteNode": frozenset({Right.DELETE}),
    "ChangePermissions": frozenset({Right.CHANGE_PERMISSIONS}),
    "TakeOwnership": frozenset(),
    "Execute": frozenset(),
}

# The two global permissions of permissionDefinitions.xml that need no entry on the node.
SERVICE_ACCOUNT_RIGHTS = READ | READ_PERMISSIONS

# Offered to user interfaces as assignable; says nothing about what is set.
SETTABLE = ("Contributor", "Collaborator", "Coordinator", "Editor", "Consumer")


class Verdicts:
    """The authorities that one list of entries lets through, and those that it turns away, for one set of rights."""

    __slots__ = ("denied", "readers")

    def __init__(self, readers: Iterable[str], denied: Iterable[str]) -> None:
        self.readers = frozenset(readers)
        self.denied = frozenset(denied)

    def admit(self, authorities: frozenset[str], *, any_deny_denies: bool) -> bool:
        if any_deny_denies and authorities & self.denied:
            return False
        return bool(authorities & self.readers)


def in_order(placed: Iterable[PlacedEntry]) -> list[PlacedEntry]:
    """Return entries as SimpleAccessControlEntry.compareTo sorts them: nearest first, DENIED before ALLOWED."""
    return sorted(placed, key=lambda one: (one.position, one.entry.status == "ALLOWED"))


def judge(ordered: Sequence[PlacedEntry], wanted: frozenset[Right], roles: Mapping[str, frozenset[Right]]) -> Verdicts:
    """Return each authority's verdict: the first entry that grants or takes the wanted rights decides for it."""
    first: dict[str, str] = {}
    for placed in ordered:
        if _matters(placed.entry, wanted, roles):
            first.setdefault(placed.entry.authority, placed.entry.status)
    return Verdicts(
        readers=(authority for authority, status in first.items() if status == "ALLOWED"),
        denied=(authority for authority, status in first.items() if status == "DENIED"),
    )


def _matters(entry: AccessEntry, wanted: frozenset[Right], roles: Mapping[str, frozenset[Right]]) -> bool:
    """Return whether an entry decides: an allowance must cover all that is wanted, a denial any part of it."""
    covered = roles[entry.role] & wanted
    return covered == wanted if entry.status == "ALLOWED" else bool(covered)
