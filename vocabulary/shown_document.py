"""One document as an index shows it to a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vocabulary.documents import AttributeValue, DocumentId, Passage, Toxicity
from vocabulary.indexing import NOT_SCORED, Scoring


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """One document as a reader may see it: what it says of itself, and all its passages in their order.

    `toxicity` has one entry for each passage; `scoring` says by what they were scored, and what the document is marked
    with.
    """

    document_id: DocumentId
    title: str
    uri: str
    attributes: Mapping[str, AttributeValue]
    toxicity_0_1: float  # of the worst passage
    passages: tuple[Passage, ...]
    toxicity: tuple[Toxicity, ...]
    scoring: Scoring = NOT_SCORED
