"""The Protocol of what gives texts their vectors and scores. Each sentence has a test in `tests/contract/`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vocabulary.documents import Enrichment, ReadText, Tokens, Toxicity, ToxicityThresholds, Vector


class Enricher(Protocol):
    """Texts, as they were tokenised, to vectors and toxicity, in one pass of one model.

    What scores toxicity is one model for all texts of a call. In the next call it may be another, as models are
    approved, unless it is pinned.
    """

    async def pinned(self) -> Enricher:
        """Return the same with what is approved now to score, and nothing else for as long as it is used.

        A run takes it once, at its beginning, so that all of its rows are of one model and name it.
        """
        ...

    @property
    def recipe(self) -> str:
        """Name and version of model, tokeniser and pooling: two vectors compare only under the same recipe."""
        ...

    @property
    def toxicity_version(self) -> str:
        """Name and version of what scores toxicity; empty where nothing does, and every text counts as clean."""
        ...

    @property
    def toxicity_thresholds(self) -> ToxicityThresholds:
        """From which scores on to flag and to hide, unless somebody wants it otherwise."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The longest sequence without special tokens; longer ones are cut there."""
        ...

    def tokenise(self, text: str) -> Tokens:
        """Split a text of any length; the ids are those the model reads. Blocks; may be called from any thread."""
        ...

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        """Run the model over tokenised texts, in any order and batching; the answer keeps theirs."""
        ...

    async def score(self, texts: Sequence[ReadText]) -> Sequence[Toxicity]:
        """Score the toxicity of tokenised texts as `enrich` does; for stored texts whose vectors stand."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """Embed one short text, float32 [dimensions], unit length, without waiting behind a long `enrich`."""
        ...
