"""What an answer must say, worked out from the world's records alone and by no code of the simulated server's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import AccessEntry, Comment, Group, Node, Person

_FOLDERS = {"cm:folder", "st:site", "st:sites", "app:folderlink", "fm:forum", "cm:systemfolder"}
_FILES = {"cm:content", "acme:plan", "app:filelink"}
_TYPE_NAMES = {
    "application/pdf": "Adobe PDF Document",
    "application/msword": "Microsoft Word",
    "text/markdown": "Markdown",
    "text/plain": "Plain Text",
}
SETTABLE = ["Contributor", "Collaborator", "Coordinator", "Editor", "Consumer"]


def wire_date(moment: datetime) -> str:
    """Write a moment as it stands inside `properties`, which no client interprets."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def user(world: World, name: str) -> dict[str, str]:
    """Describe who made or changed something; an account that is gone is shown by its name."""
    known = world.directory.people.get(name)
    return {"id": name, "displayName": _full_name(known) if known else name}


def node(world: World, shown: Node, include: Collection[str] = ()) -> dict[str, Any]:
    """Describe a node as one of a list; `include` adds `aspectNames`, `properties` and `permissions`."""
    described: dict[str, Any] = {
        "id": shown.id,
        "name": shown.name,
        "nodeType": shown.node_type,
        "isFolder": shown.node_type in _FOLDERS,
        "isFile": shown.node_type in _FILES,
        "createdAt": shown.created_at,
        "createdByUser": user(world, shown.creator),
        "modifiedAt": shown.modified_at,
        "modifiedByUser": user(world, shown.modifier),
    }
    if shown is not world.root:
        described["parentId"] = shown.parent_id
    if shown.content is not None:
        described["content"] = {
            "mimeType": shown.content.mime_type,
            "mimeTypeName": _TYPE_NAMES[shown.content.mime_type],
            "sizeInBytes": len(shown.content.data),
            "encoding": shown.content.encoding,
        }
    if "permissions" in include:
        described["permissions"] = permissions(world, shown)
    if "path" in include:
        described["path"] = path(world, shown)
    return described


def permissions(world: World, shown: Node) -> dict[str, Any]:
    """Describe a node's permission entries; see `in_order`."""
    described: dict[str, Any] = {"isInheritanceEnabled": shown.inherits_permissions, "settable": SETTABLE}
    if shown.entries:
        described["locallySet"] = _elements(world, shown.entries)
    inherited: set[AccessEntry] = set()
    above = shown
    while above.inherits_permissions and above.parent_id is not None:
        above = world.nodes[above.parent_id]
        inherited |= set(above.entries)
    if inherited:
        described["inherited"] = _elements(world, inherited)
    return described


def in_order(described: dict[str, Any]) -> dict[str, Any]:
    """Return permissions as received with their entries in the order of `permissions`: the server promises none."""
    lists = {
        name: sorted(described[name], key=lambda one: (one["authorityId"], one["name"], one["accessStatus"]))
        for name in ("inherited", "locallySet")
        if name in described
    }
    return {**described, **lists}


def path(world: World, shown: Node) -> dict[str, Any]:
    """Describe the whole way to a node, without the node itself."""
    above: list[Node] = []
    while shown.parent_id is not None:
        shown = world.nodes[shown.parent_id]
        above.insert(0, shown)
    return {
        "name": "".join(f"/{one.name}" for one in above),
        "isComplete": True,
        "elements": [
            {"id": one.id, "name": one.name, "nodeType": one.node_type, "aspectNames": aspects(one)} for one in above
        ],
    }


def aspects(shown: Node) -> list[str]:
    titled = {"cm:title", "cm:description"} & shown.properties.keys()
    own = [aspect for aspect in shown.aspects if aspect != "cm:titled" and not aspect.startswith("sys:")]
    return ["cm:auditable", *(["cm:titled"] if titled or "cm:titled" in shown.aspects else []), *own]


def person(shown: Person) -> dict[str, Any]:
    """Describe a person as every list does."""
    described = {
        "id": shown.id,
        "firstName": shown.first_name,
        "lastName": shown.last_name,
        "displayName": _full_name(shown),
        "email": shown.email,
        "jobTitle": shown.job_title,
        "company": {},
        "enabled": shown.enabled,
        "emailNotificationsEnabled": True,
    }
    return {name: value for name, value in described.items() if value != ""}


def group(shown: Group, *, is_root: bool) -> dict[str, Any]:
    return {"id": shown.id, "displayName": shown.display_name, "isRoot": is_root}


def comment(world: World, shown: Comment, *, is_editable: bool) -> dict[str, Any]:
    """Describe a comment; it has no title, as on real servers."""
    return {
        "id": shown.id,
        "content": shown.html,
        "createdBy": person(world.directory.people[shown.author]),
        "createdAt": shown.created_at,
        "modifiedBy": person(world.directory.people[shown.modifier]),
        "modifiedAt": shown.modified_at,
        "edited": shown.modified_at != shown.created_at,
        "canEdit": is_editable,
        "canDelete": is_editable,
    }


def pagination(*, count: int, total: int, skip: int = 0, maximum: int = 100) -> dict[str, Any]:
    return {
        "count": count,
        "hasMoreItems": skip + count < total,
        "totalItems": total,
        "skipCount": skip,
        "maxItems": maximum,
    }


def _full_name(shown: Person) -> str:
    return " ".join(part for part in (shown.first_name, shown.last_name) if part)


def _elements(world: World, entries: Iterable[AccessEntry]) -> list[dict[str, str]]:
    return [
        {
            "authorityId": entry.authority,
            "name": entry.role,
            "accessStatus": entry.status,
            "authorityDisplayName": _display_name(world, entry.authority),
        }
        for entry in sorted(entries)
    ]


def _display_name(world: World, authority: str) -> str:
    if known := world.directory.people.get(authority):
        return _full_name(known)
    if listed := world.directory.groups.get(authority):
        return listed.display_name
    return authority.removeprefix("GROUP_")
