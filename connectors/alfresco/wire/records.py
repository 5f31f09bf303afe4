"""Alfresco's own records as its REST API sends them: the fields that a crawl reads, and no others.

The server leaves out nulls, empty texts and empty lists, so almost everything has a default; unknown fields are
ignored. Dates are read leniently. Source: alfresco-core.yaml and alfresco-discovery.yaml, the official OpenAPI files.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AliasPath, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


RecordT = TypeVar("RecordT", bound=_Record)


class UserName(_Record):
    """A person as a node names them."""

    id: str
    display_name: str = ""


class Content(_Record):
    """What a file's bytes are."""

    mime_type: str = ""
    size_in_bytes: int = 0


class PermissionEntry(_Record):
    """One entry of an access control list; only the exact status ALLOWED allows."""

    authority_id: str
    name: str
    access_status: str = ""


class Permissions(_Record):
    """A node's lists. `inherited` has lost the distance of its entries and is kept only while inheritance is on."""

    is_inheritance_enabled: bool | None = None
    inherited: tuple[PermissionEntry, ...] = ()
    locally_set: tuple[PermissionEntry, ...] = ()


class PathElement(_Record):
    """An ancestor, the farthest first."""

    id: str = ""
    name: str = ""
    node_type: str = ""


class NodePath(_Record):
    """Where a node lies, without the node itself; incomplete where the account may not read further up."""

    name: str = ""
    is_complete: bool = True
    elements: tuple[PathElement, ...] = ()

    @property
    def site(self) -> PathElement | None:
        """The site that the path leads through.

        Any child of the folder of sites is one: `rma:rmsite` is a type of site, and the API tells no types above it.
        """
        for above, element in pairwise(self.elements):
            if above.node_type == "st:sites":
                return element
        return next((element for element in self.elements if element.node_type == "st:site"), None)


class Node(_Record):
    """A file, a folder, or something else in the repository."""

    id: str
    name: str = ""
    node_type: str = ""
    is_folder: bool = False
    is_file: bool = False
    is_link: bool = False
    created_at: Moment | None = None
    created_by_user: UserName | None = None
    modified_at: Moment | None = None
    modified_by_user: UserName | None = None
    parent_id: str | None = None
    content: Content | None = None
    aspect_names: tuple[str, ...] = ()
    properties: dict[str, Any] = Field(default_factory=dict)
    permissions: Permissions | None = None
    path: NodePath | None = None

    @property
    def is_subfolder(self) -> bool:
        """Whether it holds others; a link to a folder only looks like one."""
        return self.is_folder and not self.is_link

    @property
    def lineage(self) -> tuple[str, ...]:
        """Ids of the folders it lies in, the outermost first, as far up as the account may read them."""
        return tuple(element.id for element in self.path.elements) if self.path else ()


class DeletedNode(_Record):
    """The top of a tree in the trashcan."""

    id: str
    archived_at: Moment | None = None


class Rendition(_Record):
    """Another form of a file's content; without a `content` of its own until it is created."""

    status: str = "NOT_CREATED"
    content: Content | None = None

    @property
    def is_created(self) -> bool:
        return self.status == "CREATED"


class AuditApplication(_Record):
    """What the audit service says of one of its applications; one that is not enabled records nothing more."""

    is_enabled: bool = True
    max_entry_id: int | None = None


class AuditEntry(_Record):
    """One recorded call. Ids are numbers, whatever the OpenAPI file says; `values` are by the key of what was told."""

    id: int
    created_at: Moment | None = None
    values: dict[str, Any] = Field(default_factory=dict)


class Site(_Record):
    """A site; `id` is its short name, `guid` the node of its folder."""

    id: str
    guid: str = ""
    visibility: str = ""


class Container(_Record):
    """A site's component; `id` is the node, `folder_id` is the name."""

    id: str
    folder_id: str = ""


class Capabilities(_Record):
    """What a person may do in general."""

    is_admin: bool = False
    is_guest: bool = False


class PersonRecord(_Record):
    """A person of the directory."""

    id: str
    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    email: str = ""
    enabled: bool = False  # it is a required field: whoever is not said to be enabled finds nothing
    capabilities: Capabilities = Capabilities()


class Group(_Record):
    """A group, `GROUP_…`."""

    id: str


class GroupMember(_Record):
    """A direct member of a group; `member_type` is PERSON or GROUP."""

    id: str
    member_type: str


class CommentRecord(_Record):
    """A comment; its content is HTML."""

    id: str
    content: str = ""
    created_by: PersonRecord | None = None
    created_at: Moment | None = None
    modified_at: Moment | None = None


class Module(_Record):
    """An installed extension."""

    id: str = ""
    title: str = ""


class Repository(_Record):
    """What the discovery service says of the server."""

    edition: str = "unknown"
    version: str = Field(default="unknown", validation_alias=AliasPath("version", "display"))
    modules: tuple[Module, ...] = ()


class Discovery(_Record):
    """The discovery service's entry."""

    repository: Repository


class Pagination(_Record):
    """Where a page stands. `total_items` is left out when the server does not know it."""

    has_more_items: bool
    total_items: int | None = None


class Entry(_Record, Generic[RecordT]):
    """The envelope of one record."""

    entry: RecordT


class _List(_Record, Generic[RecordT]):
    pagination: Pagination
    entries: tuple[Entry[RecordT], ...]


class ListAnswer(_Record, Generic[RecordT]):
    """The envelope of a page of records."""

    list: _List[RecordT]
