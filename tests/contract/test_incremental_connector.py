"""The contract of `vocabulary.ports.IncrementalConnector`, for every kind of source that keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from connector_sources import NAME, PAGE_SIZE, SOURCES, SourceUnderTest

from connectors.registry import SourceConnector
from tests.fakes.known_documents import Known
from vocabulary.documents import AccessRead, AclRead, Change, Checkpoint, Document, DocumentId, Removed, Skipped, Upsert
from vocabulary.errors import CheckpointInvalid, RunAborted
from vocabulary.ports import IncrementalConnector


@pytest.fixture(params=sorted(name for name in SOURCES if name != "filesystem"))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceUnderTest]:
    with SOURCES[request.param](tmp_path) as furnished:
        yield furnished


def incremental(connector: SourceConnector) -> IncrementalConnector:
    assert isinstance(connector, IncrementalConnector)
    return connector


async def crawled(source: SourceUnderTest) -> tuple[list[Change], Checkpoint]:
    """Everything, and the mark that was set before it was read."""
    async with source.connector() as connector:
        mark = await incremental(connector).mark()
        return [change async for change in connector.crawl(None)], mark


async def changes(source: SourceUnderTest, checkpoint: Checkpoint, known: Known) -> list[Change]:
    async with source.connector() as connector:
        return [change async for change in incremental(connector).changes(checkpoint, known)]


async def permissions(connector: SourceConnector, checkpoint: Checkpoint | None = None) -> list[Change]:
    async with connector:
        return [change async for change in incremental(connector).permissions(checkpoint)]


async def revisited(source: SourceUnderTest, *native_ids: str) -> list[Change]:
    async with source.connector() as connector:
        ids = [DocumentId(NAME, native_id) for native_id in native_ids]
        return [change async for change in incremental(connector).revisit(ids)]


def documents(changes: Sequence[Change]) -> dict[str, Document]:
    return {change.document.id.native_id: change.document for change in changes if isinstance(change, Upsert)}


def removed(changes: Sequence[Change]) -> set[str]:
    return {change.document_id.native_id for change in changes if isinstance(change, Removed)}


def accesses(changes: Sequence[Change]) -> dict[str, AccessRead]:
    return {change.document_id.native_id: change for change in changes if isinstance(change, AccessRead)}


async def test_changes_behind_a_mark_bring_what_was_written_and_what_went(source: SourceUnderTest) -> None:
    before, mark = await crawled(source)
    written, gone = sorted(set(source.documents) - {source.large})[:2]
    source.write(written, b"!" * len(source.documents[written]))
    source.delete(gone)
    found = await changes(source, mark, Known(list(documents(before).values())))
    assert written in documents(found)
    assert removed(found) == {gone}
    assert set(documents(found)) <= set(source.documents) - {gone}
    assert documents(found)[written].content_version != documents(before)[written].content_version


async def test_the_last_checkpoint_of_changes_is_the_place_for_the_next_time(source: SourceUnderTest) -> None:
    before, mark = await crawled(source)
    known = Known(list(documents(before).values()))
    first = await changes(source, mark, known)
    assert isinstance(first[-1], Checkpoint)
    source.write(source.empty, b"no more")
    assert source.empty in documents(await changes(source, first[-1], known))


async def test_a_place_of_another_scope_is_no_place_for_changes(source: SourceUnderTest) -> None:
    async with source.connector_of_another_scope() as connector:
        mark = await incremental(connector).mark()
    with pytest.raises(CheckpointInvalid):
        await changes(source, mark, Known([]))


async def test_permissions_tell_of_each_document_what_a_crawl_tells(source: SourceUnderTest) -> None:
    before, _ = await crawled(source)
    found = accesses(await permissions(source.connector()))
    assert found.keys() == documents(before).keys()
    for native_id, document in documents(before).items():
        assert (found[native_id].acl, found[native_id].owner) == (document.acl, document.owner)


async def test_lists_that_many_documents_share_come_before_any_document(source: SourceUnderTest) -> None:
    found = await permissions(source.connector())
    first_document = next(place for place, change in enumerate(found) if isinstance(change, AccessRead))
    early = {change.acl for change in found[:first_document] if isinstance(change, AclRead)}
    shared = {access.acl for access in accesses(found).values() if access.acl and access.acl.key.startswith("node:")}
    assert shared <= early


async def test_every_checkpoint_of_permissions_resumes_with_at_least_all_that_followed_it(
    source: SourceUnderTest,
) -> None:
    found = await permissions(source.connector())
    places = [place for place, change in enumerate(found) if isinstance(change, Checkpoint)]
    for place in places[::3]:
        checkpoint = found[place]
        assert isinstance(checkpoint, Checkpoint)
        again = accesses(await permissions(source.connector(), checkpoint))
        assert again.keys() >= accesses(found[place:]).keys()


async def test_a_checkpoint_follows_at_least_every_page_of_permissions(source: SourceUnderTest) -> None:
    since_the_last = 0
    for change in await permissions(source.connector()):
        since_the_last = 0 if isinstance(change, Checkpoint) else since_the_last + isinstance(change, AccessRead)
        assert since_the_last <= PAGE_SIZE


async def test_permissions_of_a_missing_scope_are_an_error_and_never_none(source: SourceUnderTest) -> None:
    with pytest.raises(RunAborted):
        await permissions(source.connector_of_a_missing_scope())


async def test_a_revisited_document_is_there_as_in_a_crawl_or_skipped_or_gone(source: SourceUnderTest) -> None:
    before, _ = await crawled(source)
    kept, gone = sorted(set(source.documents) - source.hidden)[:2]
    skipped = sorted(source.skipped)[0]
    source.delete(gone)
    found = await revisited(source, kept, gone, skipped)
    assert documents(found) == {kept: documents(before)[kept]}
    assert removed(found) == {gone}
    assert [each.document_id.native_id for each in found if isinstance(each, Skipped)] == [skipped]
