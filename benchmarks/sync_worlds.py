"""A simulated Alfresco in a process of its own, for benchmarks that must not share their processor time with it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

from connectors.alfresco.simulator import served_world
from connectors.alfresco.simulator.generator import add_documents, flat_world

SEED = 20_261_125
_START_TIMEOUT_S = 300  # a hundred thousand nodes are built in some ten seconds; a busy machine takes longer

_READERS = ("GROUP_readers", "Consumer")

Order = Literal["shut", "open", "requests", "stop"]


@dataclass(frozen=True, slots=True)
class Repository:
    """One folder of documents that all inherit from it, served over HTTP."""

    url: str
    folder_id: str
    _orders: Connection

    def shut_out_readers(self) -> float:
        """Take the folder's list from the one group that reads it, in one call, as an administrator would.

        Returns the moment just before, by the monotonic clock, which all processes share.
        """
        return float(self._order("shut"))

    def let_readers_in(self) -> float:
        return float(self._order("open"))

    def requests(self) -> int:
        """How many requests were answered since the last time this was asked."""
        return int(self._order("requests"))

    def _order(self, order: Order) -> Any:
        self._orders.send(order)
        return self._orders.recv()


@contextmanager
def repository(
    documents: int, *, per_folder: int, latency_s: float = 0.0, others: int = 0, records_changes: bool = False
) -> Iterator[Repository]:
    """Serve a folder of so many documents, `per_folder` in each subfolder, from another process.

    `others` are further documents in a subfolder whose readers keep their rights; `records_changes`: the lane `audit`
    can be used.
    """
    here, there = multiprocessing.get_context("spawn").Pipe()
    serving = multiprocessing.get_context("spawn").Process(
        target=_serve,
        args=(there, documents, per_folder, latency_s, others, records_changes),
        daemon=True,
    )
    serving.start()
    try:
        if not here.poll(_START_TIMEOUT_S):
            raise RuntimeError("the simulated repository did not start")
        url, folder_id = here.recv()
        yield Repository(url, folder_id, here)
    finally:
        here.send("stop")
        serving.join(timeout=30)


def _serve(  # noqa: PLR0917 - what `repository` was given, over a process boundary
    orders: Connection, documents: int, per_folder: int, latency_s: float, others: int, records_changes: bool
) -> None:
    world, folder = flat_world(documents, seed=SEED, per_folder=per_folder)
    if others:
        kept = world.add_folder(folder, "Kept")
        world.set_permissions(kept, inherit=False, entries=[_READERS])
        add_documents(world, kept, others, seed=SEED + 1)
    world.audit.records_changes = records_changes
    if latency_s:
        world.faults.latency_s = latency_s
    with served_world(world) as url:
        orders.send((url, folder.id))
        while (order := orders.recv()) != "stop":
            if order == "requests":
                orders.send(len(world.request_log))
                world.request_log.clear()
                continue
            began_at = time.monotonic()
            world.set_permissions(folder, inherit=False, entries=[] if order == "shut" else [_READERS])
            orders.send(began_at)
