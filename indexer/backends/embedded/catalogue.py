"""Who may read which row: the permissions and the shape of the index, in memory.

A catalogue is a picture of the file after one numbered change and never changes itself; the next picture shares with
it what stayed the same. Documents are addressed by their row id; document 0 exists nowhere, carries ACL 0 and so is
read by nobody. Slot 0 is no passage; it, every dead passage and every unknown row belong to document 0: what is unknown
is hidden by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pyroaring import FrozenBitMap

from indexer.backends.embedded import picture_file
from indexer.backends.embedded.changes import Changed, changed_since
from indexer.backends.embedded.codec import vectors_from_blobs
from indexer.backends.embedded.columns import Columns, Mask
from indexer.backends.embedded.postings import Space, last_row
from indexer.backends.embedded.vector_sidecar import EXACT_LIMIT, VectorSidecar
from indexer.backends.embedded.vocabulary import KnownTerms
from vocabulary.access import HIDDEN_ACL, AccessFilter

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)
Indices = Integers | Codes | npt.NDArray[np.uint32]

_ROWS_AT_ONCE = 10_000  # read from the file at a time: 8 MB of vectors
_TRAINING_SAMPLE = 20_000  # vectors; their mean is all that RaBitQ learns
_NO_OWNER = 0
_HEADINGS = "SELECT id, document_id, title_terms, attribute_terms FROM heading"
_KEPT_ARRAYS = (
    *("acl_ids", "owners", "content_keys", "heading_documents", "title_terms", "attribute_terms"),
    *("passage_ids", "passage_documents", "passage_terms", "has_vector", "slots"),
)
_TABLE_LIMIT = 1 << 24  # ACL ids are given in sequence; up to here a table of them (16 MB) is the fastest look-up


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The documents and passages after change number `sequence`.

    Documents, by row id: `acl_ids`, `owners` (codes), `content_keys` (`collapsing`). What they say of themselves, by
    the row id of their heading: `heading_documents` (0 when replaced), `title_terms` and `attribute_terms` (lengths).
    Passages, by slot, ascending by row id: `passage_ids`, `passage_documents` (0 when dead), `passage_terms` (length),
    `has_vector`. What others are looked up by has 64 bits: numpy widens anything less at each look-up, which takes
    twice as long as the look-up itself.
    """

    sequence: int
    acl_ids: Integers
    owners: Integers
    content_keys: Integers
    owner_codes: dict[str, int]  # grows only, shared between pictures
    heading_documents: Integers
    title_terms: Codes
    attribute_terms: Codes
    passage_ids: Integers
    passage_documents: Integers
    passage_terms: Codes
    has_vector: Mask
    slots: Integers  # by passage id; 0 where it is none
    vectors: VectorSidecar
    columns: Columns = field(default_factory=Columns)
    vocabulary: KnownTerms = field(default_factory=KnownTerms)
    _title_order: list[Integers] = field(default_factory=list)

    def admitted(self, access: AccessFilter) -> Mask:
        """Return which documents the filter admits; bool by document row id. The hidden ACL never does."""
        admitted = _allowed(access.visible, self.acl_ids)
        owned = np.zeros(len(self.owner_codes) + 1, np.bool_)
        owned[[self.owner_codes[owner] for owner in access.owners if owner in self.owner_codes]] = True
        if owned.any():
            admitted |= owned[self.owners] & _allowed(access.if_owner, self.acl_ids)
        return admitted

    def title_order(self, connection: Any) -> Integers:
        """Return all documents in the order of their folded titles, read once for each picture."""
        if not self._title_order:
            rows = connection.execute("SELECT id FROM document ORDER BY title_key, id").fetchall()
            self._title_order.append(np.asarray([row[0] for row in rows], np.int64))
        return self._title_order[0]

    def kept(self) -> picture_file.KeptPicture | None:
        """Return the picture as it is kept on disk; None where it is quickly taken, or others have gone on with it."""
        codes = self.vectors.kept()
        if codes is None or codes.count != self.passage_ids.size:
            return None
        arrays = {name: getattr(self, name) for name in _KEPT_ARRAYS}
        return picture_file.KeptPicture(self.sequence, arrays, tuple(self.owner_codes), codes)

    @classmethod
    def restored(cls, kept: picture_file.KeptPicture) -> Self | None:
        """Return a picture that was kept; None where this version cannot use it."""
        vectors = VectorSidecar.restored(kept.codes)
        if vectors is None or set(kept.arrays) != set(_KEPT_ARRAYS):
            return None
        owner_codes = {owner: code for code, owner in enumerate(kept.owners, 1)}
        return cls(sequence=kept.sequence, owner_codes=owner_codes, vectors=vectors, **kept.arrays)

    def slots_of(self, passage_ids: Indices) -> Integers:
        """Return the slots of passages by row id, in their order; 0 for those that were deleted."""
        slots: Integers = np.take(self.slots, passage_ids)
        return slots


def _allowed(acls: FrozenBitMap, acl_ids: Integers) -> Mask:
    """Return which of the ids are in the set; the hidden one never is."""
    numbers = np.asarray(acls.to_array(), np.int64)
    highest = int(acl_ids.max(initial=0))
    if highest > _TABLE_LIMIT:
        held: Mask = np.isin(acl_ids, numbers)
        held[acl_ids == HIDDEN_ACL] = False
        return held
    table = np.zeros(highest + 1, np.bool_)
    table[numbers[numbers <= highest]] = True
    table[HIDDEN_ACL] = False
    allowed: Mask = np.take(table, acl_ids)
    return allowed


def load(connection: Any, dimensions: int, *, sequence: int) -> Catalogue:
    """Read everything that the picture needs, in pieces."""
    vectors = _trained_sidecar(connection, dimensions)
    vectors.add(np.zeros((1, dimensions), np.float32))  # slot 0
    highest = int(connection.execute("SELECT coalesce(max(id), 0) FROM document").fetchone()[0])
    empty = Catalogue(
        sequence=sequence,
        acl_ids=np.zeros(highest + 1, np.int64),
        owners=np.zeros(highest + 1, np.int64),
        content_keys=np.zeros(highest + 1, np.int64),
        owner_codes={},
        heading_documents=np.zeros(1, np.int64),
        title_terms=np.zeros(1, np.int32),
        attribute_terms=np.zeros(1, np.int32),
        passage_ids=np.zeros(1, np.int64),
        passage_documents=np.zeros(1, np.int64),
        passage_terms=np.zeros(1, np.int32),
        has_vector=np.zeros(1, np.bool_),
        slots=np.zeros(1, np.int64),
        vectors=vectors,
    )
    cursor = connection.execute("SELECT id, acl_id, owner, content_key FROM document")
    while rows := list(islice(cursor, _ROWS_AT_ONCE)):
        empty = _with_documents(empty, rows)
    return _with_new_passages(connection, _with_headings(connection, empty, _HEADINGS))


def _trained_sidecar(connection: Any, dimensions: int) -> VectorSidecar:
    """Return an empty sidecar; its centre is that of vectors from all over the file where there are many."""
    sidecar = VectorSidecar(dimensions, exact_limit=EXACT_LIMIT)
    total = int(connection.execute("SELECT count(*) FROM embedding").fetchone()[0])
    if total > EXACT_LIMIT:
        step = total // _TRAINING_SAMPLE + 1
        rows = connection.execute("SELECT vector FROM embedding WHERE passage_id % ? = 0", (step,)).fetchall()
        sidecar.train(vectors_from_blobs([row[0] for row in rows], dimensions), expected=total)
    return sidecar


def follow(connection: Any, latest: Catalogue, *, sequence: int) -> Catalogue | None:
    """Return the picture at a later change: the changed documents anew, all else as it was.

    None where the log does not reach back to `latest`.
    """
    changed = changed_since(connection, latest.sequence)
    return None if changed is None else _with_changes(connection, latest, changed, sequence=sequence)


def _with_changes(connection: Any, latest: Catalogue, changed: Changed, *, sequence: int) -> Catalogue:
    written = changed.as_parameter()
    rows = connection.execute(
        "SELECT id, acl_id, owner, content_key FROM document WHERE id IN (SELECT value FROM carray(?))", (written,)
    ).fetchall()
    withdrawn = replace(
        latest,
        sequence=sequence,
        acl_ids=latest.acl_ids.copy(),
        owners=latest.owners.copy(),
        content_keys=latest.content_keys.copy(),
        _title_order=[],
        vocabulary=KnownTerms(),
    )
    withdrawn.acl_ids[changed.documents[changed.documents < latest.acl_ids.size]] = HIDDEN_ACL
    described = _with_documents(withdrawn, rows)
    kept = _with_kept_passages(connection, _with_kept_headings(connection, described, changed), changed)
    return _with_new_passages(connection, kept)


def _with_documents(catalogue: Catalogue, rows: list[tuple[int, int, str | None, int]]) -> Catalogue:
    """Enter the permissions of documents; the catalogue's own arrays must not be shared yet."""
    if not rows:
        return catalogue
    ids, acl_ids, owners, content_keys = zip(*rows, strict=True)
    size = max(ids) + 1
    entered = replace(
        catalogue,
        acl_ids=_grown(catalogue.acl_ids, size),
        owners=_grown(catalogue.owners, size),
        content_keys=_grown(catalogue.content_keys, size),
    )
    codes = entered.owner_codes
    places = np.asarray(ids, np.int64)
    entered.acl_ids[places] = acl_ids
    entered.content_keys[places] = content_keys
    entered.owners[places] = [_NO_OWNER if each is None else codes.setdefault(each, len(codes) + 1) for each in owners]
    return entered


def _with_kept_headings(connection: Any, catalogue: Catalogue, changed: Changed) -> Catalogue:
    """Enter the headings of the changed documents instead of those that they had."""
    heading_documents = catalogue.heading_documents.copy()
    heading_documents[_is_changed(catalogue, changed)[heading_documents]] = 0
    return _with_headings(
        connection,
        replace(
            catalogue,
            heading_documents=heading_documents,
            title_terms=catalogue.title_terms.copy(),
            attribute_terms=catalogue.attribute_terms.copy(),
        ),
        _HEADINGS + " WHERE document_id IN (SELECT value FROM carray(?))",  # noqa: S608 - our columns
        changed.as_parameter(),
    )


def _with_headings(connection: Any, catalogue: Catalogue, select: str, *parameters: Any) -> Catalogue:
    """Enter headings; the catalogue's own arrays of them must not be shared yet."""
    columns: list[Any] = [catalogue.heading_documents, catalogue.title_terms, catalogue.attribute_terms]
    columns = [_grown(each, last_row(connection, Space.DOCUMENTS) + 1) for each in columns]
    cursor = connection.execute(select, parameters)
    while rows := list(islice(cursor, _ROWS_AT_ONCE)):
        ids, *values = np.asarray(rows, np.int64).T
        columns = [_grown(each, int(ids.max()) + 1) for each in columns]
        for column, value in zip(columns, values, strict=True):
            column[ids] = value
    heading_documents, title_terms, attribute_terms = columns
    return replace(
        catalogue, heading_documents=heading_documents, title_terms=title_terms, attribute_terms=attribute_terms
    )


def _with_kept_passages(connection: Any, catalogue: Catalogue, changed: Changed) -> Catalogue:
    """Bury the passages that the changed documents no longer have."""
    passage_documents = catalogue.passage_documents.copy()
    passage_documents[_is_changed(catalogue, changed)[passage_documents]] = 0
    rows = connection.execute(
        "SELECT id, document_id FROM passage WHERE document_id IN (SELECT value FROM carray(?)) AND id <= ?",
        (changed.as_parameter(), _last_passage(catalogue)),
    ).fetchall()
    if rows:
        ids, documents = np.asarray(rows, np.int64).T
        passage_documents[catalogue.slots_of(ids)] = documents
        passage_documents[0] = 0  # whatever a damaged file may say
    return replace(catalogue, passage_documents=passage_documents)


def _is_changed(catalogue: Catalogue, changed: Changed) -> Mask:
    is_changed = np.zeros(max(catalogue.acl_ids.size, int(changed.documents.max(initial=0)) + 1), np.bool_)
    is_changed[changed.documents] = True
    return is_changed


def _with_new_passages(connection: Any, catalogue: Catalogue) -> Catalogue:
    """Append every passage behind the last known one; ids only ever grow."""
    ids, documents, terms = [catalogue.passage_ids], [catalogue.passage_documents], [catalogue.passage_terms]
    embedded = [catalogue.has_vector]
    last = _last_passage(catalogue)
    while True:
        rows = connection.execute(
            "SELECT p.id, p.document_id, p.body_terms, e.vector FROM passage p"
            " LEFT JOIN embedding e ON e.passage_id = p.id"
            " WHERE p.id > ? ORDER BY p.id LIMIT ?",
            (last, _ROWS_AT_ONCE),
        ).fetchall()
        if not rows:
            break
        last = rows[-1][0]
        new_ids, new_documents, new_terms, blobs = zip(*rows, strict=True)
        ids.append(np.asarray(new_ids, np.int64))
        documents.append(np.asarray(new_documents, np.int64))
        terms.append(np.asarray(new_terms, np.int32))
        embedded.append(np.asarray([blob is not None for blob in blobs], np.bool_))
        catalogue.vectors.add(vectors_from_blobs(blobs, catalogue.vectors.dimensions))
    passage_ids = np.concatenate(ids)
    return replace(
        catalogue,
        passage_ids=passage_ids,
        passage_documents=np.concatenate(documents),
        passage_terms=np.concatenate(terms),
        has_vector=np.concatenate(embedded),
        slots=_with_slots(connection, catalogue.slots, passage_ids, first=catalogue.passage_ids.size),
    )


def _with_slots(connection: Any, slots: Integers, passage_ids: Integers, *, first: int) -> Integers:
    """Return the table of slots with those from `first` on; the text index may name deleted rows behind the last."""
    entered = _grown(slots, max(int(passage_ids[-1]), last_row(connection, Space.PASSAGES)) + 1)
    entered[passage_ids[first:]] = np.arange(first, passage_ids.size)
    return entered


def _last_passage(catalogue: Catalogue) -> int:
    return int(catalogue.passage_ids[-1])


def _grown(values: npt.NDArray[Number], size: int) -> npt.NDArray[Number]:
    """Return the values with zeros appended where they are fewer than `size`."""
    if values.size >= size:
        return values
    grown = np.zeros(size, values.dtype)
    grown[: values.size] = values
    return grown
