from dataclasses import replace
from datetime import UTC, datetime

import pytest

from indexer.fingerprints import comments_sha256, description_sha256
from indexer.planning import Need, plan
from indexer.retrying import with_rejection
from indexer.state.ledger import LedgerRow
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Principal
from vocabulary.documents import Comment, Document, DocumentId, DocumentState

ACL_ID = AclId(7)
NOW = 1_800_000_000.0
COMMENT = Comment("c1", "Ann", "well said", datetime(2026, 5, 1, tzinfo=UTC))
DOCUMENT = Document(
    id=DocumentId("files", "a"),
    title="Plan",
    uri="https://files.example.com/a",
    path="/plans",
    mime_type="text/plain",
    content_version="1",
    size_bytes=4,
    modified_at=None,
    acl=Acl("node:root", allow=frozenset({Principal.everyone("files")})),
    attributes={"author": "Ann", "modified_at": datetime(2026, 5, 1, tzinfo=UTC), "aspects": ("cm:titled",)},
    comments=(COMMENT,),
)
ROW = LedgerRow(
    native_id="a",
    state=DocumentState.INDEXED,
    in_index=True,
    content_version="1",
    content_sha256="bytes",
    comments_sha256=comments_sha256(DOCUMENT),
    description_sha256=description_sha256(DOCUMENT),
    recipe="model/1",
    acl_id=int(ACL_ID),
)


def need(document: Document = DOCUMENT, row: LedgerRow | None = ROW, acl_id: AclId = ACL_ID) -> Need:
    return plan(document, acl_id, row, recipe="model/1", now=NOW).need


def test_nothing_when_nothing_changed() -> None:
    assert need() is Need.NOTHING


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Other"},
        {"uri": "https://files.example.com/b"},
        {"path": "/elsewhere"},
        {"attributes": {"author": "Bob"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_description_when_only_it_changed(change: dict[str, object]) -> None:
    assert need(replace(DOCUMENT, **change)) is Need.DESCRIPTION  # type: ignore[arg-type] # one field at a time


def test_only_the_access_when_the_document_moved_under_another_acl_or_owner() -> None:
    assert need(acl_id=AclId(8)) is Need.ACCESS
    assert need(replace(DOCUMENT, owner=Principal.user("files", "ann"))) is Need.ACCESS


def test_the_content_again_only_when_a_failed_document_is_due() -> None:
    failed = replace(ROW, state=DocumentState.FAILED, reason="timeout", failures=2)
    assert need(row=replace(failed, retry_at=NOW)) is Need.CONTENT
    assert need(row=replace(failed, retry_at=NOW + 1)) is Need.NOTHING
    assert need(row=replace(failed, retry_at=None)) is Need.NOTHING


def test_the_comments_when_one_was_edited_whatever_else_changed() -> None:
    edited = replace(DOCUMENT, title="Other", comments=(replace(COMMENT, text="badly said"),))
    assert need(edited) is Need.COMMENTS


@pytest.mark.parametrize(
    "row",
    [None, replace(ROW, in_index=False), replace(ROW, recipe="model/2"), replace(ROW, content_version=None)],
    ids=["new", "withdrawn", "other model", "not known"],
)
def test_the_content_when_the_index_does_not_surely_hold_it(row: LedgerRow | None) -> None:
    assert need(row=row) is Need.CONTENT


REJECTED = replace(ROW, in_index=False, state=DocumentState.FAILED, reason="rejected-by-index", failures=2)


def test_what_the_index_could_not_hold_waits_for_its_time() -> None:
    waiting = replace(REJECTED, retry_at=NOW + 1)
    assert need(row=waiting) is Need.NOTHING
    assert need(row=replace(waiting, retry_at=NOW)) is Need.CONTENT


@pytest.mark.parametrize(
    "changed",
    [
        replace(DOCUMENT, title="Shorter"),
        replace(DOCUMENT, content_version="2"),
        replace(DOCUMENT, comments=()),
        replace(DOCUMENT, owner=Principal.user("files", "ann")),
    ],
    ids=["description", "content", "comments", "owner"],
)
def test_what_the_index_could_not_hold_is_tried_at_once_when_any_part_of_it_changed(changed: Document) -> None:
    waiting = replace(REJECTED, retry_at=NOW + 1)
    assert need(changed, row=waiting) is Need.CONTENT
    assert need(row=waiting, acl_id=AclId(8)) is Need.CONTENT


def test_the_waits_for_what_the_index_cannot_hold_grow_and_never_end() -> None:
    row: LedgerRow | None = None
    waits: list[float] = []
    for _ in range(12):
        row = with_rejection(ROW, row, NOW)
        assert (row.in_index, row.state) == (False, DocumentState.FAILED)
        assert row.retry_at is not None
        waits.append(row.retry_at - NOW)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.0, 24 * 3600.0)
    mended = replace(ROW, content_version="2")
    assert with_rejection(mended, row, NOW).failures == 1


def test_the_content_when_its_version_changed_or_it_vanished() -> None:
    assert need(replace(DOCUMENT, content_version="2")) is Need.CONTENT
    assert need(replace(DOCUMENT, content_version=None)) is Need.CONTENT


def test_hiding_without_readable_permissions_even_if_nothing_else_changed() -> None:
    assert need(acl_id=HIDDEN_ACL) is Need.HIDING
