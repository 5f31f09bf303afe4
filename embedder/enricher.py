"""The embedder's front: tokenise, run, normalise, score.

A recipe names everything that decides a vector, and nothing that does not: the same model through another
runtime or in another precision stays comparable (cosine 0.999 or better, checked by tests).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from copy import copy

import numpy as np

from embedder.calls import Call, Found, TextWork, Verdict, Work
from embedder.config import EmbedderConfig, RuntimeName
from embedder.encoders import Encoders
from embedder.finishing import finish
from embedder.loaded import LoadedModel
from embedder.models import locate_model
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.choice import ModelFacts, read_model
from embedder.scorers import FixedScorer, Scorer, Scoring
from embedder.scoring import opened_scoring
from embedder.tokeniser import Tokeniser
from embedder.toxicity.sentences import MAX_TOKENS, Sentence, sentences_of
from embedder.worker import Worker
from vocabulary.documents import (
    CLEAN,
    Enrichment,
    ReadText,
    TokenIds,
    Tokens,
    Toxicity,
    ToxicityThresholds,
    Vector,
)

# A query's text beyond this is not even tokenised: 254 tokens of ordinary text end within 2,000 characters, and
# tokenising happens on the event loop (about 4 ms for this many).
_MAX_QUERY_CHARACTERS = 16_384
# Sentences of a long text that are queued together: eight batches of a processor, one or two seconds of a core.
_PIECE_TOKENS = 8_192
_UNREACHED = ToxicityThresholds(flag=1.0, hide=1.0)  # where nothing scores, no text comes near


class ModelEnricher:
    """An `Enricher` around one loaded model. Opened by `open_enricher`.

    What scores may change from one call to the next, unless it is pinned; within a call it never does.
    """

    def __init__(
        self,
        facts: ModelFacts,
        *,
        name: str,
        version: str,
        why: str,
        recipe: str,
        scoring: Scoring,
        tokeniser: Tokeniser,
        worker: Worker[Work],
    ) -> None:
        self._facts = facts
        self._name, self._version, self._why = name, version, why
        self._recipe = recipe
        self._scoring = scoring
        self._tokeniser = tokeniser
        self._worker = worker

    @property
    def recipe(self) -> str:
        return self._recipe

    @property
    def toxicity_version(self) -> str:
        scorer = self._scoring.present
        return "" if scorer is None else scorer.model.version

    @property
    def toxicity_trouble(self) -> str:
        return self._scoring.trouble

    async def pinned(self) -> ModelEnricher:
        """Return the same model, loaded once for both, with what is approved now to score, and no other ever."""
        pinned = copy(self)
        scorer = await self._scoring.now()
        pinned._scoring = FixedScorer(scorer, self._scoring.trouble)
        return pinned

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return self._version

    @property
    def toxicity_thresholds(self) -> ToxicityThresholds:
        scorer = self._scoring.present
        if scorer is None:
            return _UNREACHED
        thresholds = scorer.model.card.thresholds
        return ToxicityThresholds(thresholds.flag, thresholds.hide)

    @property
    def runtime(self) -> str:
        return f"{self._worker.runtime} ({self._why})"

    @property
    def dimensions(self) -> int:
        return self._facts.dimensions

    @property
    def max_tokens(self) -> int:
        return self._facts.max_tokens

    def tokenise(self, text: str) -> Tokens:
        return self._tokeniser.tokenise(text)

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        """Run the model over tokenised texts; see the port.

        Raises:
            ValueError: an id that the model does not know.
        """
        return await self._run(texts)

    async def score(self, texts: Sequence[ReadText]) -> Sequence[Toxicity]:
        """Score tokenised texts; see the port.

        Raises:
            ValueError: an id that the model does not know.
        """
        return (await self._run(texts)).toxicity

    async def score_now(self, text: ReadText) -> Toxicity:
        """Score one text before all that waits; the batches being computed delay it, and a long one delays all else.

        Nothing is left to a prefilter: every sentence is looked at alone, and the text as a whole as far as the model
        reads.

        Raises:
            ValueError: an id that the model does not know.
        """
        self._refuse_unknown([text.tokens.ids])
        whole, scorer = _cut(text, self.max_tokens), self._scoring.present
        if scorer is None or not len(whole.tokens.ids):
            return CLEAN
        found = await asyncio.to_thread(self._sentences, text)
        sentences = found if len(found) > 1 else []
        return await self._verdict(scorer, whole, text, sentences, submit=self._worker.submit_first)

    async def score_long(self, text: ReadText, *, before_piece: Callable[[], Awaitable[None]]) -> Toxicity:
        """Score one text of any length: every sentence alone, and the text as a whole as far as the model reads.

        The sentences go the way of all that is enriched, about `_PIECE_TOKENS` of them at a time.

        Raises:
            ValueError: an id that the model does not know.
        """
        self._refuse_unknown([text.tokens.ids])
        whole, scorer, submit = _cut(text, self.max_tokens), self._scoring.present, self._worker.submit
        if scorer is None or not len(whole.tokens.ids):
            return CLEAN
        await before_piece()
        found = await self._verdict(scorer, whole, whole, [], submit=submit)
        pieces = []
        for piece in _pieces(await asyncio.to_thread(self._sentences, text)):  # of a book, half a second
            await before_piece()
            pieces.append(await self._verdict(scorer, whole, text, piece, submit=submit, known=Found(0.0)))
        return _worst_of(found, pieces)

    def _sentences(self, text: ReadText) -> Sequence[Sentence]:
        return sentences_of(text, max_tokens=min(MAX_TOKENS, self.max_tokens))

    async def _verdict(
        self,
        scorer: Scorer,
        whole: ReadText,
        text: ReadText,
        sentences: Sequence[Sentence],
        *,
        submit: Callable[[Sequence[Work]], None],
        known: Found | None = None,
    ) -> Toxicity:
        """Look at sentences of a text alone, and at `whole` as one sequence unless that is `known`."""
        call = Call([whole], dimensions=self.dimensions, scorer=scorer)
        flag_from = scorer.model.card.thresholds.flag
        submit(Verdict(call, 0, text, sentences, flag_from=flag_from, whole=known).works)
        return (await asyncio.wrap_future(call.future)).toxicity[0]

    async def embed_query(self, text: str) -> Vector:
        prompted = self._facts.query_prompt + text[:_MAX_QUERY_CHARACTERS]
        return await self.embed_now(ReadText(prompted, self.tokenise(prompted)))

    async def embed_now(self, text: ReadText) -> Vector:
        """Embed one text in the lane of queries.

        Raises:
            ValueError: an id that the model does not know.
        """
        cut = _cut(text, self.max_tokens)
        self._refuse_unknown([cut.tokens.ids])
        call = Call([cut], dimensions=self.dimensions)
        self._worker.submit_query(TextWork(call, 0))
        vector: Vector = (await asyncio.wrap_future(call.future)).vectors[0]
        return vector

    def of_ids(self, ids: TokenIds) -> ReadText:
        """Take a sequence that somebody else tokenised.

        Raises:
            ValueError: an id that the model does not know.
        """
        self._refuse_unknown([ids])
        return ReadText("", Tokens(ids, np.zeros((len(ids), 2), dtype=np.int32)))

    async def _run(self, texts: Sequence[ReadText]) -> Enrichment:
        cut = [_cut(text, self.max_tokens) for text in texts]
        self._refuse_unknown([text.tokens.ids for text in cut])
        call = Call(cut, dimensions=self.dimensions, scorer=self._scoring.present)
        if texts:
            self._worker.submit(call.works)
        return await asyncio.wrap_future(call.future)

    def _refuse_unknown(self, sequences: Sequence[TokenIds]) -> None:
        if not sequences:
            return
        ids = np.concatenate(sequences)
        if ids.size and not 0 <= ids.min() <= ids.max() < self._facts.vocabulary:
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


def _load(config: EmbedderConfig) -> tuple[ModelEnricher, Worker[Work]]:
    location = locate_model(config.model)
    model = read_model(location, config)
    facts = model.facts
    tokeniser = Tokeniser(facts.tokenizer_file, vocabulary=facts.vocabulary)
    scoring, wants_blocks = opened_scoring(config, location, model, special_ids=tokeniser.special_ids)
    runtime = model.open(tokeniser.special_ids, wants_blocks)
    worker: Worker[Work] = Worker(
        runtime,
        finish=finish,
        run=Encoders(runtime),
        max_batch_tokens=config.max_batch_tokens,
        look_ahead=config.look_ahead,
    )
    recipe = "/".join(
        (
            f"{location.name}@{model.sha256[:12]}",
            f"tokens-{tokeniser.sha256[:12]}-{facts.max_tokens}",
            f"{facts.pooling_name}-unit",
        )
    )
    enricher = ModelEnricher(
        facts,
        name=location.name,
        version=model.sha256[:12],
        why=model.choice.why,
        recipe=recipe,
        scoring=scoring,
        tokeniser=tokeniser,
        worker=worker,
    )
    return enricher, worker


def _pieces(sentences: Sequence[Sentence]) -> Iterator[list[Sentence]]:
    """Cut sentences into runs of about `_PIECE_TOKENS` tokens, at least one sentence each; none of none."""
    piece: list[Sentence] = []
    tokens = 0
    for sentence in sentences:
        if tokens >= _PIECE_TOKENS:
            yield piece
            piece, tokens = [], 0
        piece.append(sentence)
        tokens += sentence.last - sentence.first + SPECIAL_TOKENS
    if piece:
        yield piece


def _worst_of(whole: Toxicity, pieces: Sequence[Toxicity]) -> Toxicity:
    """Merge what was found of a text as a whole and of its sentences: the whole is a span only where no sentence is."""
    spans = tuple(span for piece in pieces for span in piece.spans) or whole.spans
    worst = max(spans, key=lambda span: span.score_0_1, default=None)
    score = max(whole.score_0_1, *(piece.score_0_1 for piece in pieces), 0.0)
    return Toxicity(score, worst.category if worst is not None else "", spans)


def _cut(text: ReadText, max_tokens: int) -> ReadText:
    """Return a text as far as the model reads: n-grams and sentences of the rest are nobody's either."""
    tokens = text.tokens
    if len(tokens.ids) <= max_tokens:
        return text
    read = Tokens(tokens.ids[:max_tokens], tokens.offsets[:max_tokens])
    return ReadText(text.text[: int(read.offsets[-1, 1])], read)
