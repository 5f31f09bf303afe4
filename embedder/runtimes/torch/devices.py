"""What a pipeline needs of a device: memory on both sides, an order of work, and recorded computations.

`CudaDevice` is all that only a GPU can run, and kept as small as it can be. `CpuDevice` does the same things in the
same order on a processor, where host and device memory are one and a recording is played by computing again: so the
pipeline's buckets, buffers and bookkeeping run, and are tested, without a GPU.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from vocabulary.errors import SettingInvalid

Replay: TypeAlias = Callable[[], Any]

# Recordings begin by waiting for the whole device, which must not happen within another one.
_recording = threading.Lock()
_WARM_UPS = 3  # before a recording, so that libraries choose kernels and make their workspaces outside of it


class Lane(Protocol):
    """Batches pass through three stages in the order in which they are put in: there, through, and back.

    Each stage is a context: what is started inside waits, on the device, for what the same slot began in the stage
    before, and for nothing else. Nothing but `wait` holds up a thread.
    """

    def to_device(self, ticket: Ticket) -> AbstractContextManager[Any]: ...

    def computing(self, ticket: Ticket) -> AbstractContextManager[Any]: ...

    def to_host(self, ticket: Ticket) -> AbstractContextManager[Any]: ...

    def record(self, computation: Callable[[], None]) -> Replay:
        """Run a computation over fixed memory once and return what does the same again, in the stage `computing`."""
        ...


class Ticket(Protocol):
    """One slot's marks in a lane: how far its batch has come."""

    def wait(self) -> None:
        """Block until the slot's batch is back on the host."""
        ...


class Device(Protocol):
    @property
    def name(self) -> str: ...

    def host_memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Memory of the host that the device copies from and to beside other work."""
        ...

    def memory(self, *shape: int, dtype: torch.dtype) -> Tensor: ...

    def lane(self, *, urgent: bool) -> Lane:
        """A new lane; what is in an urgent one overtakes the others' work on the device."""
        ...

    def ticket(self) -> Ticket: ...

    def free_memory(self) -> None:
        """Give back what is kept for later and used by nothing."""
        ...

    def settle(self) -> None:
        """Wait until the device does nothing: after an error, never on the way."""
        ...


class CpuDevice:
    """A processor: every stage is done when its context is left."""

    name = "cpu"

    def host_memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype)

    memory = host_memory

    def lane(self, *, urgent: bool) -> Lane:
        del urgent  # the operating system divides the processor
        return _CpuLane()

    def ticket(self) -> Ticket:
        return _CpuTicket()

    def free_memory(self) -> None:
        """Nothing is kept."""

    def settle(self) -> None:
        """Nothing is under way."""


class _CpuTicket:
    def wait(self) -> None:
        """Everything was done at once."""


class _CpuLane:
    def to_device(self, ticket: Ticket) -> AbstractContextManager[Any]:
        return nullcontext(ticket)

    computing = to_host = to_device

    def record(self, computation: Callable[[], None]) -> Replay:
        computation()
        return computation


class CudaDevice:
    """One GPU. A lane is three streams: copies there, kernels, copies back."""

    def __init__(self, name: str) -> None:
        self.name = name

    def host_memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, pin_memory=True)

    def memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, device=self.name)

    def lane(self, *, urgent: bool) -> Lane:
        return _CudaLane(self.name, priority=-1 if urgent else 0)

    def ticket(self) -> Ticket:
        return _CudaTicket()

    def free_memory(self) -> None:
        torch.cuda.empty_cache()

    def settle(self) -> None:
        with _recording:
            torch.cuda.synchronize(self.name)


class _CudaTicket:
    def __init__(self) -> None:
        self.arrived, self.computed, self.left = (torch.cuda.Event() for _ in range(3))

    def wait(self) -> None:
        self.left.synchronize()  # lets go of Python's global lock while it waits


class _CudaStage:
    """Put work on one stream, behind one event, and mark its end with another."""

    def __init__(self, stream: torch.cuda.Stream, after: torch.cuda.Event | None, done: torch.cuda.Event) -> None:
        self._stream, self._after, self._done = stream, after, done
        self._context = torch.cuda.stream(stream)

    def __enter__(self) -> None:
        if self._after is not None:
            self._stream.wait_event(self._after)
        self._context.__enter__()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._done.record(self._stream)
        self._context.__exit__(kind, error, trace)


class _CudaLane:
    def __init__(self, device: str, *, priority: int) -> None:
        self._there, self._through, self._back = (torch.cuda.Stream(device, priority=priority) for _ in range(3))
        # Recordings of one lane run one after the other and may share their memory; those of two lanes may not.
        self._pool = torch.cuda.graph_pool_handle()

    def to_device(self, ticket: Any) -> AbstractContextManager[Any]:
        return _CudaStage(self._there, None, ticket.arrived)

    def computing(self, ticket: Any) -> AbstractContextManager[Any]:
        return _CudaStage(self._through, ticket.arrived, ticket.computed)

    def to_host(self, ticket: Any) -> AbstractContextManager[Any]:
        return _CudaStage(self._back, ticket.computed, ticket.left)

    def record(self, computation: Callable[[], None]) -> Replay:
        with torch.cuda.stream(self._through):
            for _ in range(_WARM_UPS):
                computation()
        self._through.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Threads that wait for results meanwhile do nothing that a recording forbids: only this thread's calls count.
        with (
            _recording,
            torch.cuda.graph(graph, pool=self._pool, stream=self._through, capture_error_mode="thread_local"),
        ):
            computation()
        replay: Replay = graph.replay
        return replay


def open_device(name: str) -> Device:
    """Open `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is the first GPU where there is one.

    Raises:
        SettingInvalid: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return CpuDevice()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingInvalid(f"embedder.device: {name!r} is not auto, cpu, cuda or cuda:N") from error
    if device.type != "cuda":
        raise SettingInvalid(f"embedder.device: {name!r} is not auto, cpu, cuda or cuda:N")
    if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise SettingInvalid(f"embedder.device: this machine has {torch.cuda.device_count()} usable GPUs, no {name}")
    return CudaDevice(f"cuda:{device.index or 0}")
