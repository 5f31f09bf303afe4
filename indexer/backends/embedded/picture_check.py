"""Whether the picture that is kept beside an index (`picture_file.py`) says what the rows say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded import picture_file
from indexer.backends.embedded.catalogue import Catalogue, follow
from indexer.backends.embedded.changes import current_sequence
from indexer.backends.embedded.codec import vectors_from_blobs
from vocabulary.access import HIDDEN_ACL

_ROWS_AT_ONCE = 10_000
# Of the index's vectors, from all over it, some milliseconds each: rows and codes do not part in single places.
_CODES_LOOKED_AT = 300
# Measured: own codes tell 1.0 ± 0.04 at 384 dimensions, those of others around 0.
_OWN_CODE = 0.5
_DOCUMENTS = "SELECT id, acl_id, owner, content_key FROM document"
_HEADINGS = "SELECT id, document_id, title_terms, attribute_terms FROM heading"
_PASSAGES = """
SELECT p.id, p.document_id, p.body_terms, e.passage_id IS NOT NULL
FROM passage p LEFT JOIN embedding e ON e.passage_id = p.id
"""
_VECTORS = "SELECT passage_id, vector FROM embedding WHERE passage_id % ? = 0"

Numbers = npt.NDArray[np.int64]


def inspect(connection: Any, index: Path, *, dimensions: int) -> Iterator[str]:
    """Yield what is wrong with the picture, in the caller's transaction; nothing where there is none.

    It is brought to the state that the transaction sees, as a start would bring it, and compared with every row.
    """
    try:
        kept = picture_file.read_or_tell(connection, index, dimensions=dimensions)
    except picture_file.PictureDamaged as error:
        yield str(error)
        return
    picture = None if kept is None else Catalogue.restored(kept)
    if picture is not None:
        picture = follow(connection, picture, sequence=current_sequence(connection))
    if picture is None:
        return
    for what, count in (
        ("documents", _differing_documents(connection, picture)),
        ("headings", _differing_headings(connection, picture)),
        ("passages", _differing_passages(connection, picture)),
        ("vectors", _differing_vectors(connection, picture)),
    ):
        if count:
            yield f"{count} {what} of which {picture_file.path_beside(index).name} says otherwise than the rows"


def _differing_documents(connection: Any, picture: Catalogue) -> int:
    codes = picture.owner_codes
    unknown = len(codes) + 1
    rows = (
        (document, acl, 0 if owner is None else codes.get(owner, unknown), key)
        for document, acl, owner, key in connection.execute(_DOCUMENTS)
    )
    held = [picture.acl_ids, picture.owners, picture.content_keys]
    return _differing(rows, held, unheld=picture.acl_ids != HIDDEN_ACL)


def _differing_headings(connection: Any, picture: Catalogue) -> int:
    held: list[npt.NDArray[Any]] = [picture.heading_documents, picture.title_terms, picture.attribute_terms]
    return _differing(connection.execute(_HEADINGS), held, unheld=picture.heading_documents > 0)


def _differing_passages(connection: Any, picture: Catalogue) -> int:
    by_slot: list[npt.NDArray[Any]] = [picture.passage_documents, picture.passage_terms, picture.has_vector]
    held: list[npt.NDArray[Any]] = [np.take(each, picture.slots) for each in by_slot]
    return _differing(connection.execute(_PASSAGES), held, unheld=held[0] > 0)


def _differing(
    rows: Iterator[tuple[int, ...]], held: Sequence[npt.NDArray[Any]], *, unheld: npt.NDArray[np.bool_]
) -> int:
    """Count the rows, by their id, of which the columns say something else, and what they say of no row.

    `unheld` marks where the columns say that there is a row; it is used up.
    """
    differing, unheld = 0, unheld.copy()
    rows = iter(rows)
    while portion := list(islice(rows, _ROWS_AT_ONCE)):
        ids, *columns = np.asarray(portion, np.int64).T
        is_known = ids < unheld.size
        differing += int(np.count_nonzero(~is_known))
        known = ids[is_known]
        is_other = np.zeros(known.size, np.bool_)
        for column, expected in zip(held, columns, strict=True):
            is_other |= column[known] != expected[is_known]
        differing += int(np.count_nonzero(is_other))
        unheld[known] = False
    return differing + int(np.count_nonzero(unheld))


def _differing_vectors(connection: Any, picture: Catalogue) -> int:
    step = max(1, picture.passage_ids.size // _CODES_LOOKED_AT)
    rows = connection.execute(_VECTORS, (step,)).fetchall()
    if not rows:
        return 0
    ids: Numbers = np.asarray([row[0] for row in rows], np.int64)
    vectors = vectors_from_blobs([row[1] for row in rows], picture.vectors.dimensions)
    return int(np.count_nonzero(picture.vectors.agreement(picture.slots_of(ids), vectors) < _OWN_CODE))
