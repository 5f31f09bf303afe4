"""Alfresco's records to the words of `vocabulary`. Pure: values in, values out.

A node becomes a `Document` with attributes that every connector names alike, and its other properties under their own
prefixed names. Who may read it comes from `permissions.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.alfresco.html_text import html_to_text
from connectors.alfresco.permissions import Access, owner
from connectors.alfresco.records import CommentRecord, Node, NodePath, PersonRecord, UserName
from connectors.media_types import UNKNOWN, short_type
from vocabulary.access import Person, Principal
from vocabulary.documents import AttributeValue, Comment, Document, DocumentId

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:?\d\d|Z)")


def document(
    node: Node, *, source: str, access: Access | None, comments: Iterable[CommentRecord], share_url: str
) -> Document:
    """Map a file, its access as decided at its place in the tree, and its comments in their order."""
    return Document(
        id=DocumentId(source, node.id),
        title=node.name,
        uri=f"{share_url}/share/page/document-details?nodeRef=workspace://SpacesStore/{node.id}",
        path=node.path.name if node.path else "",
        mime_type=(node.content.mime_type if node.content else "") or UNKNOWN,
        content_version=content_version(node),
        size_bytes=node.content.size_in_bytes if node.content else None,
        modified_at=node.modified_at,
        acl=access.acl if access else None,
        owner=owner(source, node),
        attributes=attributes(node),
        comments=tuple(comment(record) for record in comments),
    )


def content_version(node: Node) -> str | None:
    """Changes with every change of the bytes: writing content touches `modifiedAt`, to the millisecond.

    So does a change of properties, which costs one needless download: the API tells nothing that follows the bytes
    alone. None for a file whose content is unset or lost, which the server shows by leaving `content` out.
    """
    if node.content is None:
        return None
    modified = node.modified_at.isoformat(timespec="milliseconds") if node.modified_at else "unknown"
    return f"{modified}/{node.content.size_in_bytes}"


def attributes(node: Node) -> Mapping[str, AttributeValue]:
    """The attributes that every connector fills, and the node's own properties beside them."""
    mime_type = node.content.mime_type if node.content else ""
    known: dict[str, AttributeValue | None] = {
        "type": short_type(mime_type) if mime_type else None,
        "mime_type": mime_type or None,
        "site": site_of(node.path),
        "author": _display_name(node.created_by_user),
        "modified_by": _display_name(node.modified_by_user),
        "created_at": node.created_at,
        "modified_at": node.modified_at,
        "size_bytes": node.content.size_in_bytes if node.content else None,
        "path": node.path.name if node.path else None,
        "aspects": node.aspect_names or None,
    }
    own = {name: _attribute_value(value) for name, value in node.properties.items() if ":" in name}
    return {name: value for name, value in (own | known).items() if value is not None}


def site_of(path: NodePath | None) -> str | None:
    """The short name of the site that a path leads through."""
    elements = path.elements if path else ()
    for element in elements:
        if element.node_type == "st:site":
            return element.name
    return None


def comment(record: CommentRecord) -> Comment:
    moment = record.modified_at or record.created_at or datetime.fromtimestamp(0, UTC)
    author = full_name(record.created_by) if record.created_by else ""
    return Comment(record.id, author=author, text=html_to_text(record.content), modified_at=moment)


def person(record: PersonRecord, *, source: str) -> Person:
    return Person(
        principal=Principal.user(source, record.id),
        username=record.id,
        email=record.email or None,
        display_name=full_name(record),
        enabled=record.enabled,
        is_administrator=record.capabilities.is_admin,
        is_guest=record.capabilities.is_guest or record.id == "guest",
    )


def full_name(record: PersonRecord) -> str:
    return record.display_name or f"{record.first_name} {record.last_name}".strip() or record.id


def _display_name(user: UserName | None) -> str | None:
    return (user.display_name or user.id) if user else None


def _attribute_value(value: Any) -> AttributeValue | None:
    """A property's value as an attribute; None for what has no flat form."""
    match value:
        case bool() | int() | float():
            return value
        case str():
            return _date(value) or value
        case [*items]:
            return tuple(text for item in items if (text := _text(item)))
        case _:
            return _text(value) or None


def _date(text: str) -> datetime | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:  # the 30th of February
        return None


def _text(value: Any) -> str:
    """One item of a list, or a person as properties hold them: `{"id": …, "displayName": …}`."""
    if isinstance(value, dict):
        return str(value.get("displayName") or value.get("id") or "")
    return "" if value is None else str(value)
