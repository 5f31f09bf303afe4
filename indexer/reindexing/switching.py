"""The moment in which a copy takes its index's place.

One transaction of the state store, which comes about only if at that moment the copy holds whatever has been written:
writers wait for it, for as long as it takes to bring over what the last of them wrote and to compare answers. Where one
of them does not wait, because it sleeps, the list of writes tells, and the last part begins again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.reindexing import followed_writes, places
from indexer.reindexing.comparison import AnswersCompared, compare_answers
from indexer.reindexing.copier import Copier
from indexer.reindexing.followed_writes import FollowedWrites, PendingWrites
from indexer.reindexing.places import PlaceStore, Standing
from indexer.state.leases import lock_sources
from indexer.state.tables import ledger, source_state
from vocabulary.documents import DocumentId
from vocabulary.errors import ConfigurationError, SightlineError
from vocabulary.indexing import Hide, Put

_SWITCHES = 5


class CopyDiffers(SightlineError):
    """The copy does not hold what the index holds: it does not take its place."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A copy that is about to take its index's place. `recipes` are what the ledger has to know by other words."""

    store: PlaceStore
    index: str
    numbering: str
    copier: Copier
    recipes: Mapping[str, str]

    async def carry_out(self, sample: Sequence[Put], choice: random.Random) -> AnswersCompared:
        """Compare answers while writers wait, and switch if nobody has written meanwhile.

        Raises:
            CopyDiffers: the copy shows something else, or writers did not pause.
            CopyInProgress: the lease was lost to another process.
        """
        copier = self.copier
        for _ in range(_SWITCHES):
            await copier.catch_up()
            await self.store.renew(self.index, copier.holder, is_switching=True)
            pending = await FollowedWrites(self.store).all_pending(self.index)
            await copier.bring(pending.documents.values())
            await self._shut_out_former_runs()
            await copier.target.adopt(self.numbering)
            seal = await copier.source.seal()
            await copier.target.put_seal(seal, hide_all=False)
            answers = await compare_answers(
                copier.source, copier.target, sample, numbering=self.numbering, choice=choice
            )
            flip = self._flip(pending, seal, agreed=answers.holds)
            if await self.store.change(self.index, flip):
                return answers
        raise CopyDiffers(f"index {self.index!r}: the copy differs, or writers did not pause for the switch: {answers}")

    async def _shut_out_former_runs(self) -> None:
        """Raise the copy's fences, where an engine keeps one for each source, to where the index has them.

        By an operation that changes nothing: no document has this id.
        """
        leases = sa.select(source_state.c.source, source_state.c.fence).where(
            source_state.c.index_id == self.copier.source.index_id
        )

        def read() -> list[tuple[str, int]]:
            with self.store.engine.connect() as connection:
                return [(row.source, row.fence) for row in connection.execute(leases)]

        for source, fence in await asyncio.to_thread(read):
            await self.copier.target.apply([Hide(DocumentId(source, ""))], fence=fence)

    def _flip(self, pending: PendingWrites, seal: str, *, agreed: bool) -> Callable[[sa.Connection, Standing], bool]:
        def flip(connection: sa.Connection, standing: Standing) -> bool:
            places.require_holder(standing, self.copier.holder)
            if not standing.is_switching or not standing.is_held(self.store.clock()):
                return False
            if not agreed or not followed_writes.still_as(connection, self.index, pending):
                return False
            if not places.is_of_one_time(seal, places.noted_seals(connection, self.copier.source.index_id)):
                raise ConfigurationError(f"index {self.index!r} is not of one time with the state store: sync it first")
            followed_writes.remove(connection, self.index, pending.documents)
            places.insert(connection, places.switched(standing))
            sources = lock_sources(connection, self.copier.source.index_id)
            for old, new in self.recipes.items():
                _hand_over(connection, sources, old, new)
            if self.recipes or self.copier.fence is None:
                _end_runs(connection, sources)
            return True

        return flip


def _hand_over(connection: sa.Connection, sources: Sequence[str], old: str, new: str) -> None:
    """Say that the passages are under another model."""
    of_index = ledger.c.source.in_(sources) & (ledger.c.recipe == old)
    connection.execute(sa.update(ledger).where(of_index).values(recipe=new))


def _end_runs(connection: sa.Connection, sources: Sequence[str]) -> None:
    """Take the leases of the index's runs: they embed with the former model, or their fences are below the copier's.

    Each ends before its next write; what it did not get to, the next run does.
    """
    runners = source_state.c.source.in_(sources)
    connection.execute(sa.update(source_state).where(runners).values(runner=None, lease_until=None))
