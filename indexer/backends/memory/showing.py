"""Ranked documents to what a page shows of them: groups of copies, hits, comments and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from indexer.backends.memory.rows import Stored
from indexer.search import collapsing, cursor, facets
from indexer.search.analysis import storable
from indexer.search.comments import CommentPassage, best_comments
from indexer.search.highlighting import Marker, excerpt_of
from indexer.search.matching import Kind
from vocabulary.documents import PassageKind, Vector
from vocabulary.search import BucketCount, DateFacet, Facet, FacetCount, FacetRequest, Hit, Query, RangeFacet
from vocabulary.shown_document import ShownDocument


def groups_of(documents: Sequence[Stored], *, collapse: bool) -> list[list[int]]:
    """Return the places of the documents, those of copies together, in the order of each group's first."""
    groups: dict[object, list[int]] = {}
    for place, each in enumerate(documents):
        key = each.content_key if collapse else collapsing.NO_CONTENT_KEY
        groups.setdefault(each if key == collapsing.NO_CONTENT_KEY else key, []).append(place)
    return list(groups.values())


def start_of(documents: Sequence[Stored], groups: Sequence[list[int]], position: cursor.Position) -> int:
    """Return the group to begin with: the first behind the last shown hit, or where that stood if it is gone."""
    for place, each in enumerate(documents):
        if each.description.document_id == position.last:
            return sum(1 for group in groups if group[0] <= place)
    return min(position.shown, len(groups))


def shown_document(stored: Stored) -> ShownDocument:
    described = stored.description
    return ShownDocument(
        document_id=described.document_id,
        title=described.title,
        uri=described.uri,
        attributes=described.attributes,
        toxicity_0_1=stored.toxicity_0_1,
        passages=tuple(each.passage for each in stored.passages),
        toxicity=tuple(each.toxicity for each in stored.passages),
        scoring=stored.scoring,
    )


def facet_of(documents: Iterable[Stored], facet: Facet) -> tuple[FacetCount | BucketCount, ...]:
    held = [each.fields.get(storable(facet.field), frozenset()) for each in documents]
    match facet:
        case FacetRequest():
            counts = Counter(key for keys in held for key in keys)
            return facets.commonest(counts.items(), size=facet.size)
        case RangeFacet():
            kind = facets.kind_of_ranges(facet)
            values = [[key for key in keys if key.kind is kind] for keys in held]
            buckets = facets.buckets_of(facet)
            return facets.counted_ranges(facet, [sum(any(map(each.holds, own)) for own in values) for each in buckets])
        case DateFacet():
            zone = facets.zone_of(facet)
            moments = [[int(key.value) for key in keys if key.kind is Kind.MOMENT] for keys in held]
            stretches = Counter(
                stretch
                for own in moments
                for stretch in {facets.stretch_of(each, facet.interval, zone) for each in own}
            )
            return facets.latest(stretches, size=facet.size)


def hit_of(stored: Stored, score: float, place: int, *, marker: Marker, query: Query, vector: Vector | None) -> Hit:
    description = stored.description
    shown = stored.passages[max(place, 0)].passage if stored.passages else None
    return Hit(
        document_id=description.document_id,
        title=description.title,
        uri=description.uri,
        path=description.path,
        score=score,
        excerpt=None if shown is None else excerpt_of(shown, marker, highlight=query.highlight),
        attributes=dict(description.attributes),
        toxicity_0_1=stored.toxicity_0_1,
        toxicity_categories=stored.scoring.categories,
        comments=best_comments(_comments(stored, vector), marker, besides=shown, highlight=query.highlight),
    )


def _comments(stored: Stored, vector: Vector | None) -> list[CommentPassage]:
    return [
        CommentPassage(each.passage, None if vector is None else float(each.vector @ vector))
        for each in stored.passages
        if each.passage.kind is PassageKind.COMMENT
    ]
