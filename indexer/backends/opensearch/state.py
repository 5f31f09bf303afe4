"""The document that says what an index is: its id, whose numbers its ACLs have, its seal, and its epoch.

It lies in the index itself, so that a snapshot that is put back brings its own seal with it. It is read as it is now,
not as of the last refresh, and changed only where nobody else changed it meanwhile.

The epoch hides everything in one write: a document counts only if it was written in the present epoch, so whoever
raises the epoch hides all that is stored, until it is written again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.mapping import STATE_ID, Field
from vocabulary.errors import ConfigurationError, IndexBusy

_ATTEMPTS = 10  # of changing it beside others, who change it as rarely


@dataclass(frozen=True, slots=True)
class IndexState:
    """What the index says of itself. `numbering` is None while it was never tied to a state store."""

    index_id: str
    numbering: str | None = None
    seal: str = ""
    epoch: int = 1


class StateDocument:
    """Reads and changes the state document behind an alias."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._alias = connection.config.handle

    async def create_if_missing(self) -> None:
        """Give a new index its id; of two programs that do so at once, the first one's stays."""
        state = {Field.STATE.value: asdict(IndexState(uuid.uuid4().hex))}
        await self._connection.call(
            lambda client: client.index(
                index=self._alias,
                id=STATE_ID,
                body=state,
                params={"op_type": "create", "require_alias": "true", "ignore": 409},
            )
        )

    async def read(self) -> IndexState:
        """Return what the index says of itself now.

        Raises:
            ConfigurationError: it says nothing: the index is not one of this program, or was emptied by hand.
        """
        return _state(await self._get())

    async def change(self, changed: Callable[[IndexState], IndexState]) -> IndexState:
        """Replace the state by what `changed` makes of it; may call it again when another program was faster.

        Raises:
            IndexBusy: others change it all the time.
        """
        for _ in range(_ATTEMPTS):
            found = await self._get()
            state = changed(_state(found))
            if state == _state(found) or await self._replace(found, state):
                return state
        raise IndexBusy("the state of the index is being changed by others")

    async def _get(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._connection.call(
            lambda client: client.get(index=self._alias, id=STATE_ID, params={"ignore": 404})
        )
        if not found.get("found"):
            raise ConfigurationError(f"the index behind {self._alias} does not say what it is: not one of this program")
        return found

    async def _replace(self, found: dict[str, Any], state: IndexState) -> bool:
        written: dict[str, Any] = await self._connection.call(
            lambda client: client.index(
                index=self._alias,
                id=STATE_ID,
                body={Field.STATE.value: asdict(state)},
                params={
                    "if_seq_no": found["_seq_no"],
                    "if_primary_term": found["_primary_term"],
                    "require_alias": "true",
                    "ignore": 409,
                },
            )
        )
        return written.get("result") == "updated"


def in_next_epoch(state: IndexState) -> IndexState:
    """Hide all that is stored."""
    return replace(state, epoch=state.epoch + 1)


def _state(found: dict[str, Any]) -> IndexState:
    return IndexState(**found["_source"][Field.STATE.value])
