"""The contract of `vocabulary.ports.Connector` and `IdentitySource`, for every kind of source in the registry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from connector_sources import LARGE, NAME, PAGE_SIZE, SOURCES, SourceUnderTest

from connectors.registry import CONNECTORS, SourceConnector
from vocabulary.access import Membership, Person, PrincipalKind
from vocabulary.documents import Change, Checkpoint, Document, DocumentId, DocumentState, Skipped, Upsert
from vocabulary.errors import (
    CheckpointInvalid,
    ConfigurationError,
    ContentGone,
    RetryableError,
    RunAborted,
    SourceUnavailable,
)
from vocabulary.ports import IncrementalConnector, SyncMode


@pytest.fixture(params=sorted(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceUnderTest]:
    with SOURCES[request.param](tmp_path) as furnished:
        yield furnished


async def crawl(connector: SourceConnector, checkpoint: Checkpoint | None = None) -> list[Change]:
    async with connector:
        return [change async for change in connector.crawl(checkpoint)]


def documents(changes: list[Change]) -> dict[str, Document]:
    return {change.document.id.native_id: change.document for change in changes if isinstance(change, Upsert)}


def skips(changes: list[Change]) -> dict[str, Skipped]:
    return {change.document_id.native_id: change for change in changes if isinstance(change, Skipped)}


async def read(connector: SourceConnector, native_id: str) -> list[bytes]:
    async with connector, connector.open_content(DocumentId(NAME, native_id)) as pieces:
        return [piece async for piece in pieces]


def test_every_registered_kind_of_source_is_in_this_suite() -> None:
    assert set(SOURCES) == set(CONNECTORS)


def test_a_kind_of_source_says_which_modes_its_connectors_know(source: SourceUnderTest, request: Any) -> None:
    kind = CONNECTORS[request.node.callspec.params["source"]]
    incremental = {SyncMode.CHANGES, SyncMode.PERMISSIONS}
    assert (kind.modes >= incremental) == isinstance(source.connector(), IncrementalConnector)
    assert kind.modes - incremental == {SyncMode.FULL, SyncMode.IDENTITIES, SyncMode.RESCORE, SyncMode.AUDIT}


async def test_a_crawl_yields_every_document_in_scope_and_no_other(source: SourceUnderTest) -> None:
    changes = await crawl(source.connector())
    assert set(documents(changes)) == set(source.documents)
    assert set(skips(changes)) == source.skipped


async def test_a_document_that_is_met_and_not_delivered_says_why(source: SourceUnderTest) -> None:
    for skipped in skips(await crawl(source.connector())).values():
        assert skipped.state in {DocumentState.FILTERED, DocumentState.FAILED}
        assert skipped.reason


async def test_a_checkpoint_follows_at_least_every_page(source: SourceUnderTest) -> None:
    since_the_last = 0
    for change in await crawl(source.connector()):
        since_the_last = 0 if isinstance(change, Checkpoint) else since_the_last + 1
        assert since_the_last <= PAGE_SIZE
    assert since_the_last == 0


async def test_what_a_complete_crawl_does_not_yield_is_gone(source: SourceUnderTest) -> None:
    gone = sorted(source.documents)[::3]
    for native_id in gone:
        source.delete(native_id)
    assert set(documents(await crawl(source.connector()))) == set(source.documents) - set(gone)


async def test_every_checkpoint_resumes_with_at_least_all_that_followed_it(source: SourceUnderTest) -> None:
    changes = await crawl(source.connector())
    positions = [index for index, change in enumerate(changes) if isinstance(change, Checkpoint)]
    assert len(positions) > 5
    for index in positions:
        rest = changes[index + 1 :]
        resumed = await crawl(source.connector(), changes[index])  # type: ignore[arg-type]
        assert documents(resumed).keys() >= documents(rest).keys()
        assert skips(resumed).keys() >= skips(rest).keys()


async def test_a_resumed_crawl_gives_the_same_documents_as_an_uninterrupted_one(source: SourceUnderTest) -> None:
    changes = await crawl(source.connector())
    whole = documents(changes)
    for checkpoint in [change for change in changes if isinstance(change, Checkpoint)][::3]:
        for native_id, document in documents(await crawl(source.connector(), checkpoint)).items():
            assert document == whole[native_id]


async def test_a_crawl_from_the_middle_is_shorter_than_a_whole_one(source: SourceUnderTest) -> None:
    changes = await crawl(source.connector())
    checkpoints = [change for change in changes if isinstance(change, Checkpoint)]
    assert len(await crawl(source.connector(), checkpoints[len(checkpoints) // 2])) < len(changes)


async def test_a_checkpoint_survives_being_written_down_and_read_by_another_connector(source: SourceUnderTest) -> None:
    changes = await crawl(source.connector())
    first = next(change for change in changes if isinstance(change, Checkpoint))
    text = first.position.encode().decode()
    assert documents(await crawl(source.connector(), Checkpoint(text)))


async def test_the_content_version_stays_while_the_bytes_stay(source: SourceUnderTest) -> None:
    first, second = documents(await crawl(source.connector())), documents(await crawl(source.connector()))
    assert {key: one.content_version for key, one in first.items()} == {
        key: one.content_version for key, one in second.items()
    }


async def test_the_content_version_changes_with_bytes_of_the_same_length(source: SourceUnderTest) -> None:
    changed = next(key for key, content in source.documents.items() if content == b"text 1")
    first = documents(await crawl(source.connector()))
    source.write(changed, b"TEXT 1")
    second = documents(await crawl(source.connector()))
    differing = {key for key in first if first[key].content_version != second[key].content_version}
    assert differing == {changed}


async def test_documents_carry_what_people_search_and_filter_by(source: SourceUnderTest) -> None:
    for native_id, document in documents(await crawl(source.connector())).items():
        content = source.documents[native_id]
        assert document.id == DocumentId(NAME, native_id)
        assert document.title and document.uri and document.path.startswith("/")
        assert document.size_bytes == document.attributes["size_bytes"] == len(content)
        assert document.modified_at is not None and document.modified_at.utcoffset() == timedelta()
        assert document.attributes["mime_type"] == document.mime_type
        assert {"type", "modified_at", "path"} <= document.attributes.keys()


async def test_permissions_that_cannot_be_read_are_none_and_all_others_are_lists(source: SourceUnderTest) -> None:
    found = documents(await crawl(source.connector()))
    assert source.hidden
    assert {native_id for native_id, document in found.items() if document.acl is None} == source.hidden


async def test_lists_name_principals_of_this_source_only(source: SourceUnderTest) -> None:
    lists = [one.acl for one in documents(await crawl(source.connector())).values() if one.acl is not None]
    assert {principal.scope for acl in lists for principal in acl.allow | acl.deny} == {NAME}


async def test_equal_keys_mean_equal_lists(source: SourceUnderTest) -> None:
    lists = [one.acl for one in documents(await crawl(source.connector())).values() if one.acl is not None]
    assert len({acl.key for acl in lists}) == len(set(lists))


async def test_nothing_is_retried_and_a_missing_scope_is_an_error_not_an_empty_crawl(source: SourceUnderTest) -> None:
    with pytest.raises((RetryableError, RunAborted, ConfigurationError)):
        await crawl(source.connector_of_a_missing_scope())


async def test_a_position_of_another_scope_is_refused(source: SourceUnderTest) -> None:
    changes = await crawl(source.connector())
    checkpoint = next(change for change in changes if isinstance(change, Checkpoint))
    with pytest.raises(CheckpointInvalid):
        await crawl(source.connector_of_another_scope(), checkpoint)


@pytest.mark.parametrize("position", ["", "{}", "null", "[1]", "not json", '{"scope": "x", "after": "zz"}', "\x00"])
async def test_a_damaged_position_is_refused(source: SourceUnderTest, position: str) -> None:
    with pytest.raises(CheckpointInvalid):
        await crawl(source.connector(), Checkpoint(position))


async def test_content_arrives_whole_in_pieces_of_at_most_one_mebibyte(source: SourceUnderTest) -> None:
    pieces = await read(source.connector(), source.large)
    assert b"".join(pieces) == LARGE
    assert max(map(len, pieces)) <= 2**20


async def test_every_document_that_has_a_version_can_be_read(source: SourceUnderTest) -> None:
    async with source.connector() as connector:
        for native_id, content in source.documents.items():
            async with connector.open_content(DocumentId(NAME, native_id)) as pieces:
                assert b"".join([piece async for piece in pieces]) == content


async def test_empty_content_is_no_error(source: SourceUnderTest) -> None:
    assert b"".join(await read(source.connector(), source.empty)) == b""


@pytest.mark.parametrize("native_id", ["no such document", "../elsewhere.txt", "/etc/passwd", "a/../../elsewhere.txt"])
async def test_a_document_that_does_not_exist_has_no_content(source: SourceUnderTest, native_id: str) -> None:
    with pytest.raises(ContentGone):
        await read(source.connector(), native_id)


async def test_a_deleted_document_has_no_content_any_more(source: SourceUnderTest) -> None:
    source.delete(source.large)
    with pytest.raises(ContentGone):
        await read(source.connector(), source.large)


async def test_entering_the_content_already_tells_that_there_is_none(source: SourceUnderTest) -> None:
    async with source.connector() as connector:
        with pytest.raises(ContentGone):
            await connector.open_content(DocumentId(NAME, "no such document")).__aenter__()


async def test_a_transfer_that_breaks_off_is_an_error_and_never_a_shorter_stream(source: SourceUnderTest) -> None:
    async with source.broken_transfer() as transfer:
        with pytest.raises(SourceUnavailable):
            async with transfer.connector.open_content(transfer.document_id) as pieces:
                async for _ in pieces:
                    transfer.interrupt()


async def test_content_may_be_left_half_read(source: SourceUnderTest) -> None:
    async with source.connector() as connector:
        for _ in range(3):
            async with connector.open_content(DocumentId(NAME, source.large)) as pieces:
                await anext(pieces)
        async with connector.open_content(DocumentId(NAME, source.large)) as pieces:
            assert b"".join([piece async for piece in pieces]) == LARGE


async def test_a_sound_source_passes_its_checks(source: SourceUnderTest) -> None:
    async with source.connector() as connector:
        results = await connector.check()
    assert results and all(result.passed for result in results)
    assert all(result.subject and result.message for result in results)


async def test_a_failed_check_is_a_result_that_names_the_fault(source: SourceUnderTest) -> None:
    async with source.connector_of_a_missing_scope() as connector:
        failed = [result for result in await connector.check() if not result.passed]
    assert len(failed) == 1
    assert "no" in failed[0].message


async def test_every_person_is_listed_once(source: SourceUnderTest) -> None:
    async with source.connector() as connector:
        people = [one async for one in connector.identities() if isinstance(one, Person)]
    assert sorted(person.username for person in people) == sorted(source.people)
    assert {person.principal.id for person in people} == source.people
    assert {person.email for person in people if person.username == "alice"} == {"alice@example.com"}
    assert {person.email for person in people if person.username == "crawler"} <= {None}


async def test_every_direct_membership_is_listed_once(source: SourceUnderTest) -> None:
    async with source.connector() as connector:
        found = [one async for one in connector.identities() if isinstance(one, Membership)]
    assert sorted((one.group.id, one.member.id) for one in found) == sorted(source.memberships)
    assert {one.group.kind for one in found} == {PrincipalKind.GROUP}
    assert {one.member.kind for one in found if one.member.id in source.people} == {PrincipalKind.USER}
    assert {one.member.kind for one in found if one.member.id not in source.people} == {PrincipalKind.GROUP}
