"""The models' work for others, shared fairly with searches and syncs.

One short text goes the way of queries, and one to score that the model reads whole goes before what waits, one at a
time: it is answered in milliseconds, and a search waits for one such text at the most. Everything else is computed in
pieces among what syncs ask for: a request of two thousand texts, or one long text, delays a sync by a piece, not by all
of it. Requests beyond a small number are sent away to come again.

No text is kept or logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from embedder import LoadedModel
from vocabulary.documents import ReadText, TokenIds, Toxicity
from vocabulary.errors import ModelBusy, ModelUnknown, QueryInvalid

TOXICITY = "toxicity"  # the name of the model that scores

MAX_TEXTS = 2_048  # of one request. Source: the OpenAI API's own limit on the array `input`
MAX_REQUEST_TOKENS = 300_000  # of one request, likewise: about a minute of two cores
MAX_REQUESTS = 16  # at once; each holds up to 4 MiB of body, and its texts wait for each other anyway

_PIECE_TOKENS = 8_192  # eight batches of the default size: one or two seconds of a core
_SHORT_TOKENS = 64  # ten to twenty milliseconds of a core: what a search may wait for

Vectors = npt.NDArray[np.float32]
Gone = Callable[[], Awaitable[bool]]


class CallerGone(Exception):
    """Nobody waits for the answer any more; what was not computed by then is not."""


class ModelDesk:
    """Takes requests of any number of callers for one loaded model."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._under_way = 0
        self._alone = asyncio.Semaphore(1)

    @property
    def model(self) -> LoadedModel:
        return self._model

    def require_embedding(self, name: str, *, version: str | None = None) -> None:
        """Make sure that the embedding model is meant.

        Raises:
            ModelUnknown: another one is.
        """
        self._require(name, version, known=self._model.name, known_version=self._model.version)

    async def scorer(self, *, version: str | None = None) -> LoadedModel:
        """Return the model with what is approved now to score texts, which stays so until they are scored.

        Raises:
            ModelUnknown: another version is meant, or nothing scores the texts that this model embeds.
        """
        pinned = await self._model.pinned()
        known = TOXICITY if pinned.toxicity_version else ""
        self._require(TOXICITY, version, known=known, known_version=pinned.toxicity_version)
        return pinned

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Have one of the few places for the time of a request.

        Raises:
            ModelBusy: all are taken.
        """
        if self._under_way >= MAX_REQUESTS:
            raise ModelBusy("too many requests at once", retry_after_s=1.0)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def read(self, texts: Sequence[str | TokenIds], *, to_score: bool = False) -> list[ReadText]:
        """Tokenise texts beside the event loop, or take them as they were tokenised.

        A text is what the model reads whole; one alone `to_score` may have all the tokens of a request.

        Raises:
            QueryInvalid: too many of them, or one that the model cannot read whole.
        """
        if not 1 <= len(texts) <= MAX_TEXTS:
            raise QueryInvalid(f"send 1 to {MAX_TEXTS} texts, not {len(texts)}")
        longest = MAX_REQUEST_TOKENS if to_score and len(texts) == 1 else self._model.max_tokens
        return await asyncio.to_thread(self._read_all, texts, longest)

    async def embed(self, texts: Sequence[ReadText], *, gone: Gone) -> AsyncIterator[Vectors]:
        """Embed texts, in their order: float32 [texts of a piece, dimensions], unit length, a piece after the other.

        Raises:
            CallerGone: nobody waits any more.
        """
        if _is_short(texts):
            async with self._alone:
                yield (await self._model.embed_now(texts[0]))[np.newaxis]
            return
        for piece in _pieces(texts):
            await _require_caller(gone)
            yield (await self._model.enrich(piece)).vectors

    async def score(self, scorer: LoadedModel, texts: Sequence[ReadText], *, gone: Gone) -> list[Toxicity]:
        """Score texts, in their order: one alone sentence by sentence, several as passages are scored.

        `scorer` is what the desk gave for this request, so that all of its texts are scored by one.

        Raises:
            CallerGone: nobody waits any more.
        """
        if len(texts) == 1:
            return [await self._score_alone(scorer, texts[0], gone)]
        scores: list[Toxicity] = []
        for piece in _pieces(texts):
            await _require_caller(gone)
            scores.extend(await scorer.score(piece))
        return scores

    async def _score_alone(self, scorer: LoadedModel, text: ReadText, gone: Gone) -> Toxicity:
        if len(text.tokens.ids) > scorer.max_tokens:
            return await scorer.score_long(text, before_piece=lambda: _require_caller(gone))
        async with self._alone:
            return await scorer.score_now(text)

    def _read_all(self, texts: Sequence[str | TokenIds], longest: int) -> list[ReadText]:
        read, total = [], 0
        for position, text in enumerate(texts):
            one = self._read_one(text, position, longest)
            total += len(one.tokens.ids)
            if total > MAX_REQUEST_TOKENS:
                raise QueryInvalid(f"send at most {MAX_REQUEST_TOKENS} tokens in one request")
            read.append(one)
        return read

    def _read_one(self, text: str | TokenIds, position: int, longest: int) -> ReadText:
        try:
            read = ReadText(text, self._model.tokenise(text)) if isinstance(text, str) else self._model.of_ids(text)
        except ValueError as error:
            raise QueryInvalid(f"text {position}: {error}") from error
        length = len(read.tokens.ids)
        if length > longest:
            raise QueryInvalid(f"text {position} has {length} tokens, and the model reads {longest} at the most")
        return read

    def _require(self, name: str, version: str | None, *, known: str, known_version: str) -> None:
        if not known or name != known or version not in (None, known_version):
            raise ModelUnknown("there is no such model here")


def _is_short(texts: Sequence[ReadText]) -> bool:
    return len(texts) == 1 and len(texts[0].tokens.ids) <= _SHORT_TOKENS


def _pieces(texts: Sequence[ReadText]) -> Iterator[list[ReadText]]:
    """Cut texts into runs of about `_PIECE_TOKENS` tokens, at least one text each."""
    piece: list[ReadText] = []
    tokens = 0
    for text in texts:
        if tokens >= _PIECE_TOKENS:
            yield piece
            piece, tokens = [], 0
        piece.append(text)
        tokens += len(text.tokens.ids)
    yield piece


async def _require_caller(gone: Gone) -> None:
    if await gone():
        raise CallerGone
