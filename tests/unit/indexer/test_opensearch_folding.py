"""A batch folded to one change for each document means what its operations mean one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from indexer.backends.memory.rows import Rows, Stored
from indexer.backends.opensearch.folding import Change, Hidden, Readmitted, Redescribed, Removed, Replaced, folded
from indexer.search.toxicity import texts_sha256
from tests.fakes.documents import description, document
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import DocumentId, Toxicity
from vocabulary.indexing import (
    Delete,
    Describe,
    Description,
    Hide,
    IndexOperation,
    Put,
    Readmit,
    Rescore,
    Scoring,
)


def _rescore(name: str, text: str) -> Rescore:
    """New scores of a document whose one passage has this text."""
    return Rescore(DocumentId("wiki", name), texts_sha256([text]), (Toxicity(0.5),), Scoring(f"of {text}", ("slur",)))


NAMES = st.sampled_from("ab")
ACLS = st.integers(1, 3)
OWNERS = st.sampled_from([None, Principal.user("wiki", "me")])
OPERATIONS = st.one_of(
    st.builds(lambda name, acl, owner, text: document(name, text, acl=acl, owner=owner), NAMES, ACLS, OWNERS, NAMES),
    st.builds(
        lambda name, title, acl, owner: Describe(description(name, title=title, acl=acl, owner=owner)),
        NAMES,
        NAMES,
        ACLS,
        OWNERS,
    ),
    st.builds(lambda name, acl, owner: Readmit(DocumentId("wiki", name), AclId(acl), owner), NAMES, ACLS, OWNERS),
    st.builds(_rescore, NAMES, NAMES),
    st.builds(lambda name: Hide(DocumentId("wiki", name)), NAMES),
    st.builds(lambda name: Delete(DocumentId("wiki", name)), NAMES),
)
BATCHES = st.lists(OPERATIONS, max_size=8)


@given(BATCHES, BATCHES)
def test_a_folded_batch_ends_as_its_operations_do(
    before: Sequence[IndexOperation], batch: list[IndexOperation]
) -> None:
    one_by_one, at_once = Rows(), Rows()
    for rows in (one_by_one, at_once):
        rows.apply(before, fence=None)
    refused = one_by_one.apply(batch, fence=None)
    held = at_once.documents
    not_done = {
        change.document_id
        for change in folded(batch)
        if change.is_missing
        or change.is_changed
        or (change.needs_stored and change.document_id not in held)
        or len(_fitting(held.get(change.document_id), change)) < len(change.rescores)
    }
    endings = {change.document_id: _ending(at_once, change) for change in folded(batch)}
    for document_id, ending in endings.items():
        stored = one_by_one.documents.get(document_id)
        assert (None if stored is None else (stored.description, _texts(stored.passages), stored.scoring)) == ending
    assert refused.keys() == not_done  # of two reasons either may be told


def _fitting(found: Stored | None, change: Change) -> list[Rescore]:
    """The scores that are of the texts that were stored before the batch."""
    texts = None if found is None else texts_sha256(_texts(found.passages))
    return [each for each in change.rescores if each.texts_sha256 == texts]


def _ending(rows: Rows, change: Change) -> tuple[Description, list[str], Scoring] | None:
    found = rows.documents.get(change.document_id)
    match change.ending:
        case Replaced(put):
            return put.description, _texts(put.passages), put.scoring
        case Removed():
            return None
    if found is None:
        return None
    scorings = [found.scoring, *(each.scoring for each in _fitting(found, change))]
    return _described_at_last(found, change), _texts(found.passages), scorings[-1]


def _described_at_last(found: Stored, change: Change) -> Description:
    match change.ending:
        case Redescribed(described):
            return described
        case Readmitted(acl_id, owner):
            return replace(found.description, acl_id=acl_id, owner=owner)
        case Hidden():
            return replace(found.description, acl_id=HIDDEN_ACL)
    assert change.rescores, "a batch that does nothing"
    return found.description


def _texts(passages: Sequence[object]) -> list[str]:
    return [each.passage.text for each in passages]  # type: ignore[attr-defined]


def test_a_document_is_written_once_however_often_a_batch_names_it() -> None:
    a = DocumentId("wiki", "a")
    batch: list[IndexOperation] = [document("a", "one"), Hide(a), Delete(a), document("a", "two"), document("b")]
    assert [change.document_id.native_id for change in folded(batch)] == ["a", "b"]
    assert isinstance(batch[3], Put)
    assert folded(batch)[0].ending == Replaced(batch[3])
