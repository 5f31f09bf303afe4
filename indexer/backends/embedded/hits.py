"""The last fetch: ranked row ids to hits, with the permissions checked once more, in the file itself.

Whatever was computed in memory only proposes; a document whose stored ACL the filter does not admit does not leave
this module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.backends.embedded import codec
from indexer.backends.embedded.changes import id_parameter
from indexer.search.comments import CommentPassage, best_comments
from indexer.search.highlighting import Marker, excerpt_of
from indexer.search.ranking import NO_PASSAGE, Ids, Ranking
from vocabulary.access import HIDDEN_ACL, AccessFilter
from vocabulary.documents import DocumentId, Passage, PassageKind, Vector
from vocabulary.search import Hit

_ADMITTED_DOCUMENTS = """
SELECT id, source, native_id, title, uri, path, attributes, toxicity, toxicity_categories FROM document
WHERE id IN (SELECT value FROM carray(?)) AND acl_id <> ?
  AND (acl_id IN (SELECT value FROM carray(?))
       OR (acl_id IN (SELECT value FROM carray(?)) AND owner IN (SELECT value FROM json_each(?))))
"""
_FIRST_PASSAGES = (
    "SELECT document_id, min(id) FROM passage WHERE document_id IN (SELECT value FROM carray(?)) GROUP BY document_id"
)
_COMMENTS = f"""
SELECT {codec.PASSAGE_COLUMNS}, document_id, vector FROM passage LEFT JOIN embedding ON passage_id = id
WHERE document_id IN (SELECT value FROM carray(?)) AND kind = ?
"""  # noqa: S608 - our columns


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The documents of one page in its order, how many copies each stands for, and the catalogue's ACL of each.

    `parts` are what each score is made of, where that was asked for.
    """

    ranking: Ranking
    copies: Ids
    acl_ids: Ids
    parts: Sequence[Mapping[str, float] | None]


def fetch_hits(
    connection: Any,
    shown: Shown,
    access: AccessFilter,
    *,
    marker: Marker,
    vector: Vector | None,
    highlight: bool,
) -> tuple[Hit, ...]:
    """Return the hits of one page in its order."""
    ranking = shown.ranking
    rows = admitted_rows(connection, ranking.documents, access, shown.acl_ids)
    passages = _passages_to_show(connection, ranking)
    comments = _comments(connection, list(rows), vector)
    hits = []
    for document, score, passage_id, copies, parts in zip(
        ranking.documents, ranking.scores, passages, shown.copies, shown.parts, strict=True
    ):
        if int(document) not in rows:
            continue
        passage = _passage(connection, int(passage_id))
        source, native_id, title, uri, path, attributes, toxicity, categories = rows[int(document)]
        hits.append(
            Hit(
                document_id=DocumentId(source, native_id),
                title=title,
                uri=uri,
                path=path,
                score=float(score),
                excerpt=None if passage is None else excerpt_of(passage, marker, highlight=highlight),
                attributes=codec.attributes_from_json(attributes),
                toxicity_0_1=toxicity,
                toxicity_categories=codec.names_from_json(categories),
                copies=int(copies),
                comments=best_comments(comments[int(document)], marker, besides=passage, highlight=highlight),
                score_parts=parts,
            )
        )
    return tuple(hits)


def admitted_rows(connection: Any, documents: Ids, access: AccessFilter, acl_ids: Ids) -> dict[int, tuple[Any, ...]]:
    """Read documents under the filter, as (source, native id, title, uri, path, attributes, toxicity,
    categories) by row id.

    Only the few ACL ids of this page are passed on, each if the filter holds it: a row whose stored id is another one
    than the catalogue's, and not allowed, is not returned.
    """
    visible = np.asarray([acl for acl in acl_ids if int(acl) in access.visible], np.int64)
    if_owner = np.asarray([acl for acl in acl_ids if int(acl) in access.if_owner], np.int64)
    owners = codec.text_list(access.owners)
    parameters = (id_parameter(documents), HIDDEN_ACL, id_parameter(visible), id_parameter(if_owner), owners)
    return {row[0]: row[1:] for row in connection.execute(_ADMITTED_DOCUMENTS, parameters)}


def _passages_to_show(connection: Any, ranking: Ranking) -> Ids:
    """Return the representing passages; for a document that matched without one, its first."""
    if not (ranking.passages == NO_PASSAGE).any():
        return ranking.passages
    first = dict(connection.execute(_FIRST_PASSAGES, (id_parameter(ranking.documents),)).fetchall())
    firsts = np.asarray([first.get(int(each), NO_PASSAGE) for each in ranking.documents], np.int64)
    return np.where(ranking.passages == NO_PASSAGE, firsts, ranking.passages)


def _passage(connection: Any, passage_id: int) -> Passage | None:
    row = connection.execute(
        f"SELECT {codec.PASSAGE_COLUMNS} FROM passage WHERE id = ?",  # noqa: S608 - our columns
        (passage_id,),
    ).fetchone()
    return None if row is None else codec.passage_from_row(row)


def _comments(connection: Any, documents: list[int], vector: Vector | None) -> dict[int, list[CommentPassage]]:
    """Return the comments of admitted documents by document."""
    found: dict[int, list[CommentPassage]] = defaultdict(list)
    parameters = (id_parameter(np.asarray(documents, np.int64)), PassageKind.COMMENT.value)
    for *row, document, blob in connection.execute(_COMMENTS, parameters):
        near = None if vector is None or blob is None else float(codec.vector_from_blob(blob) @ vector)
        found[document].append(CommentPassage(codec.passage_from_row(row), near))
    return found
