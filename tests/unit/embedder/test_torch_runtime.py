"""BERT encoders on torch: every way to compute gives the same, and what fails costs speed alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from embedder.config import Precision
from embedder.models import BertWeights, ModelFolder, locate_model, read_model_folder, read_weights
from embedder.runtimes.openvino import OpenVinoRuntime
from embedder.runtimes.port import Batching, Pooled
from embedder.runtimes.torch import TorchSettings, open_torch_runtime
from embedder.tokeniser import Tokeniser
from tests.unit.embedder.test_embedder_reference import LEAST_COSINE, Reference
from vocabulary.documents import TokenIds
from vocabulary.errors import SettingInvalid

torch = pytest.importorskip("torch", reason="needs the gpu extra: make test-reference")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402 - behind the skip

from embedder.runtimes.torch import attention, packed  # noqa: E402
from embedder.runtimes.torch.devices import CpuDevice, open_device  # noqa: E402
from embedder.runtimes.torch.ladder import Ladder, NoRung  # noqa: E402
from embedder.runtimes.torch.packed import GRAPH, GRAPH_COMPILED, PACKED, PADDED, PackedTorchRuntime  # noqa: E402
from embedder.runtimes.torch.packing import pack  # noqa: E402
from embedder.runtimes.torch.pipeline import Pipeline  # noqa: E402

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore")]  # torch warns about itself

SPECIAL_IDS = (2, 3)
Open = Callable[..., PackedTorchRuntime]


@dataclass(frozen=True)
class Tiny:
    folder: ModelFolder
    weights: BertWeights
    reference: OpenVinoRuntime

    def compare(self, found: Pooled, sequences: Sequence[TokenIds]) -> None:
        wanted = self.reference.run(sequences)
        np.testing.assert_allclose(found.embeddings, wanted.embeddings, atol=2e-5)
        np.testing.assert_allclose(found.features, wanted.features, atol=2e-5)
        assert found.blocks is not None
        assert wanted.blocks is not None
        for row, sequence in enumerate(sequences):
            count = -(-(len(sequence) + 2) // 8)
            np.testing.assert_allclose(found.blocks[row, :count], wanted.blocks[row, :count], atol=2e-5)


@pytest.fixture
def tiny(tiny_model: Callable[..., Path]) -> Tiny:
    folder = read_model_folder(tiny_model())
    weights = read_weights(folder)
    reference = OpenVinoRuntime(
        folder, weights, special_ids=SPECIAL_IDS, threads=1, precision=Precision.FLOAT32, blocks=True
    )
    return Tiny(folder, weights, reference)


@pytest.fixture
def open_tiny(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the tiny model by the rungs asked for; a kernel for packed sequences is nested tensors' plain one."""

    def nested(query: Any, key: Any, value: Any, offsets: Any, longest: int) -> Any:
        with sdpa_kernel(SDPBackend.MATH):
            return attention.jagged(query, key, value, offsets, longest)

    monkeypatch.setitem(attention.KERNELS, "nested", nested)  # type: ignore[arg-type]
    monkeypatch.setattr(packed, "_KERNELS", ("varlen", "nested"))
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))  # captured, not made C++ of

    def open_(*rungs: str, max_tokens: int = 1024, parallel_runs: int = 1) -> PackedTorchRuntime:
        return PackedTorchRuntime(
            tiny.folder,
            tiny.weights,
            special_ids=SPECIAL_IDS,
            device=CpuDevice(),
            dtype=torch.float32,
            parallel_runs=parallel_runs,
            batching=Batching(max_tokens=max_tokens, look_ahead=64, packed=True),
            rungs=rungs,
            blocks=True,
        )

    return open_


def _sequences(*lengths: int) -> list[TokenIds]:
    random = np.random.default_rng(sum(lengths))
    return [random.integers(5, 31, size=length, dtype=np.int32) for length in lengths]


MIXED = _sequences(0, 1, 5, 6, 7, 14, 14, 3, 10, 0, 13)


@pytest.mark.timeout(900)  # compiles kernels in C++, which takes minutes of a busy processor
@pytest.mark.parametrize("rung", [PADDED, PACKED, GRAPH, GRAPH_COMPILED])
def test_every_way_to_compute_gives_what_openvino_gives(tiny: Tiny, open_tiny: Open, rung: str) -> None:
    runtime = open_tiny(rung)
    assert runtime.name.endswith(PADDED if rung == PADDED else f"{rung}, attention nested")
    tiny.compare(runtime.run(MIXED), MIXED)


@pytest.mark.parametrize("rung", [PADDED, GRAPH])
@pytest.mark.parametrize("count", [1, 8, 9, 15, 16, 17, 40, 64])
def test_batches_at_the_edges_of_buckets_are_like_others(tiny: Tiny, open_tiny: Open, rung: str, count: int) -> None:
    runtime = open_tiny(rung, max_tokens=1024)
    sequences = _sequences(*[14] * count)  # 16 tokens each: 16 of them fill the least bucket
    tiny.compare(runtime.run(sequences), sequences)


def test_a_batch_of_empty_sequences_has_vectors(tiny: Tiny, open_tiny: Open) -> None:
    empty = [np.array([], dtype=np.int32)] * 3
    for rung in (PADDED, PACKED, GRAPH):
        tiny.compare(open_tiny(rung).run(empty), empty)


def test_a_recording_serves_one_batch_after_the_other(tiny: Tiny, open_tiny: Open) -> None:
    runtime = open_tiny(GRAPH)
    for lengths in ((14, 3, 9), (2, 2, 2, 2), (14,), (14, 3, 9)):
        sequences = _sequences(*lengths)
        tiny.compare(runtime.run(sequences), sequences)


@pytest.mark.parametrize("rung", [PADDED, GRAPH])
def test_batches_of_many_threads_do_not_mix(tiny: Tiny, open_tiny: Open, rung: str) -> None:
    runtime = open_tiny(rung, parallel_runs=3)
    batches = [_sequences(*[1 + (number + other) % 14 for other in range(number % 50 + 1)]) for number in range(60)]
    with ThreadPoolExecutor(4) as threads:
        for found, sequences in zip(threads.map(runtime.run, batches), batches, strict=True):
            tiny.compare(found, sequences)


def test_nothing_is_compiled_while_a_query_waits(tiny: Tiny, open_tiny: Open) -> None:
    runtime = open_tiny(GRAPH)
    refusing = dataclasses.replace(runtime._ladder.rung, name="refusing", compiled=_refuse_to_compile)
    batch = pack(MIXED, SPECIAL_IDS)

    tiny.compare(runtime._short.run(batch, refusing, full=True), MIXED)
    with pytest.raises(AssertionError):
        runtime._bulk.run(batch, refusing, full=True)


def _refuse_to_compile(*_: object) -> Any:
    raise AssertionError("compiled")


def _fail_to_record(self: Any, computation: Callable[[], None]) -> Any:
    raise RuntimeError("operation not permitted when stream is capturing")


def test_what_cannot_be_recorded_is_computed_packed(
    tiny: Tiny, open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedder.runtimes.torch.devices._CpuLane.record", _fail_to_record)
    runtime = open_tiny(GRAPH_COMPILED, GRAPH, PACKED, PADDED)
    assert runtime.name.endswith("packed, attention nested")
    tiny.compare(runtime.run(MIXED), MIXED)


def test_what_cannot_be_compiled_is_recorded_as_it_is(
    tiny: Tiny, open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler(*_: object, **__: object) -> object:
        raise RuntimeError("no compiler found")

    monkeypatch.setattr(torch, "compile", no_compiler)
    runtime = open_tiny(GRAPH_COMPILED, GRAPH, PACKED, PADDED)
    assert runtime.name.endswith("graph, attention nested")
    tiny.compare(runtime.run(MIXED), MIXED)


def test_a_kernel_that_gives_something_else_is_not_used(
    tiny: Tiny, open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def almost(query: Any, key: Any, value: Any, offsets: Any, longest: int) -> Any:
        return attention.padded(query, key, value, offsets, longest) * 1.05

    monkeypatch.setitem(attention.KERNELS, "nested", almost)  # type: ignore[arg-type]
    runtime = open_tiny(GRAPH_COMPILED, GRAPH, PACKED, PADDED)
    assert runtime.name.endswith(PADDED)
    tiny.compare(runtime.run(MIXED), MIXED)


def test_where_no_way_works_the_model_is_not_opened(open_tiny: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedder.runtimes.torch.devices._CpuLane.record", _fail_to_record)
    with pytest.raises(NoRung, match="stream is capturing"):
        open_tiny(GRAPH_COMPILED, GRAPH)


def test_a_way_that_fails_later_is_left_without_losing_the_batch(
    tiny: Tiny, open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = open_tiny(GRAPH, PACKED, PADDED)
    assert "graph" in runtime.name
    monkeypatch.setattr("embedder.runtimes.torch.devices._CpuLane.record", _fail_to_record)
    sequences = _sequences(*[14] * 30)  # a bucket that was not recorded yet

    tiny.compare(runtime.run(sequences), sequences)
    assert runtime.name.endswith("packed, attention nested")


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A device that has room for at most `room[0]` tokens; the sizes of the batches tried follow."""
    room = [1 << 30]
    run = Pipeline.run

    def within_room(self: Pipeline, batch: Any, rung: Any, **more: Any) -> Pooled:
        room.append(batch.tokens)
        if batch.tokens > room[0]:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return run(self, batch, rung, **more)

    monkeypatch.setattr(Pipeline, "run", within_room)
    yield room


def test_out_of_memory_halves_what_is_computed_at_once(tiny: Tiny, open_tiny: Open, room: list[int]) -> None:
    runtime = open_tiny(PADDED, max_tokens=2048)
    sequences = _sequences(*[1 + number % 14 for number in range(180)])
    room[:] = [600]

    tiny.compare(runtime.run(sequences), sequences)
    tried = room[1:]
    assert max(tried) > 600
    assert runtime._budget.tokens == 512
    del room[1:]
    runtime.run(sequences)
    assert max(room[1:]) <= 512  # and it stays there


def test_a_way_that_finds_no_memory_at_the_moment_is_tried_again() -> None:
    only, tries = SimpleNamespace(name="only"), []

    def check(rung: Any) -> None:
        tries.append(rung)
        if len(tries) == 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    first = SimpleNamespace(name="first")
    ladder = Ladder([lambda: first, lambda: only], check=check)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        ladder.descend(first, RuntimeError("no kernel"))
    assert ladder.descend(first, RuntimeError("no kernel")) is only


def test_out_of_memory_of_the_least_batch_is_told(open_tiny: Open, room: list[int]) -> None:
    runtime = open_tiny(PADDED, max_tokens=512)
    room[:] = [40]
    with pytest.raises(torch.cuda.OutOfMemoryError):
        runtime.run(_sequences(*[14] * 30))


def test_out_of_memory_while_opening_halves_the_slots(
    tiny: Tiny, open_tiny: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate = CpuDevice.memory

    def small(self: CpuDevice, *shape: int, dtype: Any) -> Any:
        if shape[0] > 1500:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return allocate(self, *shape, dtype=dtype)

    monkeypatch.setattr(CpuDevice, "memory", small)
    runtime = open_tiny(PADDED, max_tokens=4096)
    assert runtime.batching.max_tokens == 512
    tiny.compare(runtime.run(MIXED), MIXED)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "mps", "cuda:x", "gpu"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(SettingInvalid, match=r"embedder\.device"):
        open_device(device)


def test_float16_is_refused_on_a_processor(tiny: Tiny) -> None:
    settings = TorchSettings(device="cpu", precision=Precision.FLOAT16, threads=1)
    with pytest.raises(SettingInvalid, match=r"embedder\.precision"):
        open_torch_runtime(tiny.folder, tiny.weights, special_ids=SPECIAL_IDS, settings=settings)


def test_vectors_and_features_of_the_real_model_equal_the_librarys_and_openvinos() -> None:
    location = locate_model("all-MiniLM-L6-v2")
    folder = read_model_folder(location.folder)
    weights, tokeniser = read_weights(folder), Tokeniser(folder.tokenizer_file, vocabulary=folder.vocabulary)
    settings = TorchSettings(device="cpu", precision=Precision.FLOAT32, threads=1)
    runtime = open_torch_runtime(folder, weights, special_ids=tokeniser.special_ids, settings=settings)
    reference = Reference()
    sequences = [tokeniser.tokenise(text).ids[: folder.max_tokens] for text in reference.texts]

    found = runtime.run(sequences)

    vectors = found.embeddings / np.linalg.norm(found.embeddings, axis=1, keepdims=True)
    assert np.sum(vectors * reference.vectors, axis=1).min() >= max(LEAST_COSINE, 0.99999)
    ours = OpenVinoRuntime(
        folder, weights, special_ids=tokeniser.special_ids, threads=1, precision=Precision.FLOAT32
    ).run(sequences)
    np.testing.assert_allclose(found.features, ours.features, atol=1e-4)
    assert found.blocks is None
