"""An `Enricher` whose vectors are computed elsewhere.

Texts are tokenised here, so that passages are cut and counted as for any model, and travel as texts, cut to what the
model reads. Batches are cut by count and bytes from texts of similar length; a few are under way at once, and queries
wait for none of them. There are no scores: an endpoint tells nothing of a text but its vector.

Invariants: an answer that is not exactly what was asked for is an error, never a vector; an endpoint that does not
answer fails the call as `ModelUnavailable`, so that a sync ends with its checkpoint kept and a query with 503.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import httpx
import numpy as np

from embedder.config import EmbedderConfig, RemoteConfig
from embedder.models import locate_model
from embedder.models.text_side import TextSide, read_text_side
from embedder.runtimes.remote.endpoint import AskedTooMuch, Endpoint, Sleep, open_endpoint
from embedder.runtimes.remote.protocols import AnswerWrong, Vectors, checked_vectors, protocol_of
from embedder.tokeniser import Tokeniser, valid_unicode
from vocabulary.documents import CLEAN, Enrichment, ReadText, TokenIds, Tokens, Toxicity, ToxicityThresholds, Vector
from vocabulary.errors import ModelUnavailable, SettingMissing

_BULK_ATTEMPTS = 6  # about a minute of waits in all: a restart of the endpoint
_QUERY_ATTEMPTS = 3  # within `query_timeout_s`
_MAX_QUERY_CHARACTERS = 16_384  # as for a model that is computed here: what lies beyond is beyond its length

# A JSON number of a float64 and its comma take 25 bytes at the most; what surrounds them is much less than this.
_NUMBER_BYTES, _FRAME_BYTES = 32, 64 << 10


class RemoteEnricher:
    """A model of an endpoint. Opened by `open_remote_enricher`."""

    def __init__(self, config: RemoteConfig, text_side: TextSide, tokeniser: Tokeniser, endpoint: Endpoint) -> None:
        self._config = config
        self._text_side = text_side
        self._tokeniser = tokeniser
        self._endpoint = endpoint
        self._protocol = protocol_of(config.protocol, config.model)
        self._under_way = asyncio.Semaphore(config.concurrency)

    @property
    def recipe(self) -> str:
        tokens = f"tokens-{self._tokeniser.sha256[:12]}-{self.max_tokens}"
        return f"{self._config.protocol.value}:{self._config.model}/{self.dimensions}/{tokens}/unit"

    async def pinned(self) -> RemoteEnricher:
        return self

    @property
    def toxicity_version(self) -> str:
        return ""

    @property
    def toxicity_trouble(self) -> str:
        return ""

    @property
    def toxicity_thresholds(self) -> ToxicityThresholds:
        return ToxicityThresholds(flag=1.0, hide=1.0)  # nothing scores, so that no text comes near

    @property
    def name(self) -> str:
        return self._config.model

    @property
    def version(self) -> str:
        return "remote"

    @property
    def runtime(self) -> str:
        return f"{self._config.protocol.value} at {self._config.url} (embedder.runtime)"

    @property
    def dimensions(self) -> int:
        return self._config.dimensions

    @property
    def max_tokens(self) -> int:
        return self._text_side.max_tokens

    def tokenise(self, text: str) -> Tokens:
        return self._tokeniser.tokenise(text)

    def of_ids(self, ids: TokenIds) -> ReadText:
        raise ValueError("this model reads texts alone: send them as they are")

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        """Embed texts; see the port.

        Raises:
            ModelUnavailable: the endpoint did not answer, or wrongly.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        cut = [self._cut(text) for text in texts]

        async def embed(positions: Sequence[int]) -> None:
            async with self._under_way:
                vectors[positions] = await self._embed([cut[position] for position in positions], _BULK_ATTEMPTS)

        try:
            async with asyncio.TaskGroup() as batches:
                for positions in _batches(cut, self._config):
                    batches.create_task(embed(positions))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # the first to fail; the others were cancelled for it
        return Enrichment(vectors, [CLEAN] * len(texts))

    async def score(self, texts: Sequence[ReadText]) -> Sequence[Toxicity]:
        """Return what is known of the texts: nothing."""
        return [CLEAN] * len(texts)

    async def score_now(self, text: ReadText) -> Toxicity:
        """Return what is known of the text: nothing."""
        return CLEAN

    async def score_long(self, text: ReadText, *, before_piece: Callable[[], Awaitable[None]]) -> Toxicity:
        """Return what is known of the text: nothing."""
        return CLEAN

    async def embed_query(self, text: str) -> Vector:
        """Embed a query; see the port.

        Raises:
            ModelUnavailable: the endpoint did not answer within `query_timeout_s`, or wrongly.
        """
        prompted = self._text_side.query_prompt + text[:_MAX_QUERY_CHARACTERS]
        return await self.embed_now(ReadText(prompted, self.tokenise(prompted)))

    async def embed_now(self, text: ReadText) -> Vector:
        """Embed one text beside what waits.

        Raises:
            ModelUnavailable: as above.
        """
        try:
            async with asyncio.timeout(self._config.query_timeout_s):
                vector: Vector = (await self._embed([self._cut(text)], _QUERY_ATTEMPTS))[0]
                return vector
        except TimeoutError:
            words = f"no answer within {self._config.query_timeout_s:g} s (embedder.remote.query_timeout_s)"
            raise ModelUnavailable(f"{self._config.url}: {words}") from None

    async def _embed(self, texts: Sequence[str], attempts: int) -> Vectors:
        """Ask for one batch, in halves where the endpoint takes no more at once."""
        try:
            answer = await self._endpoint.ask(
                self._protocol.path,
                self._protocol.question(texts),
                attempts=attempts,
                max_bytes=len(texts) * self.dimensions * _NUMBER_BYTES + _FRAME_BYTES,
            )
            rows = self._protocol.rows(answer, len(texts))
            return checked_vectors(rows, count=len(texts), dimensions=self.dimensions)
        except AnswerWrong as error:
            raise ModelUnavailable(f"{self._config.url}: {error}") from error
        except AskedTooMuch:
            if len(texts) == 1:
                words = f"refuses a text of at most {self.max_tokens} tokens: is embedder.model its model's tokeniser?"
                raise ModelUnavailable(f"{self._config.url}: {words}") from None
        half = len(texts) // 2
        return np.concatenate([await self._embed(texts[:half], attempts), await self._embed(texts[half:], attempts)])

    def _cut(self, text: ReadText) -> str:
        """Leave what the model reads. Endpoints refuse an empty text; a blank has no tokens, either."""
        ends = text.tokens.offsets[: self.max_tokens, 1]
        return valid_unicode(text.text[: int(ends[-1])]) if len(ends) else " "


@asynccontextmanager
async def open_remote_enricher(
    config: EmbedderConfig, *, transport: httpx.AsyncBaseTransport | None = None, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[RemoteEnricher]:
    """Read the tokeniser and make the client; nothing is sent before the first text.

    Raises:
        ConfigurationError: `embedder.remote` is missing, or the tokeniser cannot be used.
    """
    remote = config.remote
    if remote is None:
        raise SettingMissing('embedder.remote: is required by runtime = "remote"')
    text_side, tokeniser = await asyncio.to_thread(_read, config.model, remote)
    async with open_endpoint(remote, transport=transport, sleep=sleep) as endpoint:
        yield RemoteEnricher(remote, text_side, tokeniser, endpoint)


def _read(model: str, remote: RemoteConfig) -> tuple[TextSide, Tokeniser]:
    text_side = read_text_side(locate_model(model).folder, max_tokens=remote.max_tokens)
    return text_side, Tokeniser(text_side.tokenizer_file, vocabulary=None)


def _batches(texts: Sequence[str], config: RemoteConfig) -> Iterator[list[int]]:
    """Cut positions into batches of similar length, longest first: endpoints pad to the longest."""
    sizes = [len(text.encode()) for text in texts]
    batch: list[int] = []
    held = 0
    for position in sorted(range(len(texts)), key=lambda index: -sizes[index]):
        is_full = len(batch) == config.max_batch_texts or held + sizes[position] > config.max_batch_bytes
        if batch and is_full:
            yield batch
            batch, held = [], 0
        batch.append(position)
        held += sizes[position]
    if batch:
        yield batch
