"""What the benchmarks of toxicity share: the embedder's worker, counting the tokens it computes, and held-out texts."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedder.calls import Call, Work
from embedder.config import Precision
from embedder.encoders import Encoders
from embedder.finishing import finish
from embedder.models import BertWeights, locate_model, read_model_folder, read_weights
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.openvino import OpenVinoRuntime
from embedder.runtimes.port import Batching, Pooled
from embedder.scorers import Scorer
from embedder.tokeniser import Tokeniser
from embedder.toxicity.model import ToxicityModel
from embedder.worker import Worker
from vocabulary.documents import Enrichment, ReadText, TokenIds, Tokens, Toxicity

DATA = Path(__file__).parents[2] / "shared" / "data"


class CountingRuntime:
    """A runtime that adds up the lengths of its sequences, special tokens included."""

    def __init__(self, runtime: OpenVinoRuntime) -> None:
        self._runtime = runtime
        self.name, self.parallel_runs = runtime.name, runtime.parallel_runs
        self.tokens = 0

    @property
    def batching(self) -> Batching:
        return self._runtime.batching

    def run(self, sequences: Sequence[TokenIds]) -> Pooled:
        self.tokens += sum(len(sequence) + SPECIAL_TOKENS for sequence in sequences)
        return self._runtime.run(sequences)


class ScoringWorker:
    """Reads, enriches and scores texts as the enricher does."""

    def __init__(
        self,
        worker: Worker[Work],
        runtimes: Sequence[CountingRuntime],
        tokeniser: Tokeniser,
        *,
        scorer: Scorer | None,
        max_tokens: int,
        dimensions: int,
    ) -> None:
        self._worker = worker
        self._scorer = scorer
        self._runtimes = runtimes
        self._tokeniser = tokeniser
        self._max_tokens = max_tokens
        self._dimensions = dimensions

    @property
    def computed_tokens(self) -> int:
        """How many tokens were computed since it was opened, by either encoder."""
        return sum(runtime.tokens for runtime in self._runtimes)

    def read(self, text: str) -> ReadText:
        """Tokenise a text and cut it where the model ends."""
        tokens = self._tokeniser.tokenise(text)
        return ReadText(text, Tokens(tokens.ids[: self._max_tokens], tokens.offsets[: self._max_tokens]))

    def read_all(self, text: str) -> Tokens:
        """Tokenise a text of any length."""
        return self._tokeniser.tokenise(text)

    def sequence_tokens(self, texts: Sequence[str]) -> int:
        """Return how many tokens it takes to compute each text once."""
        return sum(len(self.read(text).tokens.ids) + SPECIAL_TOKENS for text in texts)

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        call = Call(texts, dimensions=self._dimensions, scorer=self._scorer)
        self._worker.submit(call.works)
        return await asyncio.wrap_future(call.future)

    async def score(self, texts: Sequence[str]) -> Sequence[Toxicity]:
        return (await self.enrich([self.read(text) for text in texts])).toxicity


def held_out_messages(data: Path) -> list[str]:
    """Return ParaDetox's toxic messages that its split keeps for tests."""
    return [row["toxic"] for row in _rows(data / "toxicity-paradetox" / "data.jsonl.gz") if row["split"] == "test"]


def clean_texts(data: Path) -> Iterator[str]:
    """Yield descriptions of software packages: no model is trained on them."""
    for row in _rows(data / "scale-passages" / "debian-packages.jsonl.gz"):
        yield row["text"]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@contextmanager
def scoring_worker(model: ToxicityModel | None, *, threads: int = 0) -> Iterator[ScoringWorker]:
    """Open the default encoder with a toxicity model, or with none."""
    location = locate_model("all-MiniLM-L6-v2")
    folder = read_model_folder(location.folder)
    tokeniser = Tokeniser(folder.tokenizer_file, vocabulary=folder.shape.vocabulary)
    weights = read_weights(folder, expected_sha256=location.sha256)

    def opened(computed: BertWeights, *, blocks: bool) -> CountingRuntime:
        return CountingRuntime(
            OpenVinoRuntime(
                folder,
                computed,
                special_ids=tokeniser.special_ids,
                threads=threads,
                precision=Precision.AUTO,
                blocks=blocks,
            )
        )

    runtimes = [opened(weights, blocks=model is not None and model.prefilter is not None)]
    if model is not None and model.own_layers is not None:
        runtimes.append(opened(weights.replaced(model.own_layers.tensors), blocks=False))
    scorer = None if model is None else Scorer(model, runtimes[1] if len(runtimes) == 2 else None)
    worker: Worker[Work] = Worker(runtimes[0], finish=finish, run=Encoders(runtimes[0]))
    try:
        yield ScoringWorker(
            worker, runtimes, tokeniser, scorer=scorer, max_tokens=folder.max_tokens, dimensions=folder.shape.hidden
        )
    finally:
        worker.close()
