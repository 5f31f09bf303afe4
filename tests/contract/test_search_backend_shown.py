"""The contract of `SearchBackend`: one document shown to a reader, and nothing to who may not know of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyroaring import FrozenBitMap

from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS, NUMBERING, description, document, passage, reader
from vocabulary.access import HIDDEN_ACL, AccessFilter, Principal
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import NumberingMismatch
from vocabulary.indexing import Delete, Hide, Put, Readmit
from vocabulary.ports import SearchBackend
from vocabulary.shown_document import ShownDocument

ME, YOU = Principal.user("wiki", "me"), Principal.user("wiki", "you")
MINE = reader(1, if_owner=[2], owners=[ME])
PLAN = DocumentId("wiki", "plan")
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_a_document_is_shown_as_it_was_put(index: SearchBackend) -> None:
    comment = passage("where is it?", ordinal=2, kind=PassageKind.COMMENT, comment_id="c1")
    comment = replace(comment, passage=replace(comment.passage, author="Ann", written_at=AT))
    passages = (passage("first", page=3, heading="Start", toxicity=0.25), passage("second", ordinal=1), comment)
    described = description("plan", title="The plan", attributes={"type": "pdf", "n": (1, 2.5), "at": AT})
    await index.apply([Put(described, passages), document("other", "second")])
    assert await index.show(PLAN, MINE) == ShownDocument(
        document_id=PLAN,
        title="The plan",
        uri="https://wiki.example/plan",
        attributes=described.attributes,
        toxicity_0_1=0.25,
        passages=tuple(each.passage for each in passages),
        toxicity=tuple(each.toxicity for each in passages),
    )


async def test_a_document_without_passages_is_shown_by_what_it_says_of_itself(index: SearchBackend) -> None:
    await index.apply([document("plan")])
    shown = await index.show(PLAN, MINE)
    assert shown is not None
    assert (shown.title, shown.passages, shown.toxicity_0_1) == ("plan", (), 0.0)


async def test_a_document_that_the_filter_does_not_admit_is_shown_to_nobody(index: SearchBackend) -> None:
    await index.apply(
        [
            document("allowed", "budget"),
            document("mine", "budget", acl=2, owner=ME),
            document("yours", "budget", acl=2, owner=YOU),
            document("nobodys", "budget", acl=2),
            document("denied", "budget", acl=3, owner=ME),
            document("hidden", "budget", acl=HIDDEN_ACL, owner=ME),
            document("allowed", "budget", acl=3, source="vault"),
        ]
    )
    everything = AccessFilter(NUMBERING, FrozenBitMap([0, 1]), FrozenBitMap([0, 1, 2]), frozenset({str(ME)}))
    for access in (MINE, everything):
        names = ("allowed", "mine", "yours", "nobodys", "denied", "hidden", "missing", "allowed/x", "")
        shown = {name for name in names if await index.show(DocumentId("wiki", name), access)}
        assert shown == {"allowed", "mine"}
        assert await index.show(DocumentId("vault", "allowed"), access) is None


async def test_what_takes_a_document_away_is_obeyed_at_once(index: SearchBackend) -> None:
    for operation in (
        Hide(PLAN),
        Readmit(PLAN, acl_id=document("x", acl=3).description.acl_id, owner=None),
        Delete(PLAN),
    ):
        await index.apply([document("plan", "budget")])
        assert await index.show(PLAN, MINE) is not None
        await index.apply([operation])
        assert await index.show(PLAN, MINE) is None


async def test_hiding_all_hides_each(index: SearchBackend) -> None:
    await index.apply([document("plan", "budget")])
    await index.put_seal("restored", hide_all=True)
    assert await index.show(PLAN, MINE) is None


async def test_a_filter_of_another_numbering_is_refused_and_shows_nothing(index: SearchBackend) -> None:
    await index.apply([document("plan", "budget")])
    for document_id in (PLAN, DocumentId("wiki", "missing")):
        with pytest.raises(NumberingMismatch):
            await index.show(document_id, replace(MINE, numbering="another"))


async def test_an_index_that_was_never_tied_shows_nothing(empty_index: SearchBackend) -> None:
    await empty_index.apply([document("plan", "budget")])
    assert await empty_index.show(PLAN, MINE) is None


async def test_what_is_not_there_takes_the_statements_of_what_may_not_be_seen(tmp_path: Path) -> None:
    """Else the time would tell who is there. A cluster is sent one search, whatever is asked for."""
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([document("denied", "budget", acl=3), document("hidden", "budget", acl=HIDDEN_ACL)])
        statements = {name: await statements_of(index, name) for name in ("denied", "hidden", "missing")}
    assert statements["denied"] == statements["hidden"] == statements["missing"] != []


async def statements_of(index: EmbeddedBackend, name: str) -> list[str]:
    executed: list[str] = []

    def traced(_: Any, statement: str, __: Any) -> bool:
        executed.append(statement)
        return True

    for reading in list(index._connections._readers.queue):
        reading.exec_trace = traced
    assert await index.show(DocumentId("wiki", name), MINE) is None
    return executed
