"""An index that is built anew while it answers and is written: nothing is lost, nothing opens, and it can go back."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import sqlalchemy as sa

from indexer.reindexing import FollowedWrites, LiveIndex, Place, PlaceStore
from indexer.reindexing.copier import Copier, Reembedding
from indexer.reindexing.places import CopyInProgress, Phase, Standing
from indexer.reindexing.reindexing import Reindexing, ReindexingRefused, next_generation
from indexer.reindexing.switching import CopyDiffers
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.runs import RunStore
from indexer.state.seals import renew_seal
from tests.fakes.documents import NUMBERING, description, document, hashed_vector, names, reader
from tests.fakes.kept_places import PlacesInMemory
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher
from vocabulary.access import AclId
from vocabulary.documents import CLEAN, DocumentId, DocumentState, EnrichedPassage, Passage, PassageKind
from vocabulary.errors import IndexBusy, RunAborted
from vocabulary.indexing import (
    Delete,
    Describe,
    Hide,
    IndexOperation,
    Put,
    Readmit,
    Scoring,
)
from vocabulary.ports import SyncMode
from vocabulary.search import Query, SearchMode

FIRST, SECOND = Place("books"), Place("books", 2)
SOURCE = "wiki"


def book(name: str, text: str, *, acl: int = 1) -> Put:
    passage = Passage(0, PassageKind.BODY, text, 0, len(text), len(text.split()))
    vector = hashed_vector(text, dimensions=DIMENSIONS)
    return Put(description(name, acl=acl), (EnrichedPassage(passage, vector, CLEAN),))


@dataclass
class Bench:
    """One index, its places, and what a test does while a page is copied."""

    engine: sa.Engine
    keeper: PlacesInMemory = field(default_factory=PlacesInMemory)
    meanwhile: list[Callable[[Standing], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = PlaceStore(self.engine)
        self.live = self.index()

    def index(self) -> LiveIndex:
        """The index, as a process of its own has it open."""
        return LiveIndex("books", self.store, self.keeper.open)

    @property
    def reindexing(self) -> Reindexing:
        def show(standing: Standing) -> None:
            for each in self.meanwhile:
                each(standing)

        return Reindexing("books", (SOURCE,), NUMBERING, self.store, self.keeper, show)

    async def build(self, copy: Place = SECOND) -> None:
        await self.reindexing.build(copy)

    async def found(self, text: str = "", *, acl: int = 1, live: LiveIndex | None = None) -> list[str]:
        page = await (live or self.live).search(Query(text, mode=SearchMode.KEYWORD, size=100), None, reader(acl))
        return names(page)

    async def rows(self, place: Place) -> dict[str, tuple[int, str]]:
        stored = await self.keeper.kept[place].stored_documents(limit=10_000)
        return {
            each.put.description.document_id.native_id: (
                int(each.put.description.acl_id),
                " ".join(passage.passage.text for passage in each.put.passages),
            )
            for each in stored
        }


@pytest.fixture
async def bench(engine: sa.Engine) -> AsyncIterator[Bench]:
    bench = Bench(engine)
    async with bench.live:
        await bench.live.adopt(NUMBERING)
        await bench.live.apply([book(f"b{number:03}", f"volume {number}") for number in range(200)])
        yield bench


async def test_an_index_that_was_never_built_anew_is_where_the_settings_say(bench: Bench) -> None:
    assert await bench.store.read("books") == Standing("books", FIRST)
    assert list(bench.keeper.kept) == [FIRST]


async def test_the_copy_takes_the_place_with_every_row(bench: Bench) -> None:
    before = await bench.rows(FIRST)
    await bench.build()
    assert await bench.rows(SECOND) == before
    standing = await bench.store.read("books")
    assert (standing.place, standing.copy, standing.phase) == (SECOND, FIRST, Phase.FORMER)
    assert bench.keeper.announced == [SECOND]


async def test_every_process_follows_at_its_next_query_and_write(bench: Bench) -> None:
    async with bench.index() as other:
        await bench.build()
        await other.apply([book("new", "fresh words")])
        assert "new" in await bench.rows(SECOND)
        assert "new" not in await bench.rows(FIRST)
        assert await bench.found("fresh") == await bench.found("fresh", live=other) == ["new"]


async def test_what_is_written_while_rows_are_copied_is_in_the_copy(bench: Bench) -> None:
    # The copier's own pages are of 64: these hit documents that are copied already, and such that are not.
    writes: dict[int, Sequence[IndexOperation]] = {
        64: [book("b000", "rewritten early"), Delete(DocumentId(SOURCE, "b001")), book("late", "came in between")],
        128: [Readmit(DocumentId(SOURCE, "b002"), AclId(2), None), Hide(DocumentId(SOURCE, "b150"))],
        192: [Describe(description("b003", title="renamed", acl=5)), Delete(DocumentId(SOURCE, "b199"))],
    }
    tasks: list[asyncio.Task[object]] = []
    bench.meanwhile.append(
        lambda standing: tasks.append(asyncio.create_task(bench.live.apply(writes.pop(standing.copied, []))))
    )
    await bench.build()
    await asyncio.gather(*tasks)
    assert not writes
    assert await bench.rows(SECOND) == await bench.rows(FIRST)
    rows = await bench.rows(SECOND)
    assert rows["b000"] == (1, "rewritten early")
    assert {"b001", "b199"} & rows.keys() == set()
    assert (rows["b002"][0], rows["b150"][0], rows["b003"][0]) == (2, 0, 5)


@dataclass
class SlowWriter:
    """An index whose next write waits until it is let through."""

    inner: object
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def apply(self, operations: Sequence[IndexOperation], *, fence: int | None = None) -> object:
        self.reached.set()
        await self.go.wait()
        return await self.inner.apply(operations, fence=fence)  # type: ignore[attr-defined]


async def test_a_write_that_began_before_the_copy_and_ends_after_the_switch_is_not_lost(bench: Bench) -> None:
    slow = SlowWriter(bench.keeper.kept[FIRST])
    bench.keeper.kept[FIRST] = slow  # type: ignore[assignment]
    async with bench.index() as sleeper:
        writing = asyncio.create_task(sleeper.apply([Readmit(DocumentId(SOURCE, "b000"), AclId(9), None)]))
        await slow.reached.wait()
        await bench.build()
        slow.go.set()
        await writing
    assert (await bench.rows(SECOND))["b000"][0] == 9


async def test_a_write_under_way_at_the_switch_is_repeated_at_the_new_place(bench: Bench) -> None:
    slow = SlowWriter(bench.keeper.kept[FIRST])
    bench.keeper.kept[FIRST] = slow  # type: ignore[assignment]
    tasks: list[asyncio.Task[object]] = []

    async with bench.index() as sleeper:

        def begin(_: Standing) -> None:
            if not tasks:
                tasks.append(asyncio.create_task(sleeper.apply([book("b000", "written late", acl=9)])))

        bench.meanwhile.append(begin)
        await bench.build()
        reached = asyncio.create_task(slow.reached.wait())  # unless the switch was faster: then it went the new way
        await asyncio.wait([reached, *tasks], return_when=asyncio.FIRST_COMPLETED)
        slow.go.set()
        await asyncio.gather(*tasks)
        reached.cancel()
    assert (await bench.rows(SECOND))["b000"] == (9, "written late")


async def test_what_a_dead_writer_wrote_unnoted_is_brought_over(bench: Bench) -> None:
    """Its process doubted the document, wrote it while a page was copied, and died before it could look again."""
    ledger, runs = Ledger(bench.engine), RunStore(bench.engine)
    ticket = await runs.begin(SOURCE, SyncMode.FULL, index_id=bench.live.index_id)
    row = LedgerRow("b000", DocumentState.INDEXED, in_index=True, recipe="r", description_sha256="d")
    await ledger.settle(ticket, [row], removed=[], checkpoint=None)
    await ledger.doubt(ticket, ["b000"])
    first, tasks = bench.keeper.kept[FIRST], []

    def write(standing: Standing) -> None:
        if standing.copied == 200:
            tasks.append(asyncio.create_task(first.apply([Readmit(DocumentId(SOURCE, "b000"), AclId(9), None)])))

    bench.meanwhile.append(write)
    await bench.build()
    assert tasks
    assert (await bench.rows(SECOND))["b000"][0] == 9


async def test_a_writer_waits_for_the_switch_no_longer_than_its_copier_lives(bench: Bench) -> None:
    await bench.build()
    await bench.store.change("books", lambda connection, _: _set(connection, "nobody:1:x", bench.store.clock() - 1))
    await bench.live.apply([book("new", "words")])
    assert "new" in await bench.rows(SECOND)


def _set(connection: sa.Connection, holder: str, lease_until: float) -> None:
    from indexer.reindexing.places import write  # noqa: PLC0415 - the one test that forges a row

    write(connection, "books", holder=holder, lease_until=lease_until, is_switching=True)


async def test_a_second_copier_is_refused_while_the_first_is_alive(bench: Bench) -> None:
    refused: list[BaseException] = []
    tasks: list[asyncio.Task[None]] = []

    async def second() -> None:
        try:
            await Bench(bench.engine, bench.keeper).build()
        except CopyInProgress as error:
            refused.append(error)

    bench.meanwhile.append(lambda _: tasks.append(asyncio.create_task(second())))
    await bench.build()
    await asyncio.gather(*tasks)
    assert len(refused) == len(tasks) > 0


class Killed(BaseException):
    """Stands for SIGKILL: nothing is tidied up."""


@pytest.mark.parametrize("step", range(8))
async def test_a_copy_that_was_broken_off_is_gone_on_with(
    bench: Bench, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(range(100))

    def breaking(call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def broken(*args: object, **options: object) -> object:
            if next(steps) == step:
                raise Killed
            return await call(*args, **options)

        return broken

    with monkeypatch.context() as patched:
        patched.setattr(Copier, "_put", breaking(Copier._put))
        patched.setattr(PlaceStore, "renew", breaking(PlaceStore.renew))
        patched.setattr(PlaceStore, "release", _nothing)
        with pytest.raises(Killed):
            await bench.build()
    await bench.live.apply([Delete(DocumentId(SOURCE, "b000")), book("b001", "changed in between", acl=3)])
    await bench.store.change("books", _forget_holder)  # the process is dead: this one is not
    await bench.build()
    assert await bench.rows(SECOND) == await bench.rows(FIRST)
    assert (await bench.rows(SECOND))["b001"] == (3, "changed in between")


async def _nothing(*_: object) -> None:
    pass


def _forget_holder(connection: sa.Connection, _: Standing) -> None:
    from indexer.reindexing.places import write  # noqa: PLC0415 - as above

    write(connection, "books", holder=None, lease_until=None)


async def test_going_back_brings_what_was_written_since(bench: Bench) -> None:
    await bench.build()
    await bench.live.apply([book("new", "fresh words", acl=4), Hide(DocumentId(SOURCE, "b000"))])
    assert "new" not in await bench.rows(FIRST)
    await bench.reindexing.go_back()
    assert (await bench.store.read("books")).place == FIRST
    assert await bench.rows(FIRST) == await bench.rows(SECOND)
    assert await bench.found("fresh", acl=4) == ["new"]
    assert "b000" not in await bench.found()


async def test_the_former_index_is_dropped_for_good(bench: Bench) -> None:
    await bench.build()
    await bench.reindexing.drop()
    assert list(bench.keeper.kept) == [SECOND]
    with pytest.raises(ReindexingRefused):
        await bench.reindexing.go_back()
    await bench.live.apply([book("new", "fresh words")])
    assert await bench.found("fresh") == ["new"]
    await bench.build(next_generation(await bench.store.read("books")))
    assert (await bench.store.read("books")).place == Place("books", 3)


async def test_what_follows_a_former_index_grows_with_documents_and_not_with_writes(bench: Bench) -> None:
    await bench.build()
    for number in range(5):
        await bench.live.apply([book("b000", f"changed {number}"), book("b001", f"changed {number}")])
    assert await FollowedWrites(bench.store).count("books") == 2
    await bench.reindexing.go_back()
    assert (await bench.rows(FIRST))["b000"] == (1, "changed 4")
    assert await FollowedWrites(bench.store).count("books") == 0


async def test_no_copy_is_begun_beside_a_former_index(bench: Bench) -> None:
    await bench.build()
    with pytest.raises(ReindexingRefused, match="former"):
        await bench.build(Place("books", 3))


async def test_an_unfinished_copy_can_be_dropped(bench: Bench) -> None:
    bench.keeper.kept[SECOND] = await _differing(bench)
    with pytest.raises(CopyDiffers):
        await bench.build()
    assert (await bench.store.read("books")).phase is Phase.BUILDING
    await bench.reindexing.drop()
    assert list(bench.keeper.kept) == [FIRST]
    assert len(await bench.found()) == 100


async def _differing(bench: Bench) -> object:
    class Opening:
        """A copy that puts every document under a list that everybody may read."""

        def __init__(self, inner: object) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        async def apply(self, operations: Sequence[IndexOperation], *, fence: int | None = None) -> object:
            opened = [
                replace(each, description=replace(each.description, acl_id=AclId(1)))
                if isinstance(each, Put) and each.description.document_id.native_id == "b007"
                else each
                for each in operations
            ]
            return await self._inner.apply(opened, fence=fence)  # type: ignore[attr-defined]

    await bench.live.apply([Readmit(DocumentId(SOURCE, f"b{number:03}"), AclId(2), None) for number in range(100)])
    async with bench.keeper.open(SECOND) as opened:
        return Opening(opened.backend)


async def test_an_index_answers_from_its_old_place_until_the_copy_is_whole(bench: Bench) -> None:
    answers: list[asyncio.Task[list[str]]] = []
    bench.meanwhile.append(lambda _: answers.append(asyncio.create_task(bench.found("volume"))))
    await bench.build()
    assert len(answers) >= 3
    assert {len(await each) for each in answers} == {100}  # a page is full: none is answered from half an index


async def test_a_copy_under_another_model_has_new_vectors_from_the_stored_text(bench: Bench) -> None:
    ledger, runs = Ledger(bench.engine), RunStore(bench.engine)
    ticket = await runs.begin(SOURCE, SyncMode.FULL, index_id=bench.live.index_id)
    known = LedgerRow(
        "b000", DocumentState.INDEXED, in_index=True, recipe="hashing/1;passages=1", description_sha256="d"
    )
    await ledger.settle(ticket, [known], removed=[], checkpoint=None)
    await bench.build(replace(SECOND, model="hashing/2"))
    (stored,) = (await ledger.look_up(SOURCE, ["b000"])).values()
    assert stored.row.recipe == "hashing/2;passages=1", "the ledger knows that nothing has to be read again"
    with pytest.raises(RunAborted):
        await ledger.require_lease(ticket)  # a run that embeds with the former model ends
    place = (await bench.store.read("books")).place
    (row,) = await bench.keeper.kept[place].look_up([DocumentId(SOURCE, "b000")])
    (old,) = await bench.keeper.kept[FIRST].look_up([DocumentId(SOURCE, "b000")])
    assert row.put.passages[0].passage.text == old.put.passages[0].passage.text
    assert not np.array_equal(row.put.passages[0].vector, old.put.passages[0].vector)


async def test_a_copy_under_another_model_says_what_scored_it_and_keeps_the_mark() -> None:
    marked = replace(document("a", "words"), scoring=Scoring("head/1", ("slur",)))
    enricher = HashingEnricher()
    enricher.toxicity_version = "head/2"
    (put,) = await Reembedding(enricher)([marked])
    assert put.scoring == Scoring("head/2", ("slur",))


async def test_seals_know_the_new_place_and_not_the_one_left_behind(bench: Bench) -> None:
    await renew_seal(bench.live, bench.engine)
    await bench.build()
    await renew_seal(bench.live, bench.engine)
    assert len(await bench.found()) == 100, "the new place is the index that the state store knows"
    left_behind = bench.keeper.kept[FIRST]
    await renew_seal(left_behind, bench.engine)  # as if somebody had put the former files back
    page = await left_behind.search(Query("", mode=SearchMode.KEYWORD), None, reader(1))
    assert page.hits == ()


async def test_a_run_that_finds_an_index_of_another_time_hides_all_of_its_copy_too(bench: Bench) -> None:
    await renew_seal(bench.live, bench.engine)
    await bench.keeper.kept[FIRST].put_seal("of another time", hide_all=False)
    runs: list[threading.Thread] = []

    async def begin_run() -> None:
        async with bench.index() as live:
            await renew_seal(live, bench.engine)

    def hide(standing: Standing) -> None:
        if standing.copied == 128 and not runs:  # in a loop of its own: the copier goes on when all is hidden
            runs.append(threading.Thread(target=lambda: asyncio.run(begin_run())))
            runs[0].start()
            runs[0].join()

    bench.meanwhile.append(hide)
    await bench.build()
    assert runs
    assert {acl for acl, _ in (await bench.rows(SECOND)).values()} == {0}


async def test_what_is_copied_to_answers_nobody_under_its_own_name(bench: Bench) -> None:
    cluster = LiveIndex("cluster", bench.store, bench.keeper.open)
    await bench.build(Place("cluster"))
    async with cluster:
        with pytest.raises(IndexBusy, match="books"):
            await bench.found(live=cluster)
        with pytest.raises(IndexBusy):
            await cluster.apply([book("a", "b")])
    assert len(await bench.found()) == 100


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_writers_do_the_copy_ends_as_the_index(bench: Bench, seed: int) -> None:
    """Two writers at random times and a copier, then equal rows: both are asked by their newest writes."""
    choice = random.Random(seed)
    done = asyncio.Event()
    written: dict[str, tuple[int, str] | None] = {}

    async def write(writer: str, live: LiveIndex) -> None:
        number = 0
        while not done.is_set():
            number += 1
            name = f"{writer}{choice.randrange(40):03}"
            text, acl = f"{writer} wrote {number}", choice.randrange(1, 4)
            is_gone = choice.random() < 0.3
            await live.apply([Delete(DocumentId(SOURCE, name)) if is_gone else book(name, text, acl=acl)])
            written[name] = None if is_gone else (acl, text)
            await asyncio.sleep(choice.random() * 0.01)

    async with bench.index() as first, bench.index() as second, asyncio.TaskGroup() as tasks:
        tasks.create_task(write("b", first))
        tasks.create_task(write("c", second))
        await asyncio.sleep(0.05)
        await bench.build()
        await asyncio.sleep(0.05)
        await bench.reindexing.go_back()
        done.set()
    rows = await bench.rows(FIRST)
    assert {name: rows.get(name) for name in written} == written
