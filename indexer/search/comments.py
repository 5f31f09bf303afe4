"""Comments under their document: which of them match a query best, and what is shown of each.

Pure, and independent of any corpus: only the document's own comments and the query decide, so that every engine shows
the same and no other document has an influence. Comments that hold words of the query come first, those with more
distinct ones before others, then those with more of them, then the newer; behind them, where the query has a vector,
those near it by meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from indexer.search.highlighting import Marker, excerpt_of
from indexer.search.ranking import SIMILARITY_FLOOR
from vocabulary.documents import Passage
from vocabulary.search import Excerpt

SHOWN_COMMENTS = 3
_SIMILARITY_DIGITS = 6  # as in `ranking`: what two libraries differ in behind them is noise


@dataclass(frozen=True, slots=True)
class CommentPassage:
    """A passage of a comment, and how near it is to the query's vector; None where the query has none."""

    passage: Passage
    similarity: float | None = None


def best_comments(
    comments: Iterable[CommentPassage], marker: Marker, *, besides: Passage | None, highlight: bool
) -> tuple[Excerpt, ...]:
    """Return excerpts of the comments that match best, each comment once, without the one shown `besides` them."""
    ranked = sorted(
        ((worth, each.passage) for each in comments if (worth := _worth(each, marker)) is not None),
        key=lambda pair: (*pair[0], pair[1].ordinal),
    )
    shown: dict[str | None, Passage] = {}
    for _, passage in ranked:
        if besides is None or passage.ordinal != besides.ordinal:
            shown.setdefault(passage.comment_id, passage)
    best = [passage for passage in shown.values() if besides is None or passage.comment_id != besides.comment_id]
    return tuple(excerpt_of(passage, marker, highlight=highlight) for passage in best[:SHOWN_COMMENTS])


def _worth(comment: CommentPassage, marker: Marker) -> tuple[float, float, float] | None:
    """Return what the comment is sorted by, smallest first; None where it does not match at all."""
    found = marker.marks(comment.passage.text)
    if found:
        written_at = comment.passage.written_at
        age = math.inf if written_at is None else -written_at.timestamp()
        return (-len({mark.clause for mark in found}), -len(found), age)
    similarity = -1.0 if comment.similarity is None else round(comment.similarity, _SIMILARITY_DIGITS)
    return (1.0, -similarity, 0.0) if similarity >= SIMILARITY_FLOOR else None
