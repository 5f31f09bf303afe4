"""A source's rule for toxic text, and what it makes of a document's passages. Pure.

Scores are enrichment, never a permission: a rule may take a document away from readers whom its list admits, and gives
it to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vocabulary.documents import EnrichedPassage, ToxicityThresholds

# The category of a sentence where the model knows no kinds, or of a passage that is over the threshold as a whole.
UNNAMED_CATEGORY = "toxic"


class Handling(StrEnum):
    """What a source's rule does with a document that holds toxic text."""

    INDEX = "index"  # nothing: the scores are stored
    FLAG = "flag"  # it is marked with the categories that were met
    HIDE = "hide"  # marked, and held back from everybody until somebody has reviewed it


@dataclass(frozen=True, slots=True)
class ToxicSentence:
    """Where in a document the worst of it stands: characters [start, end) of the passage with this ordinal."""

    ordinal: int
    start: int
    end: int
    score_0_1: float
    category: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a document: the categories of its mark, worst first, and the sentence to hold it back for."""

    categories: tuple[str, ...] = ()
    held_for: ToxicSentence | None = None


@dataclass(frozen=True, slots=True)
class ToxicityRule:
    """How one source handles toxic text; sentences that score below the threshold are passed over."""

    handling: Handling = Handling.INDEX
    threshold_0_1: float = 1.0

    @classmethod
    def of(cls, handling: Handling, threshold_0_1: float | None, thresholds: ToxicityThresholds) -> ToxicityRule:
        """Return a rule as it is configured; without a threshold, the model's for that use."""
        if threshold_0_1 is None:
            threshold_0_1 = thresholds.hide if handling is Handling.HIDE else thresholds.flag
        return cls(handling, threshold_0_1)

    @property
    def name(self) -> str:
        """What the ledger calls the rule by which a document was last judged."""
        return self.handling if self.handling is Handling.INDEX else f"{self.handling} from {self.threshold_0_1:g}"

    def judge(self, passages: Iterable[EnrichedPassage]) -> Judgement:
        """Say what the rule makes of a document with these passages."""
        if self.handling is Handling.INDEX:
            return Judgement()
        found = sorted(self._sentences(passages), key=lambda each: (-each.score_0_1, each.ordinal, each.start))
        categories = tuple(dict.fromkeys(each.category for each in found))
        return Judgement(categories, found[0] if found and self.handling is Handling.HIDE else None)

    def _sentences(self, passages: Iterable[EnrichedPassage]) -> Iterator[ToxicSentence]:
        for each in passages:
            yield from self._sentences_of(each)

    def _sentences_of(self, enriched: EnrichedPassage) -> Sequence[ToxicSentence]:
        """Return the sentences over the threshold; where only the passage itself is, all of it."""
        toxicity, ordinal = enriched.toxicity, enriched.passage.ordinal
        found = [
            ToxicSentence(ordinal, span.start, span.end, span.score_0_1, span.category or UNNAMED_CATEGORY)
            for span in toxicity.spans
            if span.score_0_1 >= self.threshold_0_1
        ]
        if found or toxicity.score_0_1 < self.threshold_0_1:
            return found
        whole, category = len(enriched.passage.text), toxicity.category or UNNAMED_CATEGORY
        return [ToxicSentence(ordinal, 0, whole, toxicity.score_0_1, category)]
