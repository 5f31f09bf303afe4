"""Rows of the access table that are told as Alfresco has them: entries at places of a tree instead of finished lists.

The row's repository is built in the simulated server, whose own decision must be the row's; people, groups, lists and
owners come out of it as a crawl reads them, through the connector's mapping. What the row says of `alfresco`:

  people   {name: {email, disabled, admin, service}}; everyone but the guest is in GROUP_EVERYONE
  groups   {GROUP_NAME: [person or group that exists, …]}
  sites    {id: {visibility: PRIVATE, or [PUBLIC, PRIVATE] where it was changed, members: {person or group: role}}}
  folders  {name: place}
  docs     {name: place, and creator (default: somebody else), owner (sets cm:owner; "": cleared)}
  crawler  the account that reads lists; an administrator unless named, who may read all of them

A place is `in` (a folder of the row, `site ID`, `library ID`, `home PERSON`; default: an empty folder that nobody may
read), `also in` (a second folder that lists the document), `entries` (`allow|deny AUTHORITY ROLE`) and `cut: true`
where inheritance is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.alfresco.mapping import person as person_of
from connectors.alfresco.permissions import Access, PermissionReader
from connectors.alfresco.permissions import owner as owner_of
from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_json import NodeRenderer
from connectors.alfresco.wire.records import Node as NodeRecord
from connectors.alfresco.wire.records import PersonRecord
from vocabulary.access import Acl, Membership, Person, Principal

_STATUS = {"allow": "ALLOWED", "deny": "DENIED"}
_INCLUDED = ("permissions", "aspectNames", "properties")


@dataclass
class Repository:
    """A row's repository, and how a crawl of `source` reads it."""

    source: str
    world: World = field(default_factory=World)
    documents: dict[str, Node] = field(default_factory=dict)
    crawler: str = "admin"

    def may_find(self, person: str, document: str) -> bool:
        """Whether the server's own search shows the document to the person."""
        return self.world.may_find(person, self.documents[document].id)

    def people(self) -> tuple[Person, ...]:
        return tuple(
            person_of(
                PersonRecord.model_validate(
                    {
                        "id": each.id,
                        "email": each.email,
                        "enabled": each.enabled,
                        "capabilities": {"isAdmin": self.world.directory.is_admin(each.id)},
                    }
                ),
                source=self.source,
            )
            for each in self.world.directory.people.values()
        )

    def memberships(self) -> tuple[Membership, ...]:
        return tuple(
            Membership(group=Principal.group(self.source, group.id), member=self._principal(member))
            for group in self.world.directory.groups.values()
            for member in group.members
        )

    def acl_of(self, document: str) -> Acl | None:
        access = self._access(self.documents[document])
        return access.acl if access else None

    def owner_of(self, document: str) -> Principal | None:
        return owner_of(self.source, self._record(self.documents[document]))

    def _access(self, node: Node) -> Access | None:
        """Read the lists from the top of the tree to the node."""
        reader, record = PermissionReader(self.source), self._record(node)
        if node.parent_id is None:
            return reader.access_at_top(record)
        return reader.access(record, self._access(self.world.node(node.parent_id)))

    def _record(self, node: Node) -> NodeRecord:
        return NodeRecord.model_validate(NodeRenderer(self.world, self.crawler, _INCLUDED).listed(node))

    def _principal(self, authority: str) -> Principal:
        make = Principal.group if authority in self.world.directory.groups else Principal.user
        return make(self.source, authority)


def repository_of(told: Mapping[str, Any], *, source: str) -> Repository:
    """Build the repository that a row tells of. Raises `ValueError` on a key that rows do not have."""
    if unknown := told.keys() - {"people", "groups", "sites", "folders", "docs", "crawler"}:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    repository = Repository(source, crawler=told.get("crawler", "admin"))
    world = repository.world
    for name, options in told.get("people", {}).items():
        _add_person(world, name, **options)
    for group, members in told.get("groups", {}).items():
        _add_group(world, group, members)
    for site, options in told.get("sites", {}).items():
        _add_site(world, site, **options)
    places: dict[str, Node] = {"": world.add_folder(world.root, "closed")}
    world.set_permissions(places[""], inherit=False, entries=[])
    for name, options in told.get("folders", {}).items():
        folder = world.add_folder(_place(world, places, options.get("in", "")), name)
        places[name] = _permitted(world, folder, options)
    for name, options in told["docs"].items():
        repository.documents[name] = _add_document(world, places, name, options)
    return repository


def _add_person(world: World, name: str, **options: Any) -> None:
    email = options.pop("email", f"{name}@x")
    disabled = options.pop("disabled", False)
    if name in world.directory.people:  # `admin` and `guest` are there already
        world.set_email(name, email)
        world.directory.set_enabled(name, enabled=not disabled)
    else:
        is_admin, is_service_account = options.pop("admin", False), options.pop("service", False)
        world.add_person(
            name, email=email, enabled=not disabled, is_admin=is_admin, is_service_account=is_service_account
        )
    if options:
        raise ValueError(f"{name}: unknown options {sorted(options)}")


def _add_group(world: World, group: str, members: list[str]) -> None:
    if group not in world.directory.groups:  # as GROUP_ALFRESCO_ADMINISTRATORS is
        world.add_group(group)
    for member in members:
        world.join_group(member, group)


def _add_site(world: World, site: str, *, visibility: Any, members: Mapping[str, Any]) -> None:
    first, *later = [visibility] if isinstance(visibility, str) else visibility
    world.add_site(site, visibility=first, members=members)
    for each in later:
        world.set_site_visibility(site, each)


def _add_document(world: World, places: Mapping[str, Node], name: str, options: Mapping[str, Any]) -> Node:
    if unknown := options.keys() - {"in", "also in", "entries", "cut", "creator", "owner"}:
        raise ValueError(f"{name}: unknown options {sorted(unknown)}")
    folder = _place(world, places, options.get("in", ""))
    node = world.add_file(folder, name, b"text", creator=options.get("creator", "admin"), owner=options.get("owner"))
    if "also in" in options:
        world.add_secondary_child(_place(world, places, options["also in"]), node)
    return _permitted(world, node, options)


def _permitted(world: World, node: Node, options: Mapping[str, Any]) -> Node:
    entries = [_entry(each) for each in options.get("entries", ())]
    if entries or options.get("cut"):
        world.set_permissions(node, inherit=not options.get("cut", False), entries=entries)
    return node


def _place(world: World, places: Mapping[str, Node], name: str) -> Node:
    kind, _, whose = name.partition(" ")
    if kind == "library":
        return world.document_library(whose)
    if kind == "site":
        return world.node(world.sites[whose].node_id)
    if kind == "home":
        return _child(world, world.user_homes, whose)
    return world.shared if name == "Shared" else places[name]


def _child(world: World, folder: Node, name: str) -> Node:
    child = world.child_named(folder, name)
    if child is None:
        raise ValueError(f"{folder.name} has no {name}")
    return child


def _entry(told: str) -> Any:
    status, authority, role = told.split(" ")
    return authority, role, _STATUS[status]
