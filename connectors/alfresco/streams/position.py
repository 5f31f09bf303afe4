"""Where a crawl stands, as the text that a checkpoint carries: the folders still to be listed, or a moment.

The last folder of the list is the next one. It stays short: besides the unfinished folders above it, only the
subfolders of their pages read last. What an ancestor permits is not saved: it is read again on resumption.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.scope.scope_settings import ScopeKeys
from vocabulary.documents import Checkpoint
from vocabulary.errors import CheckpointInvalid

# The settings that decide what is met: a walk that began under others is not gone on with.
_SCOPE = {
    "url",
    "find_by",
    "scopes",
    "include",
    "exclude",
    "include_records",
    "include_security_marks",
    *ScopeKeys.model_fields,
}


class PendingFolder(BaseModel):
    """A folder to list from `skip_count` on; `last_id` is the entry that should stand right before that place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    skip_count: Annotated[int, Field(ge=0)] = 0
    last_id: str | None = None
    restarts: int = 0
    is_root: bool = False


class _Position(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    scope: str


class _InTree(_Position):
    """Of a walk through folders. `apart` are folders that were put first: the walk does not enter them again."""

    pending: tuple[PendingFolder, ...]
    apart: tuple[str, ...] = ()


class _InTime(_Position):
    """Of a reading in the order of a date; None is the beginning of time. Each lane has a place of its own."""

    since: AwareDatetime | None
    lanes: dict[str, str] = {}


_PositionT = TypeVar("_PositionT", bound=_Position)


def scope_fingerprint(config: AlfrescoConfig) -> str:
    """Changes with what is crawled, and not with how."""
    scope = config.model_dump_json(include=_SCOPE)
    return hashlib.blake2b(scope.encode(), digest_size=8).hexdigest()


def in_tree(pending: Sequence[PendingFolder], *, scope: str, apart: Collection[str] = ()) -> Checkpoint:
    """The place of a walk with these folders still to list, and others that it does not enter."""
    return _spelled(_InTree(scope=scope, pending=tuple(pending), apart=tuple(sorted(apart))))


def in_time(since: datetime | None, *, scope: str, lanes: Mapping[str, str] | None = None) -> Checkpoint:
    """The place of a reading that goes on from a moment of the server's time, and the places of lanes."""
    return _spelled(_InTime(scope=scope, since=since, lanes=dict(lanes or {})))


def pending_at(checkpoint: Checkpoint, *, scope: str) -> list[PendingFolder]:
    """Read the place of a walk through the same scope.

    Raises:
        CheckpointInvalid: it is damaged, of another scope, or no place of a walk.
    """
    return list(_read(checkpoint, _InTree, scope=scope).pending)


def apart_at(checkpoint: Checkpoint, *, scope: str) -> frozenset[str]:
    """Read which folders the walk does not enter.

    Raises:
        CheckpointInvalid: as `pending_at`.
    """
    return frozenset(_read(checkpoint, _InTree, scope=scope).apart)


def moment_at(checkpoint: Checkpoint, *, scope: str) -> datetime | None:
    """Read the place of a reading in time of the same scope.

    Raises:
        CheckpointInvalid: it is damaged, of another scope, or no place in time.
    """
    return _read(checkpoint, _InTime, scope=scope).since


def lanes_at(checkpoint: Checkpoint, *, scope: str) -> dict[str, str]:
    """Read the places of lanes.

    Raises:
        CheckpointInvalid: as `moment_at`.
    """
    return dict(_read(checkpoint, _InTime, scope=scope).lanes)


def _spelled(position: _Position) -> Checkpoint:
    return Checkpoint(position.model_dump_json(exclude_defaults=True))


def _read(checkpoint: Checkpoint, form: type[_PositionT], *, scope: str) -> _PositionT:
    try:
        position = form.model_validate_json(checkpoint.position)
    except ValidationError:
        raise CheckpointInvalid("the saved position is not one of an alfresco crawl of this kind") from None
    if position.scope != scope:
        raise CheckpointInvalid("the saved position belongs to another scope: its url or what it takes in changed")
    return position
