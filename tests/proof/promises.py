"""What each mode promises, compared with the oracle: nobody finds what they may not, nothing else is lost."""

from __future__ import annotations

from collections.abc import Collection

from indexer.state.run_history import RunReport, RunState
from tests.proof.oracle import Oracle
from tests.proof.repository_bench import RepositoryBench
from vocabulary.documents import DocumentState

# Changes that a changes sync brings, except that what a list gives anew waits for a permissions sync.
KINDS_THAT_GIVE_LATER = frozenset({"folder moved", "restored"})

# Changes of who may read that a changes sync does not bring: they are the business of a permissions sync.
KINDS_OF_PERMISSIONS = frozenset(
    {
        "permissions set high",
        "permissions set on a file",
        "inheritance cut",
        "inheritance restored",
        "site visibility changed",
    }
)


async def everything_is_current(bench: RepositoryBench) -> None:
    """After a full sync: the index equals the source, each document is there once, and each person finds their own."""
    oracle = Oracle(bench.world)
    documents = oracle.documents_below(bench.roots())
    assert await bench.stored() == sorted(documents)
    await contents_are_current(bench)
    await exactly_the_permitted_is_found(bench, among=documents)


async def exactly_the_permitted_is_found(bench: RepositoryBench, *, among: Collection[str]) -> None:
    """Each person finds what they may find among these documents, each once, and nothing else."""
    oracle = Oracle(bench.world)
    there = oracle.documents_below(bench.roots()).intersection(among)
    for person in bench.people():
        found = await bench.found(person)
        assert len(found) == len(set(found)), f"{person} finds a document twice"
        permitted = oracle.findable(person, there)
        assert set(found) - permitted == set(), f"{person} finds what they may not"
        assert permitted - set(found) == set(), f"{person} misses what they may find"
        bench.decisions += len(there)


async def nothing_more_than_permitted_is_found(bench: RepositoryBench) -> None:
    """Each person finds at most what they may find in scope; what a list gives anew may still be missing."""
    oracle = Oracle(bench.world)
    there = oracle.documents_below(bench.roots())
    for person in bench.people():
        leaked = set(await bench.found(person)) - oracle.findable(person, there)
        assert leaked == set(), f"{person} finds what they may not"
        bench.decisions += len(there)


async def contents_are_current(bench: RepositoryBench, *, besides_far_changes: bool = False) -> None:
    """Every document in scope is in the index with its present title, place, text and comments, and no other is.

    `besides_far_changes`: but for what a changes sync leaves to the full one, edited comments, and the paths of
    documents that did not change themselves.
    """
    oracle = Oracle(bench.world)
    assert await bench.stored() == sorted(oracle.documents_below(bench.roots()))
    for node_id, hit in (await bench.shown()).items():
        expected = oracle.expected(node_id)
        body, comments = await bench.texts(node_id)
        assert hit.title == expected.title
        assert expected.mark in body if expected.mark else body == "", f"{hit.title}: other content"
        assert body.endswith(expected.ending), f"{hit.title}: content cut short"
        if besides_far_changes:
            assert {comment_id for comment_id, _ in comments} == {comment_id for comment_id, _ in expected.comments}
        else:
            assert (hit.path, comments) == (expected.path, expected.comments), hit.title


async def counts_add_up(bench: RepositoryBench, report: RunReport) -> None:
    """Every scanned document ended in exactly one state, and the run's list of documents says the same."""
    assert report.tally.check() == ""
    for state in DocumentState:
        counted = report.tally.deleted if state is DocumentState.DELETED else report.tally.states[state]
        if state is not DocumentState.UNCHANGED:
            assert len(await bench.runs.documents(report.id, state)) == counted, state


async def all_was_met(bench: RepositoryBench, report: RunReport) -> None:
    """A complete walk counts whatever lies in its scope, brought or not."""
    oracle = Oracle(bench.world)
    roots = bench.roots()
    assert report.tally.scanned == len(oracle.documents_below(roots)) + len(oracle.others_below(roots))
    assert report.tally.states[DocumentState.FILTERED] == len(oracle.others_below(roots))


def succeeded(report: RunReport) -> None:
    assert (report.state, report.message) == (RunState.SUCCEEDED, "")
