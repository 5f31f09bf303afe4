"""Building an index anew beside the present one, and switching to it, back, and for good.

build      fills the copy, or goes on with one that somebody left; compares; switches
go_back    brings the former index up to date, compares, and switches to it
drop       removes what is not in use: the former index, or an unfinished copy
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

import sqlalchemy as sa

from indexer.reindexing import followed_writes, places
from indexer.reindexing.comparison import AnswersCompared, RowsCompared, compare_rows
from indexer.reindexing.copier import Copier, Reembedding, as_they_are
from indexer.reindexing.followed_writes import FollowedWrites
from indexer.reindexing.live_index import OpenedPlace
from indexer.reindexing.places import CopyInProgress, Phase, Place, PlaceStore, Standing
from indexer.reindexing.switching import CopyDiffers, Switch
from indexer.state.leases import HEARTBEAT_S, LEASE_S, is_dead
from indexer.walk import recipe_of
from vocabulary.errors import IndexBusy, RequestRejected

_MOST_DOUBTFUL = 10_000  # brought over while writers wait; at some 1,000 documents/s within their patience
_COMPARISONS = 5  # documents that are written while they are compared are compared again


class ReindexingRefused(RequestRejected):
    """What was asked for does not go with how the index stands."""


class PlaceKeeper(Protocol):
    """Whoever knows the engines: opens, names and removes the places of indexes."""

    def open(self, place: Place) -> AbstractAsyncContextManager[OpenedPlace]:
        """Open an index where it is kept; it is made where it is missing."""
        ...

    async def announce(self, index: str, place: Place) -> None:
        """Tell other programs where the index is now, where the engine has a way; it may be repeated."""
        ...

    async def remove(self, place: Place) -> None:
        """Remove what is kept there; what is not there any more is no error."""
        ...


def _ignore(standing: Standing) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Reindexing:
    """Everything that a copy of one index needs. `sources` feed the index; `numbering` gave its ACL ids."""

    index: str
    sources: tuple[str, ...]
    numbering: str
    store: PlaceStore
    keeper: PlaceKeeper
    on_progress: Callable[[Standing], None] = _ignore

    async def build(self, copy: Place) -> AnswersCompared:
        """Make the copy take the index's place; goes on with one that was begun for the same place.

        Raises:
            ReindexingRefused: another copy is there already.
            CopyInProgress: another process is at it.
            CopyDiffers: the copy does not hold the same; it stays, and can be gone on with.
        """
        standing = await self.store.read(self.index)
        async with self.keeper.open(standing.place) as source, self.keeper.open(copy) as target:
            await target.backend.take_identity(source.backend.index_id)
            await target.backend.adopt(self.numbering)
            expected = (await source.backend.statistics()).documents
            holder = _holder()
            begin = self._begin(copy, holder, expected, source.backend.index_id)
            fence = await self.store.change(self.index, begin)
            return await self._carry_out(source, target, holder, fence=fence, also=self._note_doubtful)

    async def go_back(self) -> AnswersCompared:
        """Make the former index take its place again.

        Raises:
            ReindexingRefused: there is none.
            CopyInProgress, CopyDiffers: as `build`.
        """
        standing = await self.store.read(self.index)
        if standing.copy is None or standing.phase is not Phase.FORMER:
            raise ReindexingRefused(f"index {self.index!r}: no former index is kept")
        async with self.keeper.open(standing.place) as source, self.keeper.open(standing.copy) as target:
            holder = _holder()
            await self.store.change(self.index, self._take_lease(holder, Phase.FORMER))
            return await self._carry_out(source, target, holder, fence=None)

    async def drop(self) -> Place:
        """Remove the former index, or an unfinished copy.

        Raises:
            ReindexingRefused: there is neither.
            CopyInProgress: another process is at it.
        """

        def forget(connection: sa.Connection, standing: Standing) -> Place:
            if standing.copy is None:
                raise ReindexingRefused(f"index {self.index!r}: nothing to drop")
            _require_free(standing, self.store.clock())
            followed_writes.remove_all(connection, self.index)
            alone = Standing(self.index, standing.place, index_id=standing.index_id, switches=standing.switches)
            places.insert(connection, alone)
            return standing.copy

        dropped = await self.store.change(self.index, forget)
        await self.keeper.remove(dropped)
        return dropped

    def _begin(
        self, copy: Place, holder: str, expected: int, index_id: str
    ) -> Callable[[sa.Connection, Standing], int]:
        def begin(connection: sa.Connection, standing: Standing) -> int:
            _require_free(standing, self.store.clock())
            if standing.copy is None:
                self._first_row(connection, standing, copy, expected=expected, index_id=index_id)
            elif standing.phase is Phase.FORMER:
                raise ReindexingRefused(f"index {self.index!r}: the former index is still kept; drop it first")
            elif standing.copy != copy:
                raise ReindexingRefused(f"index {self.index!r}: another copy is unfinished; go on with it or drop it")
            copiers = standing.copiers + 1
            lease = {"holder": holder, "lease_until": self.store.clock() + LEASE_S}
            places.write(connection, self.index, phase=Phase.BUILDING, copiers=copiers, **lease)
            return copiers

        return begin

    def _first_row(
        self, connection: sa.Connection, standing: Standing, copy: Place, *, expected: int, index_id: str
    ) -> None:
        begun = Standing(
            self.index,
            standing.place,
            copy=copy,
            phase=Phase.BUILDING,
            switches=standing.switches,
            copiers=standing.copiers,
            expected=expected,
            began_at=self.store.clock(),
            index_id=index_id,
        )
        places.insert(connection, begun)

    def _note_doubtful(self, connection: sa.Connection, standing: Standing) -> None:
        """List what was being written when the copy began: doubted before, and so seen behind that line."""
        index_id = standing.index_id or ""
        if not followed_writes.note_doubtful(connection, self.index, index_id, limit=_MOST_DOUBTFUL):
            raise IndexBusy("a sync is under way that is in doubt about too many documents: wait until it has ended")

    def _take_lease(self, holder: str, phase: Phase) -> Callable[[sa.Connection, Standing], None]:
        def take(connection: sa.Connection, standing: Standing) -> None:
            _require_free(standing, self.store.clock())
            if standing.phase is not phase:
                raise ReindexingRefused(f"index {self.index!r} is not as it was a moment ago; look again")
            places.write(connection, self.index, holder=holder, lease_until=self.store.clock() + LEASE_S)

        return take

    async def _carry_out(
        self,
        source: OpenedPlace,
        target: OpenedPlace,
        holder: str,
        *,
        fence: int | None,
        also: Callable[[sa.Connection, Standing], None] = lambda _connection, _standing: None,
    ) -> AnswersCompared:
        same_model = source.enricher.recipe == target.enricher.recipe
        copier = Copier(
            self.store,
            self.index,
            holder,
            source.backend,
            target.backend,
            fence,
            as_they_are if same_model else Reembedding(await target.enricher.pinned()),
            self.on_progress,
        )
        recipes = {} if same_model else {recipe_of(source.enricher): recipe_of(target.enricher)}
        choice = random.Random(holder)  # noqa: S311 - a sample, no secret
        try:
            async with self._heartbeat(holder):
                await self.store.change(self.index, also)
                await copier.fill()
                rows = await self._agreed(copier, choice, same_model=same_model)
                switch = Switch(self.store, self.index, self.numbering, copier, recipes)
                answers = await switch.carry_out(rows.sample, choice)
        finally:
            await self.store.release(self.index, holder)
        await self.announce()
        return answers

    async def announce(self) -> None:
        """Tell other programs where the index is."""
        await self.keeper.announce(self.index, (await self.store.read(self.index)).place)

    async def _agreed(self, copier: Copier, choice: random.Random, *, same_model: bool) -> RowsCompared:
        """Catch up until no row differs but those that are being written.

        Raises:
            CopyDiffers: rows differ that nobody writes, and bringing them again does not help.
        """
        for _ in range(_COMPARISONS):
            await copier.catch_up()
            compared = await compare_rows(
                copier.source, copier.target, self.sources, same_model=same_model, choice=choice
            )
            written = (await FollowedWrites(self.store).all_pending(self.index)).documents.values()
            suspects = compared.suspects.difference(written)
            if not suspects:
                return compared
            await copier.bring(suspects)
        raise CopyDiffers(f"index {self.index!r}: the copy differs: {compared}")

    @asynccontextmanager
    async def _heartbeat(self, holder: str) -> AsyncIterator[None]:
        """Renew the lease while the body runs; where it is lost, the body ends."""
        body = asyncio.current_task()
        lost: list[Exception] = []

        async def beat() -> None:
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                try:
                    await self.store.renew(self.index, holder)
                except Exception as error:  # noqa: BLE001 - whatever it is, the copy may be another's by now
                    lost.append(error)
                    if body is not None:
                        body.cancel()
                    return

        beating = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if not lost:
                raise
            if body is not None:
                body.uncancel()
            raise lost[0] from None
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating


def next_generation(standing: Standing, *, model: str = "", languages: tuple[str, ...] | None = None) -> Place:
    """The place for the next building of an index under the same settings; an unfinished one is gone on with."""
    if standing.copy is not None and standing.phase is Phase.BUILDING:
        begun = standing.copy
    else:
        begun = replace(standing.place, generation=standing.place.generation + 1)
    return replace(begun, model=model or begun.model, languages=begun.languages if languages is None else languages)


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _require_free(standing: Standing, now: float) -> None:
    """Make sure that no other process copies. One of this machine that lives and sleeps is never robbed of its copy."""
    holder = standing.holder
    if holder is None or is_dead(holder):
        return
    is_ours = holder.rsplit(":", 2)[0] == socket.gethostname()
    if is_ours or standing.is_held(now):
        raise CopyInProgress(f"index {standing.index!r} is being copied by another process ({holder})")
