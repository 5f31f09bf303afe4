"""An audit finds nothing wrong with an index that is right, and each fault that is planted in one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from acl.tables import Effect, acl_entries
from connectors.alfresco.simulator.faults import kinds as faults
from indexer.state.audits import AuditHistory, Finding, FindingKind
from indexer.state.run_history import RunState
from indexer.state.tables import ledger
from service.audit.drawing import draw_questions
from service.audit.sampling import Sampling
from service.wiring import State
from tests.proof.audited_repository import AuditedRepository, audited_repository, kinds
from tests.proof.repository_bench import SOURCE
from vocabulary.access import AclId
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, Hide, Readmit
from vocabulary.ports import SyncMode
from vocabulary.statements import Verdict


@pytest.fixture
async def repository(tmp_path: Path) -> AsyncIterator[AuditedRepository]:
    async with audited_repository(tmp_path) as running:
        yield running


def of_kind(repository_findings: tuple[Finding, ...], kind: FindingKind) -> set[str]:
    return {each.question.document_id.native_id for each in repository_findings if each.kind is kind}


async def list_of(repository: AuditedRepository, native_id: str) -> AclId:
    (stored,) = await repository.bench.backend.look_up([DocumentId(SOURCE, native_id)])
    return stored.put.description.acl_id


def named(repository: AuditedRepository, name: str) -> str:
    """The id of one of the documents that every generated repository has."""
    (found,) = [node.id for node in repository.bench.world.nodes.values() if node.name == name]
    return found


def forget_entries(repository: AuditedRepository, acl_id: AclId, effect: Effect) -> None:
    """Lose entries of a stored list, as a careless hand in the database would."""
    lost = (acl_entries.c.acl_id == acl_id) & (acl_entries.c.effect == effect)
    with repository.bench.engine.begin() as connection:
        assert connection.execute(sa.delete(acl_entries).where(lost)).rowcount


@pytest.mark.parametrize(("nodes", "seed"), [(60, 2), pytest.param(2_000, 3, marks=pytest.mark.large)])
async def test_a_sound_index_has_no_mismatch(tmp_path: Path, nodes: int, seed: int) -> None:
    async with audited_repository(tmp_path, nodes=nodes, seed=seed) as repository:
        outcome = await repository.audit(5 * nodes)
    assert outcome.record is not None
    assert kinds(outcome.record) == {}
    assert outcome.run.state is RunState.SUCCEEDED
    assert outcome.record.counts.agreed == outcome.record.counts.asked > nodes


async def test_a_lost_denial_is_found_as_a_leak(repository: AuditedRepository) -> None:
    denied = named(repository, "denies here too.txt")
    forget_entries(repository, await list_of(repository, denied), Effect.DENY)
    record = await repository.record()
    assert denied in of_kind(record.findings, FindingKind.LEAK)
    assert set(kinds(record)) == {FindingKind.LEAK}


async def test_a_lost_allowance_is_found_as_a_loss(repository: AuditedRepository) -> None:
    cut_off = named(repository, "cut off.txt")
    forget_entries(repository, await list_of(repository, cut_off), Effect.ALLOW)
    outcome = await repository.audit(document=DocumentId(SOURCE, cut_off))
    assert outcome.record is not None
    assert of_kind(outcome.record.findings, FindingKind.LOSS) == {cut_off}
    assert set(kinds(outcome.record)) == {FindingKind.LOSS}
    assert outcome.run.state is RunState.INCOMPLETE


async def test_a_corrupted_list_is_found(repository: AuditedRepository) -> None:
    secret = named(repository, "owned by nobody.txt")
    acl_id = await list_of(repository, secret)
    everyone = f"everyone:{SOURCE}/"
    with repository.bench.engine.begin() as connection:
        connection.execute(sa.insert(acl_entries).values(acl_id=acl_id, effect=Effect.ALLOW, principal=everyone))
    outcome = await repository.audit()
    assert outcome.record is not None
    assert secret in of_kind(outcome.record.findings, FindingKind.LEAK)
    assert outcome.run.state is RunState.FAILED


async def test_a_document_under_another_list_is_found(repository: AuditedRepository) -> None:
    """The index alone is wrong: the ledger still knows better."""
    secret, menu = named(repository, "owned by nobody.txt"), named(repository, "empty.txt")
    open_list = await list_of(repository, menu)
    await repository.bench.backend.apply([Readmit(DocumentId(SOURCE, secret), open_list, None)])
    record = await repository.record(100, document=DocumentId(SOURCE, secret))
    assert of_kind(record.findings, FindingKind.LEAK) == {secret}


@pytest.mark.parametrize("operation", [Hide, Delete])
async def test_a_document_that_the_index_lost_is_found_as_a_loss(
    repository: AuditedRepository, operation: type[Hide] | type[Delete]
) -> None:
    shown = named(repository, "empty.txt")
    await repository.bench.backend.apply([operation(DocumentId(SOURCE, shown))])
    record = await repository.record(100, document=DocumentId(SOURCE, shown))
    assert of_kind(record.findings, FindingKind.LOSS) == {shown}


async def test_a_change_that_no_run_has_read_is_pending_and_gone_after_the_run(repository: AuditedRepository) -> None:
    bench, cut_off = repository.bench, named(repository, "cut off.txt")
    reader = next(
        user for user in bench.world.directory.people if bench.world.may_find(user, cut_off) and user != "admin"
    )
    bench.clock.pass_time()
    bench.world.set_permissions(cut_off, inherit=False, entries=[])
    asked = {"document": DocumentId(SOURCE, cut_off), "user": reader}
    record = await repository.record(1, **asked)
    assert kinds(record) == {FindingKind.PENDING: 1}
    assert record.findings[0].shown
    assert record.findings[0].statement.verdict is Verdict.DENIED
    await bench.sync(SyncMode.PERMISSIONS)
    again = await repository.record(1, document=DocumentId(SOURCE, named(repository, "empty.txt")), user=reader)
    assert again.counts.asked == 2, "what was pending is asked again"
    assert kinds(again) == {}


async def test_what_is_pending_still_after_a_complete_run_is_a_leak(repository: AuditedRepository) -> None:
    bench, cut_off = repository.bench, named(repository, "cut off.txt")
    reader = next(
        user for user in bench.world.directory.people if bench.world.may_find(user, cut_off) and user != "admin"
    )
    asked = {"document": DocumentId(SOURCE, cut_off), "user": reader}
    bench.world.set_permissions(cut_off, inherit=False, entries=[])
    first = await repository.record(1, **asked)
    assert kinds(first) == {FindingKind.PENDING: 1}
    await bench.sync(SyncMode.PERMISSIONS)
    acl_id = await list_of(repository, cut_off)
    with bench.engine.begin() as connection:  # a run that should have brought it, and did not
        connection.execute(
            sa.insert(acl_entries).values(acl_id=acl_id, effect=Effect.ALLOW, principal=f"user:{SOURCE}/{reader}")
        )
    repository.state = State.over(bench.engine)  # as another process would see it
    assert kinds(await repository.record(1, **asked)) == {FindingKind.LEAK: 1}


async def test_a_membership_that_ended_is_pending_until_people_are_read(repository: AuditedRepository) -> None:
    bench, cut_off = repository.bench, named(repository, "cut off.txt")
    member = next(iter(bench.world.directory.groups["GROUP_night"].members))
    bench.world.leave_group(member, "GROUP_night")
    asked = {"document": DocumentId(SOURCE, cut_off), "user": member}
    assert kinds(await repository.record(1, **asked)) == {FindingKind.PENDING: 1}
    await bench.refresh_identities()
    assert kinds(await repository.record(1, **asked)) == {}


async def test_a_document_that_is_gone_is_pending(repository: AuditedRepository) -> None:
    shown = named(repository, "empty.txt")
    repository.bench.world.delete(shown)
    record = await repository.record(20, document=DocumentId(SOURCE, shown))
    assert set(kinds(record)) == {FindingKind.PENDING}
    assert {finding.statement.verdict for finding in record.findings} == {Verdict.GONE}


async def test_a_source_that_is_away_is_no_success(repository: AuditedRepository) -> None:
    repository.bench.world.faults.add(faults.fail(503))
    outcome = await repository.audit()
    assert outcome.record is None
    assert outcome.run.state is RunState.FAILED
    assert "does not answer" in outcome.run.message


async def test_a_source_that_answers_some_questions_leaves_the_audit_incomplete(repository: AuditedRepository) -> None:
    silent = named(repository, "cut off.txt")
    repository.bench.world.faults.add(faults.fail(500), path=f"/nodes/{silent}$")
    outcome = await repository.audit()
    assert outcome.record is not None
    assert of_kind(outcome.record.findings, FindingKind.UNKNOWN) == {silent}
    assert outcome.run.state is RunState.INCOMPLETE


async def test_an_index_without_documents_gives_nothing_to_ask_and_no_success(repository: AuditedRepository) -> None:
    with repository.bench.engine.begin() as connection:
        connection.execute(sa.delete(ledger))
    outcome = await repository.audit()
    assert (outcome.record, outcome.run.state) == (None, RunState.FAILED)
    assert "nothing to ask" in outcome.run.message


async def test_the_seed_repeats_the_questions(repository: AuditedRepository) -> None:
    first, again, other = [
        await draw_questions(repository.settings, repository.state, SOURCE, Sampling(100, seed)) for seed in (1, 1, 2)
    ]
    assert first == again
    assert set(first.asked) != set(other.asked)


async def test_history_keeps_what_was_found(repository: AuditedRepository) -> None:
    denied = named(repository, "denies here too.txt")
    forget_entries(repository, await list_of(repository, denied), Effect.DENY)
    outcome = await repository.audit()
    history = AuditHistory(repository.bench.engine)
    assert outcome.record is not None
    kept = await history.show(outcome.run.id)
    assert set(kept.findings) == set(outcome.record.findings)
    assert kept.counts == outcome.record.counts
    assert await history.last(SOURCE) == kept
    (run, *_) = await repository.bench.runs.recent(SOURCE, mode=SyncMode.AUDIT)
    assert run.id == outcome.run.id


async def test_a_sync_that_begins_does_not_end_an_audit_under_way(repository: AuditedRepository) -> None:
    run_id = await repository.bench.runs.begin_beside(SOURCE, SyncMode.AUDIT)
    await repository.bench.sync()
    assert (await repository.bench.runs.show(run_id)).state is RunState.RUNNING
