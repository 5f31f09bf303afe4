"""Alfresco's records to the words of `vocabulary`. Pure: values in, values out.

A node becomes a `Document` with attributes that every connector names alike, and its other properties under their own
prefixed names. Who may read it comes from `permissions.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from connectors.alfresco.fields import FieldType, MappedField, as_sent, mapped_attributes
from connectors.alfresco.html_text import html_to_text
from connectors.alfresco.permissions import Access, owner
from connectors.alfresco.scope.property_values import text_of, values_of
from connectors.alfresco.wire.records import CommentRecord, Node, NodePath, PersonRecord, Rendition, UserName
from connectors.media_types import UNKNOWN, short_type
from vocabulary.access import Person, Principal
from vocabulary.documents import AttributeValue, Comment, Document, DocumentId

_DESCRIBING = ("cm:title", "cm:description")  # what people write about a file, which is found by these words


def document(
    node: Node,
    *,
    source: str,
    access: Access | None,
    comments: Iterable[CommentRecord],
    share_url: str,
    fields: tuple[MappedField, ...] = (),
    rendition: Rendition | None = None,
) -> Document:
    """Map a file, its access as decided at its place in the tree, and its comments in their order.

    `rendition` is what its text is read from, created or not; None where it is read from its own bytes.
    """
    mapped, lost = mapped_attributes(fields, node.properties)
    warnings = [f"field-type: {name}" for name in lost]
    if rendition is not None and not rendition.is_created:
        warnings.append("no-rendition")
    return Document(
        id=DocumentId(source, node.id),
        title=node.name,
        uri=f"{share_url}/share/page/document-details?nodeRef=workspace://SpacesStore/{node.id}",
        path=node.path.name if node.path else "",
        mime_type=(node.content.mime_type if node.content else "") or UNKNOWN,
        content_version=content_version(node, rendition),
        size_bytes=node.content.size_in_bytes if node.content else None,
        modified_at=node.modified_at,
        acl=access.acl if access else None,
        owner=owner(source, node),
        attributes=attributes(node) | mapped,
        comments=tuple(comment(record) for record in comments),
        lineage=node.lineage,
        searched=searched(node, fields),
        warnings=tuple(warnings),
    )


def searched(node: Node, fields: tuple[MappedField, ...]) -> tuple[str, ...]:
    """Name the attributes that are searched by words: what people write about it, and what is text."""
    described = tuple(name for name in _DESCRIBING if name in node.properties)
    return described + tuple(field.name for field in fields if field.type is FieldType.TEXT)


def content_version(node: Node, rendition: Rendition | None = None) -> str | None:
    """Changes with every change of the bytes: writing content touches `modifiedAt`, to the millisecond.

    So does a change of properties, which costs one needless download: the API tells nothing that follows the bytes
    alone. A rendition is made after the file, and changes nothing at it. None for a file whose content is unset or
    lost, which the server shows by leaving `content` out.
    """
    if node.content is None:
        return None
    modified = node.modified_at.isoformat(timespec="milliseconds") if node.modified_at else "unknown"
    version = f"{modified}/{node.content.size_in_bytes}"
    return version if rendition is None else f"{version}/{_rendition_version(rendition)}"


def _rendition_version(rendition: Rendition) -> str:
    if not rendition.is_created:
        return "not rendered"
    return f"rendered {rendition.content.size_in_bytes if rendition.content else ''}"


def attributes(node: Node) -> dict[str, AttributeValue]:
    """The attributes of `COMMON_FIELDS`, and the node's own properties beside them."""
    mime_type = node.content.mime_type if node.content else ""
    owner_id, owner_name = _owner(node)
    known: dict[str, AttributeValue | None] = {
        "type": short_type(mime_type) if mime_type else None,
        "mime_type": mime_type or None,
        "node_type": node.node_type or None,
        "site": site_of(node.path),
        "author": _display_name(node.created_by_user),
        "author_id": node.created_by_user.id if node.created_by_user else None,
        "modified_by": _display_name(node.modified_by_user),
        "modified_by_id": node.modified_by_user.id if node.modified_by_user else None,
        "owner": owner_name,
        "owner_id": owner_id,
        "version": _first_text(node.properties.get("cm:versionLabel")),
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
    site = path.site if path else None
    return site.name if site else None


def comment(record: CommentRecord) -> Comment:
    moment = record.modified_at or record.created_at or datetime.fromtimestamp(0, UTC)
    author = full_name(record.created_by) if record.created_by else ""
    return Comment(record.id, author=author, text=html_to_text(record.content), modified_at=moment)


def person(record: PersonRecord, *, source: str) -> Person:
    return Person(
        principal=Principal.user(source, record.id),
        username=record.id,
        email=record.email.strip() or None,
        display_name=full_name(record),
        enabled=record.enabled,
        is_administrator=record.capabilities.is_admin,
        is_guest=record.capabilities.is_guest or record.id == "guest",
    )


def full_name(record: PersonRecord) -> str:
    return record.display_name or f"{record.first_name} {record.last_name}".strip() or record.id


def _display_name(user: UserName | None) -> str | None:
    return (user.display_name or user.id) if user else None


def _owner(node: Node) -> tuple[str | None, str | None]:
    """The id and the name of whoever owns a node; a name is known where the node's record has one."""
    principal = owner("", node)
    if principal is None:
        return None, None
    named = node.properties.get("cm:owner")
    if isinstance(named, dict):
        return principal.id, text_of(named)
    return principal.id, _display_name(node.created_by_user) if named is None else principal.id


def _attribute_value(value: Any) -> AttributeValue | None:
    """A property's value as an attribute; None for what has no value."""
    if isinstance(value, list):
        return tuple(sent for each in values_of(value) if (sent := as_sent(each)) != "")
    if value is None or (sent := as_sent(value)) == "":
        return None
    return sent


def _first_text(value: Any) -> str | None:
    return next(map(text_of, values_of(value)), None)
