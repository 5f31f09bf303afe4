"""Stored passages scored anew: their texts are tokenised as they were when they were cut, their vectors stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from vocabulary.documents import EnrichedPassage, ReadText
from vocabulary.enricher import Enricher


async def scored_anew(enricher: Enricher, passages: Sequence[EnrichedPassage]) -> tuple[EnrichedPassage, ...]:
    """Return the passages with what the enricher says of their toxicity now."""
    texts = [each.passage.text for each in passages]
    read = await asyncio.to_thread(lambda: [ReadText(text, enricher.tokenise(text)) for text in texts])
    toxicity = await enricher.score(read)
    return tuple(replace(each, toxicity=found) for each, found in zip(passages, toxicity, strict=True))
