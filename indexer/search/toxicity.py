"""What an index stores of a passage's toxicity, spelled alike in every engine, and of which texts it is said.

Scores may be replaced without their document being read again. What they are said of is told by a fingerprint of the
texts, so that scores of texts that have changed meanwhile never reach the index.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from indexer.search.analysis import storable
from vocabulary.documents import Toxicity, ToxicSpan

NO_SPANS = ""  # most passages have none


def texts_sha256(texts: Iterable[str]) -> str:
    """Fingerprint the texts of a document's passages, in their order; as they are stored or as they are put."""
    spelled = json.dumps([storable(text) for text in texts], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(spelled.encode()).hexdigest()


def spans_to_text(toxicity: Toxicity) -> str:
    """Spell the flagged sentences of a passage; `toxicity_from` reads them back."""
    if not toxicity.spans:
        return NO_SPANS
    return json.dumps(
        [[int(span.start), int(span.end), float(span.score_0_1), span.category] for span in toxicity.spans]
    )


def toxicity_from(score_0_1: float, category: str, spans: str) -> Toxicity:
    """Return what was stored of a passage in three parts."""
    if not spans and not category:
        return Toxicity(score_0_1)
    return Toxicity(score_0_1, category, tuple(ToxicSpan(*span) for span in json.loads(spans or "[]")))
