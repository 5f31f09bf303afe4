"""The seal that every run puts on the index: killed at any of its steps, or begun twice at once, it hides nothing."""

from __future__ import annotations

import asyncio

import pytest

from indexer.state.seals import renew_seal
from tests.fakes.scripted_source import numbered
from tests.fakes.sync_bench import Bench
from vocabulary.documents import DocumentState


class Killed(Exception):
    """The process is no more."""


async def test_every_run_seals_the_index_anew(bench: Bench) -> None:
    bench.source = numbered(3)
    seals = set()
    for _ in range(3):
        await bench.sync()
        seals.add(await bench.backend.seal())
    assert len(seals - {""}) == 3


@pytest.mark.parametrize("is_put", [False, True])
async def test_a_run_that_dies_while_it_seals_hides_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_put: bool
) -> None:
    bench.source = numbered(3)
    put_seal = bench.backend.put_seal

    async def put_or_die(seal: str, *, hide_all: bool) -> None:
        if is_put:
            await put_seal(seal, hide_all=hide_all)
        raise Killed

    for _ in range(3):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(bench.backend, "put_seal", put_or_die)
            await bench.sync()
        report = await bench.sync()
        assert len(await bench.find("document")) == 3
    assert report.tally.states == {DocumentState.UNCHANGED: 3}


async def test_a_run_that_dies_before_it_hides_lets_the_next_one_hide(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(3)
    await bench.sync()
    await bench.backend.put_seal("of a backup", hide_all=False)

    async def die(seal: str, *, hide_all: bool) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(bench.backend, "put_seal", die)
        await bench.sync()
    assert await bench.find("document")
    await renew_seal(bench.backend, bench.engine)
    assert await bench.find("document") == set()
    assert (await bench.sync()).tally.states == {DocumentState.INDEXED: 3}


async def test_two_sources_that_begin_at_once_trust_the_index_afterwards(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(3)
    await bench.sync()
    put_seal, is_late, is_other_done = bench.backend.put_seal, asyncio.Event(), asyncio.Event()

    async def put_late(seal: str, *, hide_all: bool) -> None:
        is_late.set()
        await is_other_done.wait()
        await put_seal(seal, hide_all=hide_all)

    with monkeypatch.context() as patch:
        patch.setattr(bench.backend, "put_seal", put_late)
        late = asyncio.create_task(renew_seal(bench.backend, bench.engine))
        await is_late.wait()
    await renew_seal(bench.backend, bench.engine)
    is_other_done.set()
    await late
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 3}


async def test_a_run_that_read_the_seal_before_another_renewed_it_looks_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(3)
    await bench.sync()
    seal_of = bench.backend.seal

    async def read_before_another_renews() -> str:
        monkeypatch.setattr(bench.backend, "seal", seal_of)
        seal = await seal_of()
        await renew_seal(bench.backend, bench.engine)
        return seal

    monkeypatch.setattr(bench.backend, "seal", read_before_another_renews)
    await renew_seal(bench.backend, bench.engine)
    assert len(await bench.find("document")) == 3
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 3}
