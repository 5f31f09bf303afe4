"""Whether a state store and an index still belong together, or one of them was put back from a backup.

Every run notes a new seal in the state store, puts it on the index, and then forgets the former one. An index that
bears no seal that is noted is older than the state store, or newer: then nothing that the ledger says of it counts, and
its documents may lie under numbers that the state store has given, or will give, to other lists. All of them are hidden
from everybody, whatever their source, until a run has read again who may read each.

Killed between two of its steps, the next run comes to the same judgement.
"""

from __future__ import annotations

import asyncio
import logging
import uuid

import sqlalchemy as sa

from indexer.state import positions
from indexer.state.tables import index_seals
from vocabulary.ports import SearchBackend

_log = logging.getLogger(__name__)


async def renew_seal(backend: SearchBackend, engine: sa.Engine) -> None:
    """Seal an index anew; where it bears no seal that was noted, hide what it holds and doubt what is known of it."""
    index_id, present, seal = backend.index_id, await backend.seal(), uuid.uuid4().hex
    is_known = await asyncio.to_thread(_note, engine, index_id, present=present, seal=seal, is_sure=False)
    while not is_known:  # another run may have sealed the index meanwhile, and forgotten the seal that was read here
        before, present = present, await backend.seal()
        is_sure = present == before
        is_known = await asyncio.to_thread(_note, engine, index_id, present=present, seal=seal, is_sure=is_sure)
        if is_sure:
            break
    if not is_known:
        _log.warning("state store and index are not of one time: all is hidden until it has been read again")
    await backend.put_seal(seal, hide_all=not is_known)
    await asyncio.to_thread(_confirm, engine, index_id, seal)


def _note(engine: sa.Engine, index_id: str, *, present: str, seal: str, is_sure: bool) -> bool:
    """Note the seal that the index is about to bear, and say whether the one that it bears was noted.

    Where it was not, and it is not sure that the index still bears it, nothing is changed.
    """
    with engine.begin() as connection:
        of_index = index_seals.c.index_id == index_id
        noted = set(connection.execute(sa.select(index_seals.c.seal).where(of_index)).scalars())
        is_first = not noted and not present
        is_known = is_first or present in noted
        if not is_known and not is_sure:
            return False
        if not is_known:
            connection.execute(sa.delete(index_seals).where(of_index))
            positions.doubt_index(connection, index_id)
        new = [present, seal] if is_first else [seal]
        connection.execute(sa.insert(index_seals), [{"index_id": index_id, "seal": each} for each in new])
    return is_known


def _confirm(engine: sa.Engine, index_id: str, seal: str) -> None:
    """Forget the seals before the one that the index bears.

    Of two runs that begin at once, either may be the last to seal the index: one whose seal the other has forgotten
    notes it again.
    """
    mine = (index_seals.c.index_id == index_id) & (index_seals.c.seal == seal)
    with engine.begin() as connection:
        number = connection.execute(sa.select(index_seals.c.number).where(mine)).scalar()
        if number is None:
            connection.execute(sa.insert(index_seals).values(index_id=index_id, seal=seal))
            return
        before = (index_seals.c.index_id == index_id) & (index_seals.c.number < number)
        connection.execute(sa.delete(index_seals).where(before))
