"""Alfresco's permission lists to our ACLs: who is admitted and who is denied at one place in the tree. Pure.

The server's rule (PermissionServiceImpl with `security.anyDenyDenies=true`, its default): entries are ordered by
distance from the node, DENIED before ALLOWED at the same distance; for each authority the first entry that touches
Read decides. A crawl knows each ancestor's own list, so distances are exact; where an ancestor's list could not be
read, the node's flat `inherited` list takes its place, in which a denial wins: at most too strict.

Invariants: permissions that cannot be read are None, never an empty list; an unknown permission name allows nothing
and denies Read; places that share a list share one `Access` object and one `Acl.key`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from connectors.alfresco.wire.records import Node, PermissionEntry
from vocabulary.access import Acl, Principal

# permissionDefinitions.xml and sitePermissionDefinitions.xml: whatever includes all three parts of Read.
_GRANTING = frozenset(
    {"Read", "Consumer", "Contributor", "Editor", "Collaborator", "Coordinator", "FullControl", "All", "Administrator"}
    | {"SiteConsumer", "SiteContributor", "SiteCollaborator", "SiteManager"}
)
# The low-level permissions of the same files that have no part in Read: denying one of them leaves Read alone.
_APART_FROM_READ = frozenset(
    {
        "ReadPermissions",
        "ChangePermissions",
        "Write",
        "WriteProperties",
        "WriteContent",
        "AddChildren",
        "CreateChildren",
    }
    | {"LinkChildren", "Delete", "DeleteNode", "DeleteChildren", "DeleteAssociations", "CreateAssociations"}
    | {"ReadAssociations", "TakeOwnership", "SetOwner", "Execute", "ExecuteContent", "CheckOut", "CheckIn"}
    | {"CancelCheckOut", "Lock", "Unlock", "Flatten"}
)
# Ownership and administration are decided before any entry is read, so entries for them change nothing.
_DECIDED_BEFORE_ENTRIES = frozenset({"ROLE_OWNER", "ROLE_ADMINISTRATOR"})

_ANCHORED = "node:"  # the keys of lists that begin at a folder


@dataclass(frozen=True)
class Access:
    """The decision for every authority that the entries name at one place: True admits, False denies."""

    source: str
    key: str
    admitted: Mapping[str, bool]

    @property
    def is_of_folder(self) -> bool:
        """Whether the list begins at a folder, and can change under its key; else the key is of its entries."""
        return self.key.startswith(_ANCHORED)

    def begins_at(self, folder_id: str) -> bool:
        return self.key == f"{_ANCHORED}{folder_id}"

    def is_more_open(self, *, admitted: frozenset[str], denied: frozenset[str]) -> bool:
        """Whether it admits somebody whom the server's own list does not, or denies somebody less."""
        admits = {name for name, admits in self.admitted.items() if admits} - _DECIDED_BEFORE_ENTRIES
        denies = {name for name, admits in self.admitted.items() if not admits}
        return bool(admits - admitted or denied - _DECIDED_BEFORE_ENTRIES - denies)

    @cached_property
    def acl(self) -> Acl:
        allow = {_principal(self.source, name) for name, admits in self.admitted.items() if admits}
        deny = {_denied(self.source, name) for name, admits in self.admitted.items() if not admits}
        return Acl(self.key, frozenset(allow - {None}), frozenset(deny - {None}))  # type: ignore[arg-type]  # None is taken out


def folder_of(key: str) -> str | None:
    """The folder at which a list of this key begins; None for a list of a file's own."""
    return key.removeprefix(_ANCHORED) if key.startswith(_ANCHORED) else None


@dataclass(frozen=True, slots=True)
class PermissionReader:
    """Reads the lists of one source; `extra_granting` are the read-granting roles of its own permission models."""

    source: str
    extra_granting: frozenset[str] = frozenset()

    def access(self, node: Node, above: Access | None) -> Access | None:
        """Decide at a node whose parent's access is `above`, None where that could not be read.

        A node that adds nothing of its own gets `above` itself; None when nothing reliable is known.
        """
        permissions = node.permissions
        if permissions is None or permissions.is_inheritance_enabled is None:
            return None
        own = self._decisions(permissions.locally_set)
        if not permissions.is_inheritance_enabled:
            return self._decided_here(node, own)
        if above is not None:
            return self._decided_here(node, {**above.admitted, **own}) if own else above
        if permissions.inherited:
            return self._decided_here(node, {**self._decisions(permissions.inherited), **own})
        return None

    def access_at_top(self, node: Node) -> Access | None:
        """Decide at a node that has no parent."""
        has_no_more = node.permissions is not None and not node.permissions.inherited
        return self.access(node, self._decided_here(node, {}) if has_no_more else None)

    def _decided_here(self, node: Node, admitted: Mapping[str, bool]) -> Access:
        key = f"{_ANCHORED}{node.id}" if node.is_folder else f"entries:{_fingerprint(admitted)}"
        return Access(self.source, key, admitted)

    def _decisions(self, entries: Iterable[PermissionEntry]) -> dict[str, bool]:
        """Decide within one distance, where a denial stands before an allowance."""
        decisions: dict[str, bool] = {}
        for entry in entries:
            if entry.access_status != "ALLOWED":
                if entry.name not in _APART_FROM_READ:
                    decisions[entry.authority_id] = False
            elif entry.name in _GRANTING or entry.name in self.extra_granting:
                decisions.setdefault(entry.authority_id, True)
        return decisions


def owner(source: str, node: Node) -> Principal | None:
    """`cm:owner` where the node is ownable, and nobody when that is empty; else the creator."""
    named = node.properties.get("cm:owner")
    if "cm:ownable" in node.aspect_names or named is not None:
        user_id = named.get("id") if isinstance(named, dict) else named
        return Principal.user(source, str(user_id)) if user_id else None
    return Principal.user(source, node.created_by_user.id) if node.created_by_user else None


def _principal(source: str, authority: str) -> Principal | None:
    """The principal that an authority stands for; None for those that no list of ours needs or can name."""
    if authority == "GROUP_EVERYONE":
        return Principal.everyone(source)
    if authority.startswith("GROUP_"):
        return Principal.group(source, authority)
    if authority == "ROLE_GUEST":
        return Principal.user(source, "guest")
    if authority.startswith("ROLE_"):
        return None
    return Principal.user(source, authority)


def _denied(source: str, authority: str) -> Principal | None:
    """As `_principal`, but a denied role whose holders nobody can list (ROLE_LOCK_OWNER) denies everyone."""
    if authority in _DECIDED_BEFORE_ENTRIES:
        return None
    return _principal(source, authority) or Principal.everyone(source)


def _fingerprint(admitted: Mapping[str, bool]) -> str:
    """Tell lists apart by their entries; JSON keeps a name with a line break, say, from passing for two entries."""
    return hashlib.blake2b(json.dumps(sorted(admitted.items())).encode(), digest_size=16).hexdigest()
