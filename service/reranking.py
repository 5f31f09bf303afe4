"""A second look at the best hits of an answer, by a model that reads query and text together.

The engine answers first, under the reader's filter; the first `top` hits of its order are put into the model's order,
all others stay behind them. Pinned documents keep their places. The model sees what the reader will see: title and
excerpt. A hit takes over the score of its new place, so that scores still fall from hit to hit.

Pages are cut from that order. A cursor that leads into the first `top` hits bears a mark, and its page is computed as
the first one was; any other is the engine's own. Where the model is not done in time, the engine's order stands, and
its cursor goes on in it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from embedder import open_cross_encoder
from indexer.search import cursor
from indexer.search.query_language import meaning_of
from indexer.search.tuning import Pins
from service.settings.indexes import RankingSettings
from vocabulary.errors import ConfigurationError, IndexBusy, QueryInvalid, SettingInvalid
from vocabulary.search import Hit, Page, Query

Search = Callable[[Query], Awaitable[Page]]

_MARK = "r."
# Further pages must have the order of the first one: they wait for it, up to so many times as long.
_PATIENCE = 10

_log = logging.getLogger(__name__)


class PairModel(Protocol):
    """What says how well texts fit a query."""

    async def score(self, query: str, texts: Sequence[str], *, within_s: float) -> npt.NDArray[np.float32] | None:
        """Return a score for each text, more is better; None where there was not time enough."""
        ...


@dataclass(frozen=True, slots=True)
class Reranker:
    """The second look at one index."""

    model: PairModel
    pins: Pins
    top: int
    timeout_s: float

    async def answer(self, search: Search, query: Query) -> Page:
        """Return a page of the reordered answer to a query.

        Raises:
            QueryInvalid: an unusable cursor.
            IndexBusy: a further page could not be put in the order of the first.
        """
        is_further = query.cursor is not None and query.cursor.startswith(_MARK)
        if query.sort is not None or not meaning_of(query.text) or (query.cursor is not None and not is_further):
            return await search(query)
        if not is_further:
            return await self._first(search, query)
        return await self._further(search, replace(query, cursor=(query.cursor or "").removeprefix(_MARK)))

    async def _first(self, search: Search, query: Query) -> Page:
        page = await search(replace(query, size=max(query.size, self.top)))
        hits = await self._reordered(query, page.hits, within_s=self.timeout_s)
        if hits is None:
            _log.warning("the second look at an answer took more than %g s: its order stays", self.timeout_s)
            return _cut(page, page.hits, query, start=0, mark="")
        return _cut(page, hits, query, start=0, mark=_MARK)

    async def _further(self, search: Search, query: Query) -> Page:
        position = cursor.decode(query)
        if position is None:
            raise QueryInvalid("the cursor is not one that this index gave")
        page = await search(replace(query, cursor=None, size=self.top))
        hits = await self._reordered(query, page.hits, within_s=_PATIENCE * self.timeout_s)
        if hits is None:
            raise IndexBusy("the second look at the answer takes too long")
        shown = [hit.document_id for hit in hits]
        start = shown.index(position.last) + 1 if position.last in shown else position.shown
        return replace(_cut(page, hits, query, start=start, mark=_MARK), spelling=None)

    async def _reordered(self, query: Query, hits: Sequence[Hit], *, within_s: float) -> tuple[Hit, ...] | None:
        pinned = frozenset(self.pins.of(query.text))
        headed = sum(hit.document_id in pinned for hit in hits)  # they stand before all others
        looked_at, others = hits[headed : self.top], hits[max(headed, self.top) :]
        scores = await self.model.score(meaning_of(query.text), [_text(hit) for hit in looked_at], within_s=within_s)
        if scores is None:
            return None
        order = np.argsort(-scores, kind="stable").tolist()
        moved = [
            _placed(looked_at[old], there.score, float(scores[old]))
            for old, there in zip(order, looked_at, strict=True)
        ]
        return (*hits[:headed], *moved, *others)


@asynccontextmanager
async def open_reranker(index: str, ranking: RankingSettings | None, *, threads: int) -> AsyncIterator[Reranker | None]:
    """Load the model of an index's second look; None where its settings name none.

    Raises:
        SettingInvalid: the folder holds no such model.
    """
    asked = None if ranking is None else ranking.cross_encoder
    if ranking is None or asked is None:
        yield None
        return
    async with AsyncExitStack() as opened:
        try:
            model = await opened.enter_async_context(open_cross_encoder(asked.path, threads=threads))
        except ConfigurationError as error:
            raise SettingInvalid(f"indexes.{index}.ranking.cross_encoder.path: {error}") from error
        yield Reranker(model, Pins(ranking.tuning()), top=asked.top, timeout_s=asked.timeout_s)


def _text(hit: Hit) -> str:
    return hit.title if hit.excerpt is None else f"{hit.title}\n{hit.excerpt.text}"


def _placed(hit: Hit, score: float, of_pair: float) -> Hit:
    parts = None if hit.score_parts is None else {**hit.score_parts, "cross_encoder": of_pair}
    return replace(hit, score=score, score_parts=parts)


def _cut(page: Page, hits: Sequence[Hit], query: Query, *, start: int, mark: str) -> Page:
    """Cut a page of the query's size; behind the hits that there are, the engine's own cursor goes on."""
    shown = tuple(hits[start : start + query.size])
    end = start + len(shown)
    if end >= len(hits) or not shown:
        return replace(page, hits=shown)
    plain = cursor.encode(query, cursor.Position(end, shown[-1].document_id))
    return replace(page, hits=shown, next_cursor=mark + plain)
