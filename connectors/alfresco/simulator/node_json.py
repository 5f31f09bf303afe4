"""Nodes as JSON: what is always there, what is only included on request, and what the caller may not see."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from connectors.alfresco.simulator.content_model import MIME_TYPE_NAMES
from connectors.alfresco.simulator.model import AccessEntry, Content, Node, PropertyValue
from connectors.alfresco.simulator.node_view import aspects
from connectors.alfresco.simulator.permissions import SETTABLE, Right
from connectors.alfresco.simulator.wire import Bean, filled, timestamp
from connectors.alfresco.simulator.world import World

# Properties that have fields of their own or are hidden (NodesImpl.EXCLUDED_PROPS); `sys:` is hidden altogether.
_HIDDEN_PROPERTIES = frozenset(
    {"cm:name", "cm:content", "cm:created", "cm:creator", "cm:modified", "cm:modifier", "cm:accessed"}
    | {"cm:autoVersion", "cm:autoVersionOnUpdateProps", "cm:initialVersion"}
)
_PERSON_PROPERTIES = frozenset({"cm:owner", "cm:lockOwner", "cm:workingCopyOwner"})  # nodes.personLookupProperties
_OPERATIONS = (
    ("create", Right.CREATE_CHILDREN),
    ("delete", Right.DELETE),
    ("update", Right.WRITE),
    ("updatePermissions", Right.CHANGE_PERMISSIONS),
)


class NodeRenderer:
    """Renders nodes for one caller and one `include`; what all children of a folder share is worked out once."""

    def __init__(self, world: World, user: str, include: Collection[str]) -> None:
        self._world = world
        self._user = user
        self._include = frozenset(include)
        self._named_properties = {word.removeprefix("properties/") for word in self._include}
        self._users: dict[str, Bean] = {}
        self._paths: dict[str | None, Bean] = {}
        self._inherited: dict[str | None, list[Bean]] = {}
        self._inherited_only: dict[str | None, Bean] = {}

    def single(self, node: Node) -> Bean:
        """Render a node asked for by id: aspects and properties are always there."""
        return NodeRenderer(self._world, self._user, self._include | {"aspectNames", "properties"}).listed(node)

    def child(self, node: Node, folder: Node) -> Bean:
        """Render a node as one of a folder's children."""
        bean = self.listed(node)
        if "association" in self._include:
            bean["association"] = Bean(assocType="cm:contains", isPrimary=node.parent_id == folder.id)
        return bean

    def parent(self, node: Node, child: Node) -> Bean:
        """Render a node as one of a child's parents; the association is shown unasked."""
        bean = self.listed(node)
        bean["association"] = Bean(assocType="cm:contains", isPrimary=child.parent_id == node.id)
        return bean

    def listed(self, node: Node) -> Bean:
        """Render a node with its basic fields and what was asked to be included."""
        bean = self._basic(node)
        if self._include:
            bean.update(self._included(node))
        return bean

    def _basic(self, node: Node) -> Bean:
        is_root, model = node is self._world.root, self._world.content_model
        return Bean(
            id=node.id,
            name=node.name,
            nodeType=node.node_type,
            isFolder=model.looks_like_folder(node.node_type),
            isFile=model.looks_like_file(node.node_type),
            createdAt=timestamp(node.created_at),
            createdByUser=self._user_info(node.creator),
            modifiedAt=timestamp(node.modified_at),
            modifiedByUser=self._user_info(node.modifier),
            parentId=None if is_root else node.parent_id,
            content=content_info(node.content) if node.content else None,
        )

    def _included(self, node: Node) -> Bean:
        asked = self._include
        return Bean(
            aspectNames=_aspect_names(node) if "aspectNames" in asked else None,
            properties=self._properties(node),
            path=self._path(node) if "path" in asked else None,
            permissions=self._permissions(node) if "permissions" in asked else None,
            allowableOperations=self._operations(node) if "allowableOperations" in asked else None,
            isLink=self._world.is_link(node) if "isLink" in asked else None,
            isLocked="cm:lockOwner" in node.properties if "isLocked" in asked else None,
            isFavorite=False if "isFavorite" in asked else None,
        )

    def _user_info(self, user: str) -> Bean:
        if user not in self._users:
            self._users[user] = Bean(id=user, displayName=self._world.directory.display_name(user))
        return self._users[user]

    def _properties(self, node: Node) -> dict[str, object]:
        """Return all visible properties, those named one by one, or none."""
        visible: dict[str, PropertyValue] = {
            name: value
            for name, value in list(node.properties.items())
            if name not in _HIDDEN_PROPERTIES and not name.startswith("sys:")
        }
        if "fm:commentsRollup" in node.aspects:
            visible["fm:commentCount"] = len(node.comments)
        if "properties" not in self._include:
            visible = {name: value for name, value in visible.items() if name in self._named_properties}
        return filled({name: self._property(name, value) for name, value in visible.items()})

    def _property(self, name: str, value: PropertyValue) -> object:
        if name in _PERSON_PROPERTIES and value:
            return self._user_info(str(value))
        return timestamp(value) if isinstance(value, datetime) else value

    def _path(self, node: Node) -> Bean:
        """Describe the way to the node without the node itself, cut where the caller may not read on."""
        if node.parent_id not in self._paths:
            self._paths[node.parent_id] = self._describe_path(node)
        return self._paths[node.parent_id]

    def _describe_path(self, node: Node) -> Bean:
        shown: list[Node] = []
        is_complete = True
        for ancestor in self._world.ancestors(node):
            if not self._world.access.may_read(self._user, ancestor):
                is_complete = False
                break
            shown.insert(0, ancestor)
        elements = [
            Bean(id=one.id, name=one.name, nodeType=one.node_type, aspectNames=_aspect_names(one)) for one in shown
        ]
        return Bean(name="".join(f"/{one.name}" for one in shown), isComplete=is_complete, elements=elements)

    def _permissions(self, node: Node) -> Bean | None:
        """Return what is set on the node, or nothing at all where the caller may not read permissions."""
        if not self._world.access.may_read_permissions(self._user, node):
            return None
        if node.entries or not node.inherits_permissions:
            return self._describe_permissions(node)
        if node.parent_id not in self._inherited_only:  # most nodes of a folder set nothing, and look alike
            self._inherited_only[node.parent_id] = self._describe_permissions(node)
        return self._inherited_only[node.parent_id]

    def _describe_permissions(self, node: Node) -> Bean:
        return Bean(
            isInheritanceEnabled=node.inherits_permissions,
            inherited=self._inherited_elements(node) if node.inherits_permissions else None,
            locallySet=self._elements(node.entries),
            settable=list(SETTABLE),
        )

    def _inherited_elements(self, node: Node) -> list[Bean]:
        if node.parent_id not in self._inherited:
            entries = self._world.access.inherited_entries(node)
            self._inherited[node.parent_id] = self._elements(entries)
        return self._inherited[node.parent_id]

    def _elements(self, entries: Iterable[AccessEntry]) -> list[Bean]:
        """Render entries in an order that says nothing about their distance."""
        return [
            Bean(
                authorityId=entry.authority,
                name=entry.role,
                accessStatus=entry.status,
                authorityDisplayName=self._world.directory.display_name(entry.authority),
            )
            for entry in sorted(entries)
        ]

    def _operations(self, node: Node) -> list[str]:
        access = self._world.access
        return [
            name
            for name, right in _OPERATIONS
            if access.may(self._user, node, frozenset({right}))
            and (right is not Right.CREATE_CHILDREN or self._world.content_model.is_container(node.node_type))
        ]


def _aspect_names(node: Node) -> list[str]:
    """Return the aspects a client can see; `sys:` ones stay hidden."""
    return [name for name in aspects(node) if not name.startswith("sys:")]


def content_info(content: Content) -> Bean:
    """Describe bytes without showing them."""
    return Bean(
        mimeType=content.mime_type,
        mimeTypeName=MIME_TYPE_NAMES.get(content.mime_type, content.mime_type),
        sizeInBytes=content.size,
        encoding=content.encoding,
    )
