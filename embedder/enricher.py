"""The embedder's front: tokenise, run, normalise, score.

A recipe names everything that decides a vector, and nothing that does not: the same model through another
runtime or in another precision stays comparable (cosine 0.999 or better, checked by tests).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np

from embedder.config import EmbedderConfig, RuntimeName
from embedder.loaded import LoadedModel
from embedder.models import locate_model, read_model_folder, read_weights
from embedder.models.folder import ModelFolder
from embedder.runtimes.openvino import OpenVinoRuntime
from embedder.runtimes.port import Pooled
from embedder.tokeniser import Tokeniser
from embedder.toxicity.head import SHIPPED_HEAD, ToxicityHead
from embedder.worker import Finished, Worker
from vocabulary.documents import Enrichment, ReadText, TokenIds, Tokens, Toxicity, ToxicityThresholds, Vector

# A query's text beyond this is not even tokenised: 254 tokens of ordinary text end within 2,000 characters, and
# tokenising happens on the event loop (about 4 ms for this many).
_MAX_QUERY_CHARACTERS = 16_384
# The head's own figures are at a half (its card); the search page has warned from nine tenths on.
_THRESHOLDS = ToxicityThresholds(flag=0.5, hide=0.9)


class ModelEnricher:
    """An `Enricher` around one loaded model. Opened by `open_enricher`."""

    def __init__(
        self,
        folder: ModelFolder,
        *,
        name: str,
        version: str,
        recipe: str,
        toxicity_version: str,
        tokeniser: Tokeniser,
        worker: Worker,
    ) -> None:
        self._folder = folder
        self._name, self._version = name, version
        self._recipe = recipe
        self._toxicity_version = toxicity_version
        self._tokeniser = tokeniser
        self._worker = worker

    @property
    def recipe(self) -> str:
        return self._recipe

    @property
    def toxicity_version(self) -> str:
        return self._toxicity_version

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return self._version

    @property
    def toxicity_thresholds(self) -> ToxicityThresholds:
        return _THRESHOLDS

    @property
    def runtime(self) -> str:
        """Library and arithmetic, for reports; never part of the recipe."""
        return self._worker.runtime

    @property
    def dimensions(self) -> int:
        return self._folder.shape.hidden

    @property
    def max_tokens(self) -> int:
        return self._folder.max_tokens

    def tokenise(self, text: str) -> Tokens:
        return self._tokeniser.tokenise(text)

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        """Run the model over tokenised texts; see the port.

        Raises:
            ValueError: an id that the model does not know.
        """
        finished = await self._run(texts)
        return Enrichment(finished.vectors, _toxicities(finished))

    async def score(self, texts: Sequence[ReadText]) -> Sequence[Toxicity]:
        """Score tokenised texts; see the port.

        Raises:
            ValueError: an id that the model does not know.
        """
        return _toxicities(await self._run(texts))

    async def embed_query(self, text: str) -> Vector:
        prompted = self._folder.query_prompt + text[:_MAX_QUERY_CHARACTERS]
        return await self.embed_now(ReadText(prompted, self.tokenise(prompted)))

    async def embed_now(self, text: ReadText) -> Vector:
        """Embed one text in the lane of queries.

        Raises:
            ValueError: an id that the model does not know.
        """
        ids = text.tokens.ids[: self.max_tokens]
        self._refuse_unknown([ids])
        answer = await asyncio.wrap_future(self._worker.submit_query(ids))
        vector: Vector = answer.vectors[0]
        return vector

    def of_ids(self, ids: TokenIds) -> ReadText:
        """Take a sequence that somebody else tokenised.

        Raises:
            ValueError: an id that the model does not know.
        """
        self._refuse_unknown([ids])
        return ReadText("", Tokens(ids, np.zeros((len(ids), 2), dtype=np.int32)))

    async def _run(self, texts: Sequence[ReadText]) -> Finished:
        cut = [text.tokens.ids[: self.max_tokens] for text in texts]
        self._refuse_unknown(cut)
        return await asyncio.wrap_future(self._worker.submit(cut))

    def _refuse_unknown(self, sequences: Sequence[TokenIds]) -> None:
        if not sequences:
            return
        ids = np.concatenate(sequences)
        if ids.size and not 0 <= ids.min() <= ids.max() < self._folder.shape.vocabulary:
            raise ValueError("a token id outside the model's vocabulary")


@asynccontextmanager
async def open_enricher(config: EmbedderConfig) -> AsyncIterator[LoadedModel]:
    """Load the model and serve it until the context ends. Loading takes a second or two, beside the event loop.

    Leaving fails the calls that still wait and lets running batches end.

    Raises:
        ConfigurationError: the model cannot be found, is damaged, or is of a kind that is not supported.
    """
    if config.runtime is RuntimeName.REMOTE:
        from embedder.runtimes.remote import open_remote_enricher  # noqa: PLC0415 - only where it is asked for

        async with open_remote_enricher(config) as remote:
            yield remote
        return
    enricher, worker = await asyncio.to_thread(_load, config)
    try:
        yield enricher
    finally:
        await asyncio.to_thread(worker.close)


def _load(config: EmbedderConfig) -> tuple[ModelEnricher, Worker]:
    location = locate_model(config.model)
    folder = read_model_folder(location.folder)
    tokeniser = Tokeniser(folder.tokenizer_file, vocabulary=folder.shape.vocabulary)
    weights = read_weights(folder, expected_sha256=location.sha256)
    head = _head_for(weights.sha256)
    worker = Worker(
        OpenVinoRuntime(
            folder,
            weights,
            special_ids=tokeniser.special_ids,
            threads=config.threads,
            precision=config.precision,
        ),
        finish=lambda pooled: finish(pooled, head),
        dimensions=folder.shape.hidden,
        max_batch_tokens=config.max_batch_tokens,
        look_ahead=config.look_ahead,
    )
    recipe = "/".join(
        (
            f"{location.name}@{weights.sha256[:12]}",
            f"tokens-{tokeniser.sha256[:12]}-{folder.max_tokens}",
            f"{folder.pooling.value}-unit",
        )
    )
    version = head.version if head else ""
    enricher = ModelEnricher(
        folder,
        name=location.name,
        version=weights.sha256[:12],
        recipe=recipe,
        toxicity_version=version,
        tokeniser=tokeniser,
        worker=worker,
    )
    return enricher, worker


def _toxicities(finished: Finished) -> list[Toxicity]:
    return [Toxicity(float(score)) for score in finished.toxicity_0_1]


def finish(pooled: Pooled, head: ToxicityHead | None) -> Finished:
    """Turn a pass's poolings into unit vectors and scores; without a head for this model, every score is 0."""
    vectors = pooled.embeddings.astype(np.float32, copy=False)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.zeros(len(vectors), dtype=np.float32)
    if head is not None and pooled.features is not None:
        scores = head.score_0_1(pooled.features)
    # As torch's normalize: a vector of length 0 would stay 0 instead of becoming not-a-number.
    return Finished(vectors=vectors / np.maximum(lengths, 1e-12), toxicity_0_1=scores)


def _head_for(encoder_sha256: str) -> ToxicityHead | None:
    head = ToxicityHead.load(SHIPPED_HEAD)
    return head if head.encoder_sha256 == encoder_sha256 else None
