"""What the nodes of one repository hold, and the rules under which it changes.

Every change follows Alfresco's rules for `modifiedAt`, because that is what crawlers look at: content, properties,
aspects and new or removed comments touch the node; an edited comment does not; a permission change touches the node
itself the first time and its descendants never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from connectors.alfresco.simulator.change_log import ChangeKind
from connectors.alfresco.simulator.content_model import LINK_TYPES, RENDITION_MIME_TYPES
from connectors.alfresco.simulator.model import (
    AccessEntry,
    AccessStatus,
    Comment,
    Content,
    Node,
    PropertyValue,
    Rendition,
    UnsettledAcl,
)
from connectors.alfresco.simulator.permissions import Right
from connectors.alfresco.simulator.tree import ADMIN, Clock, NodeOrId, NodeTree

__all__ = ["ADMIN", "Entry", "NodeStore"]

Entry: TypeAlias = tuple[str, str] | tuple[str, str, AccessStatus]


class NodeStore(NodeTree):
    """A tree whose nodes hold content, properties, permission entries and comments."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self.delays_acls = False  # True: what is set on a folder reaches its descendants with settle_acls() only

    # -- creating ------------------------------------------------------------------------------------------------

    def add_folder(
        self,
        parent: NodeOrId,
        name: str,
        *,
        node_type: str = "cm:folder",
        creator: str = ADMIN,
        owner: str | None = None,
        aspects: Iterable[str] = (),
        properties: Mapping[str, PropertyValue] | None = None,
    ) -> Node:
        """Create a folder that inherits its parent's permissions."""
        node = self._create(self.node(parent), name, node_type=node_type, creator=creator)
        self._describe(node, owner, aspects, properties)
        self._commit_created(node)
        return node

    def add_file(
        self,
        parent: NodeOrId,
        name: str,
        content: bytes | Content | None,
        mime_type: str = "text/plain",
        *,
        node_type: str = "cm:content",
        encoding: str = "UTF-8",
        creator: str = ADMIN,
        owner: str | None = None,
        aspects: Iterable[str] = (),
        properties: Mapping[str, PropertyValue] | None = None,
    ) -> Node:
        """Create a file that inherits its parent's permissions; content None is a file whose content is lost."""
        node = self._create(self.node(parent), name, node_type=node_type, creator=creator)
        node.content = Content(content, mime_type, encoding) if isinstance(content, bytes) else content
        self._describe(node, owner, aspects, properties)
        self._commit_created(node)
        return node

    def add_link(self, parent: NodeOrId, name: str, target: NodeOrId, *, creator: str = ADMIN) -> Node:
        """Create a Share link: it looks like its target but has neither content nor children."""
        destination = self.node(target)
        is_folder = self.content_model.looks_like_folder(destination.node_type)
        node_type = "app:folderlink" if is_folder else "app:filelink"
        node = self._create(self.node(parent), name, node_type=node_type, creator=creator)
        node.properties["cm:destination"] = f"workspace://SpacesStore/{destination.id}"
        self._commit_created(node)
        return node

    def _commit_created(self, node: Node) -> None:
        self._commit(ChangeKind.CREATED, node, node.creator, touched=[self._parent(node)])

    def _describe(
        self, node: Node, owner: str | None, aspects: Iterable[str], properties: Mapping[str, PropertyValue] | None
    ) -> None:
        node.aspects = list(dict.fromkeys(aspects))
        node.properties = dict(properties or {})
        if owner is not None:
            self._own(node, owner)

    def _own(self, node: Node, owner: str) -> None:
        if "cm:ownable" not in node.aspects:
            node.aspects.append("cm:ownable")
        node.properties["cm:owner"] = owner
        self.acl_generation += 1

    # -- changing ------------------------------------------------------------------------------------------------

    def set_content(
        self, node: NodeOrId, data: bytes | Content | None, *, mime_type: str | None = None, by: str = ADMIN
    ) -> None:
        """Replace a file's bytes; None loses them, as when the content store misses the file."""
        found = self.node(node)
        old = found.content
        kept_type = old.mime_type if old else "application/octet-stream"
        found.content = Content(data, mime_type or kept_type) if isinstance(data, bytes) else data
        self._update(found, by)

    def render(self, node: NodeOrId, name: str, data: bytes) -> None:
        """Make a rendition of a file's present bytes, as the server does in its own time; the file is not touched."""
        found, mime_type = self.node(node), RENDITION_MIME_TYPES[name]
        if found.content is None:
            raise ValueError(f"{found.name!r} has no content")
        found.renditions[name] = Rendition(Content(data, mime_type), found.content, self.now())
        self._commit(ChangeKind.INTERNAL, found, "System")

    def set_properties(self, node: NodeOrId, properties: Mapping[str, PropertyValue], *, by: str = ADMIN) -> None:
        """Add or replace properties."""
        found = self.node(node)
        found.properties.update(properties)
        self._update(found, by)

    def add_aspect(self, node: NodeOrId, aspect: str, *, by: str = ADMIN) -> None:
        found = self.node(node)
        if aspect not in found.aspects:
            found.aspects.append(aspect)
            self._update(found, by)

    def remove_aspect(self, node: NodeOrId, aspect: str, *, by: str = ADMIN) -> None:
        found = self.node(node)
        if aspect in found.aspects:
            found.aspects.remove(aspect)
            self._update(found, by)

    def set_owner(self, node: NodeOrId, owner: str, *, by: str = ADMIN) -> None:
        """Give the node an owner of its own; an empty one leaves it without."""
        found = self.node(node)
        self._own(found, owner)
        self._update(found, by)

    def set_permissions(
        self, node: NodeOrId, *, entries: Iterable[Entry], inherit: bool = True, by: str = ADMIN
    ) -> None:
        """Replace the node's own entries, `(authority, role[, "ALLOWED"|"DENIED"])`, and its inheritance switch."""
        found = self.node(node)
        own = tuple(dict.fromkeys(AccessEntry(*entry) for entry in entries))
        if unknown := {entry.role for entry in own} - self.roles.keys():
            raise ValueError(f"unknown roles {sorted(unknown)}: define_role() first")
        if self.delays_acls and found.children:
            self.unsettled_acls.setdefault(found.id, UnsettledAcl(found.entries, found.inherits_permissions))
        found.entries = own
        found.inherits_permissions = inherit
        self.acl_generation += 1
        if not found.has_own_acl:  # only the first change gives the node another ACL id, and that touches it
            found.has_own_acl = True
            self._touch(found, by)
        self._commit(ChangeKind.SECURITY, found, by)

    def settle_acls(self) -> None:
        """Let descendants go by what was set above them, as when the repository's background job has come round."""
        settled = [self.nodes[folder_id] for folder_id in self.unsettled_acls if folder_id in self.nodes]
        self.unsettled_acls.clear()
        self.acl_generation += 1
        for folder in settled:
            self._commit(ChangeKind.SETTLED, folder, "System")

    def define_role(self, name: str, rights: Iterable[Right]) -> None:
        """Add a permission name, as a custom permission model does."""
        self.roles[name] = frozenset(rights)
        self.acl_generation += 1

    def define_type(self, name: str, *, parent: str) -> None:
        """Add a node type, as a custom content model does."""
        self.content_model.define_type(name, parent)

    def define_aspect(self, name: str, *, parent: str | None = None) -> None:
        """Add an aspect, as a custom content model does; nodes may bear undefined ones, which have no parent."""
        self.content_model.define_aspect(name, parent)

    def _update(self, node: Node, by: str, kind: ChangeKind = ChangeKind.UPDATED) -> None:
        self._touch(node, by)
        self._commit(kind, node, by)

    # -- comments ------------------------------------------------------------------------------------------------

    def add_comment(self, node: NodeOrId, author: str, html: str) -> Comment:
        """Comment a file or folder; the counter on the node changes, and with it `modifiedAt`."""
        found, now = self.node(node), self.now()
        comment = Comment(
            id=self._new_id(f"{found.id}/comments"),
            author=author,
            html=html,
            created_at=now,
            modified_at=now,
            modifier=author,
        )
        found.comments.append(comment)
        for aspect in ("fm:discussable", "fm:commentsRollup"):
            if aspect not in found.aspects:
                found.aspects.append(aspect)
        self._update(found, author, ChangeKind.INTERNAL)
        return comment

    def edit_comment(self, comment: Comment, html: str, *, by: str | None = None) -> None:
        """Change a comment's text; the node does not show it."""
        comment.html = html
        comment.modifier = by or comment.author
        comment.modified_at = self.now()

    def remove_comment(self, node: NodeOrId, comment: Comment, *, by: str = ADMIN) -> None:
        found = self.node(node)
        found.comments.remove(comment)
        self._update(found, by, ChangeKind.INTERNAL)

    # -- looking -------------------------------------------------------------------------------------------------

    def is_link(self, node: Node) -> bool:
        return node.node_type in LINK_TYPES
