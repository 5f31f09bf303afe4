"""What the simulated repository holds: people, groups, nodes, permissions, comments and sites.

Plain records without behaviour. `world.py` changes them under Alfresco's rules; `permissions.py` judges them;
`routes/` shows them on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

AccessStatus: TypeAlias = Literal["ALLOWED", "DENIED"]
Visibility: TypeAlias = Literal["PUBLIC", "MODERATED", "PRIVATE"]
PropertyValue: TypeAlias = str | int | float | bool | datetime | list[str]

EVERYONE = "GROUP_EVERYONE"  # every person but the guest; never listed as a group
ADMINISTRATORS = "GROUP_ALFRESCO_ADMINISTRATORS"
ROLE_OWNER = "ROLE_OWNER"
ROLE_GUEST = "ROLE_GUEST"
ROLE_ADMINISTRATOR = "ROLE_ADMINISTRATOR"
GUEST = "guest"


@dataclass(slots=True, kw_only=True)
class Person:
    """A user account; `id` keeps its case, although people may log in with another one."""

    id: str
    first_name: str
    last_name: str = ""
    email: str = ""
    password: str | None = None  # None: cannot log in by password
    enabled: bool = True
    job_title: str = ""
    is_service_account: bool = False  # holds ROLE_ADMIN_SERVICE_ACCOUNT: Read and ReadPermissions everywhere

    @property
    def display_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True, kw_only=True)
class Group:
    """A named set of people and groups; `members` are ids of either, in the order in which they joined."""

    id: str
    display_name: str
    zones: tuple[str, ...]
    description: str = ""
    members: dict[str, None] = field(default_factory=dict)


class AccessEntry(NamedTuple):
    """One permission entry of a node: what one authority is allowed or denied."""

    authority: str
    role: str
    status: AccessStatus = "ALLOWED"


class PlacedEntry(NamedTuple):
    """An entry as it counts for one node: at position 0 its own, above that inherited from growing distance."""

    position: int
    entry: AccessEntry


class UnsettledAcl(NamedTuple):
    """What a folder's descendants still inherit through it, although something else was set there since."""

    entries: tuple[AccessEntry, ...]
    inherits: bool


@dataclass(frozen=True, slots=True)
class Content:
    """A node's bytes and how the repository describes them."""

    data: bytes
    mime_type: str
    encoding: str = "UTF-8"

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Rendition:
    """Another form of a file's content, made of the bytes in `source`."""

    content: Content
    source: Content
    made_at: datetime


@dataclass(slots=True, kw_only=True)
class Comment:
    """One comment under a node."""

    id: str
    author: str
    html: str
    created_at: datetime
    modified_at: datetime
    modifier: str
    title: str = ""


@dataclass(slots=True, kw_only=True)
class Node:
    """A file, folder or link of the repository.

    `properties` and `aspects` hold what a client could set; names, dates and content have fields of their own.
    `children` maps case-folded names to ids; a child whose `parent_id` is another folder is a secondary one.
    """

    id: str
    name: str
    node_type: str
    parent_id: str | None
    creator: str
    created_at: datetime
    modifier: str
    modified_at: datetime
    aspects: list[str] = field(default_factory=list)
    properties: dict[str, PropertyValue] = field(default_factory=dict)
    content: Content | None = None
    inherits_permissions: bool = True
    entries: tuple[AccessEntry, ...] = ()
    has_own_acl: bool = False
    comments: list[Comment] = field(default_factory=list)
    renditions: dict[str, Rendition] = field(default_factory=dict)  # by name
    children: dict[str, str] = field(default_factory=dict)
    secondary_parents: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Site:
    """A Share site: its folder node, its role groups `GROUP_site_<id>_<role>` and its containers by name."""

    id: str
    title: str
    visibility: Visibility
    node_id: str
    description: str = ""
    preset: str = "site-dashboard"
    containers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeletedTree:
    """A trashcan entry: the top node of a deleted tree and everything that was below it."""

    top: Node
    nodes: Mapping[str, Node]
    archived_at: datetime
    archived_by: str
