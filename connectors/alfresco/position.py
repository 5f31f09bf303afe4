"""Where a crawl stands: the folders still to be listed, as the text that a checkpoint carries.

The last folder of the list is the next one. It stays short: besides the unfinished folders above it, only the
subfolders of their pages read last. What an ancestor permits is not saved: it is read again on resumption.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.scope_settings import ScopeKeys
from vocabulary.documents import Checkpoint
from vocabulary.errors import CheckpointInvalid


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
    pending: tuple[PendingFolder, ...]


def scope_fingerprint(config: AlfrescoConfig) -> str:
    """Changes with what is crawled, and not with how."""
    scope = config.model_dump_json(include={"url", "scopes", "include", "exclude", *ScopeKeys.model_fields})
    return hashlib.blake2b(scope.encode(), digest_size=8).hexdigest()


def to_checkpoint(pending: Sequence[PendingFolder], *, scope: str) -> Checkpoint:
    position = _Position(scope=scope, pending=tuple(pending))
    return Checkpoint(position.model_dump_json(exclude_defaults=True))


def from_checkpoint(checkpoint: Checkpoint, *, scope: str) -> list[PendingFolder]:
    """Read a position of the same scope.

    Raises:
        CheckpointInvalid: it is damaged, or of another scope.
    """
    try:
        position = _Position.model_validate_json(checkpoint.position)
    except ValidationError:
        raise CheckpointInvalid("the saved position is not one of an alfresco crawl") from None
    if position.scope != scope:
        raise CheckpointInvalid("the saved position belongs to another scope: its url or what it takes in changed")
    return list(position.pending)
