"""Files to documents, access files to ACLs, the people file to people and memberships. Pure.

A principal is spelled `user:alice`, `group:staff` or `everyone`. An access file with anything else in it admits nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.filesystem.client import AccessFile, FileEntry
from connectors.media_types import guess_mime_type, short_type
from vocabulary.access import Acl, Identity, Membership, Person, Principal
from vocabulary.documents import Document, DocumentId
from vocabulary.errors import SettingInvalid


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _AccessLists(_Strict):
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class _PersonEntry(_Strict):
    username: str
    email: str | None = None
    display_name: str = ""
    enabled: bool = True
    administrator: bool = False


class _PeopleFile(_Strict):
    people: tuple[_PersonEntry, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = {}


def document(entry: FileEntry, *, source: str, root: Path) -> Document:
    """Map a regular file whose path is valid Unicode."""
    mime_type = guess_mime_type(entry.path.name)
    modified_at = datetime.fromtimestamp(entry.status.st_mtime, UTC)
    folder = entry.path.parent.as_posix().removeprefix(".")
    return Document(
        id=document_id(entry, source=source),
        title=entry.path.name,
        uri=(root.absolute() / entry.path).as_uri(),
        path=f"/{folder}",
        mime_type=mime_type,
        content_version=f"{entry.status.st_mtime_ns}/{entry.status.st_size}",
        size_bytes=entry.status.st_size,
        modified_at=modified_at,
        acl=acl(entry.access, source=source),
        attributes={
            "type": short_type(mime_type),
            "mime_type": mime_type,
            "modified_at": modified_at,
            "size_bytes": entry.status.st_size,
            "path": f"/{folder}",
        },
    )


def document_id(entry: FileEntry, *, source: str) -> DocumentId:
    """The path; bytes that are not Unicode are escaped, so that every file has an id that can be written down."""
    return DocumentId(source, str(entry.path).encode("utf-8", "backslashreplace").decode("utf-8"))


def acl(access: AccessFile | None, *, source: str) -> Acl | None:
    """The list of the nearest access file; None without one, or when it cannot be understood."""
    if access is None or access.content is None:
        return None
    try:
        lists = _AccessLists.model_validate(access.content)
        allow = frozenset(_principal(text, source=source) for text in lists.allow)
        deny = frozenset(_principal(text, source=source) for text in lists.deny)
    except ValueError:  # pydantic's ValidationError is one
        return None
    return Acl(f"node:{access.folder}", allow, deny)


def identities(content: Mapping[str, Any], *, source: str) -> Iterator[Identity]:
    """Yield the people, then the memberships, each once.

    Raises:
        SettingInvalid: the file does not have the form that the README describes.
    """
    try:
        file = _PeopleFile.model_validate(content)
        people = {entry.username: _person(entry, source=source) for entry in file.people}
        memberships = dict.fromkeys(
            Membership(Principal.group(source, name), _principal(member, source=source))
            for name, members in file.groups.items()
            for member in members
        )
    except ValidationError as cause:
        where = ".".join(map(str, cause.errors(include_input=False)[0]["loc"]))
        raise SettingInvalid(f"people: unexpected form at {where}") from None
    except ValueError as cause:
        raise SettingInvalid(f"people: {cause}") from cause
    yield from people.values()
    yield from memberships


def _person(entry: _PersonEntry, *, source: str) -> Person:
    return Person(
        principal=Principal.user(source, entry.username),
        username=entry.username,
        email=entry.email,
        display_name=entry.display_name or entry.username,
        enabled=entry.enabled,
        is_administrator=entry.administrator,
    )


def _principal(text: str, *, source: str) -> Principal:
    kind, colon, name = text.partition(":")
    if text == "everyone":
        return Principal.everyone(source)
    if kind == "user" and colon and name:
        return Principal.user(source, name)
    if kind == "group" and colon and name:
        return Principal.group(source, name)
    raise ValueError(f"expected user:<name>, group:<name> or everyone, found {text!r}")
