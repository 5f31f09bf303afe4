"""What an opened model is to the rest of the program, whatever computes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from vocabulary.documents import ReadText, TokenIds, Toxicity, Vector
from vocabulary.enricher import Enricher


class LoadedModel(Enricher, Protocol):
    """An `Enricher` that tells of itself, and embeds single texts beside what waits."""

    async def pinned(self) -> LoadedModel:
        """As the port says."""
        ...

    @property
    def toxicity_trouble(self) -> str:
        """Which versions that should score toxicity cannot, and why, when somebody last looked; empty: none."""
        ...

    @property
    def name(self) -> str:
        """What others call the model: its own name, without a path to it."""
        ...

    @property
    def version(self) -> str:
        """Tells this model from others of its name: the beginning of its weights' SHA-256 where they are here."""
        ...

    @property
    def runtime(self) -> str:
        """Library and arithmetic, and why these were chosen, for reports; never part of a recipe."""
        ...

    def of_ids(self, ids: TokenIds) -> ReadText:
        """Take a sequence that somebody else tokenised, int32 [tokens] without special tokens.

        Raises:
            ValueError: an id that the model does not know, or a model that only reads texts.
        """
        ...

    async def embed_now(self, text: ReadText) -> Vector:
        """Embed one text as `enrich` does, without waiting behind a long `enrich`: the way of queries."""
        ...

    async def score_now(self, text: ReadText) -> Toxicity:
        """Score one short text sentence by sentence, before all that waits; clean where nothing scores.

        Raises:
            ValueError: an id that the model does not know.
        """
        ...

    async def score_long(self, text: ReadText, *, before_piece: Callable[[], Awaitable[None]]) -> Toxicity:
        """Score one text of any length as `score_now` does, in bounded pieces among what others ask for.

        `before_piece` is awaited before each piece; what it raises ends the work.

        Raises:
            ValueError: an id that the model does not know.
        """
        ...
