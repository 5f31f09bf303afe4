"""What `benchmarks.gpu_embedding` measures on a device: its matrix rate, how long it worked, and the library beside us.

Rates are of wall time, the best of some rounds, with the device settled before and after. Every count of operations is
of real tokens: padding and the tail of a bucket count as lost time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from embedder.models import BertShape

Vectors = np.ndarray[Any, np.dtype[np.float32]]

_NEIGHBOURS = 10
_QUERIES = 200


def settle(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def wall_s(device: str, work: Callable[[], Any], *, rounds: int) -> float:
    """Return the shortest of some rounds in seconds; one round before them is not counted."""
    work()
    times = []
    for _ in range(rounds):
        settle(device)
        started = time.perf_counter()
        work()
        settle(device)
        times.append(time.perf_counter() - started)
    return min(times)


def matrix_flop_per_s(shape: BertShape, *, tokens: int, device: str, dtype: torch.dtype, rounds: int) -> float:
    """Return the rate of the model's own matrix products, one after the other and nothing in between."""
    sizes = (
        (shape.hidden, 3 * shape.hidden),
        (shape.hidden, shape.hidden),
        (shape.hidden, shape.feed_forward),
        (shape.feed_forward, shape.hidden),
    )
    pairs = [
        (torch.randn(tokens, narrow, device=device, dtype=dtype), torch.randn(narrow, wide, device=device, dtype=dtype))
        for narrow, wide in sizes
    ]
    repeats = 20 if device != "cpu" else 2
    seconds = wall_s(device, lambda: [left @ right for _ in range(repeats) for left, right in pairs], rounds=rounds)
    return repeats * sum(2 * tokens * narrow * wide for narrow, wide in sizes) / seconds


def idle_share(device: str, work: Callable[[], Any]) -> float:
    """Return the share of one run's time in which the device computed nothing.

    On a GPU from the profiler's record of its kernels, which run one after the other; on a processor from the processor
    time that the run did not take of torch's threads.
    """
    if device == "cpu":
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent = time.process_time() - cpu
        return max(0.0, 1 - spent / ((time.perf_counter() - wall) * torch.get_num_threads()))
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    settle(device)
    with torch.profiler.profile(activities=activities) as profile:
        started = time.perf_counter()
        work()
        settle(device)
        wall = time.perf_counter() - started
    busy_us = sum(event.self_device_time_total for event in profile.key_averages() if not event.key.startswith("Mem"))
    return max(0.0, 1 - busy_us / 1e6 / wall)


def cosine_min(found: Vectors, wanted: Vectors) -> float:
    return float(np.sum(_unit(found) * _unit(wanted), axis=1).min())


def shared_neighbours(found: Vectors, wanted: Vectors) -> float:
    """Return which share of the ten nearest others each of the first texts keeps, on average."""
    pairs = zip(_nearest(found), _nearest(wanted), strict=True)
    return float(np.mean([len(set(mine) & set(theirs)) / len(theirs) for mine, theirs in pairs]))


def library_rates(
    folder: str, texts: Sequence[str], *, tokens: int, device: str, rounds: int
) -> Iterator[tuple[str, int, float]]:
    """Yield arithmetic, batch size and tokens per second of sentence-transformers' `encode`, strings in, arrays out."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds, and not all need it

    for dtype in (torch.float32, torch.float16) if device != "cpu" else (torch.float32,):
        model = SentenceTransformer(folder, device=device, local_files_only=True).to(dtype)
        for size in (32, 256, 1024) if device != "cpu" else (32,):

            def encode(model: Any = model, size: int = size) -> Any:
                return model.encode(list(texts), batch_size=size, normalize_embeddings=True, show_progress_bar=False)

            yield str(dtype).removeprefix("torch."), size, tokens / wall_s(device, encode, rounds=rounds)


def _nearest(vectors: Vectors) -> list[list[int]]:
    unit = _unit(vectors)
    near = unit[:_QUERIES] @ unit.T
    near[np.arange(len(near)), np.arange(len(near))] = -2  # not itself
    ordered: list[list[int]] = np.argsort(-near, axis=1)[:, :_NEIGHBOURS].tolist()
    return ordered


def _unit(vectors: Vectors) -> Vectors:
    wide: Vectors = vectors.astype(np.float32)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
