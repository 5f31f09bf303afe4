"""What it takes to know what a reader sees: measured for `benchmarks.access` through the service's access control."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
from sqlalchemy import create_engine

from acl import AccessControl, AclStore, IdentityStore, create_tables
from benchmarks.access_world import BUSIEST, RULES, SOURCE, Company
from vocabulary.access import AccessFilter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measured:
    """Times of one kind of request by one kind of reader, in milliseconds."""

    request: str
    reader: str
    p50_ms: float
    p95_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class Sets:
    """What was measured, and of how much."""

    company: Company
    store_lists_s: float
    store_identities_s: float
    rss_growth_mb: float  # of an access control that has answered for everybody
    busiest_sees: int  # lists
    requests: tuple[Measured, ...]


async def measure_sets(company: Company, folder: Path, *, repeats: int) -> Sets:
    """Store the company, then ask for what its people see: unknown, known, and after changes."""
    engine = create_engine(f"sqlite:///{folder / 'state.db'}")
    create_tables(engine)
    acls, identities = AclStore(engine), IdentityStore(engine)
    lists = list(company.acls())
    _, store_lists_s = await _timed(acls.number(SOURCE, lists))
    del lists
    _, store_identities_s = await _timed(identities.replace(SOURCE, company.identities()))
    before = psutil.Process().memory_info().rss
    access_control = AccessControl(engine)
    requests = await _requests(company, access_control, acls, repeats=repeats)
    busiest = await access_control.filter_for(company.claims(BUSIEST), RULES)
    growth = psutil.Process().memory_info().rss - before
    engine.dispose()
    return Sets(company, store_lists_s, store_identities_s, growth / 1e6, len(busiest.visible), requests)


async def _requests(
    company: Company, access_control: AccessControl, acls: AclStore, *, repeats: int
) -> tuple[Measured, ...]:
    async def ask(person: int, token_group: str = "") -> AccessFilter:
        return await access_control.filter_for(company.claims(person, token_group=token_group), RULES)

    async def after_a_changed_list(number: int) -> float:
        await acls.number(SOURCE, company.acls([number], version=1))
        return (await _timed(ask(BUSIEST)))[1]

    _, first_s = await _timed(ask(BUSIEST))
    others = [1 + number % (company.people - 1) for number in range(repeats)]
    return (
        _measured("first of a process: all lists and groups are read", "in every group", [first_s]),
        _measured("cold", "in every group", [await _time(ask, BUSIEST, f"t{turn}") for turn in range(repeats)]),
        _measured("cold", "others", [await _time(ask, person) for person in others]),
        _measured("warm", "in every group", [await _time(ask, BUSIEST) for _ in range(repeats)]),
        _measured("warm", "others", [await _time(ask, person) for person in others]),
        _measured("a list has changed", "in every group", [await after_a_changed_list(n) for n in range(repeats)]),
    )


async def _time(ask: Callable[..., Awaitable[AccessFilter]], *arguments: object) -> float:
    return (await _timed(ask(*arguments)))[1]


async def _timed(work: Awaitable[T]) -> tuple[T, float]:
    start = time.perf_counter()
    done = await work
    return done, time.perf_counter() - start


def _measured(request: str, reader: str, seconds: Iterable[float]) -> Measured:
    taken = list(seconds)
    p50, p95 = (float(each) * 1e3 for each in np.percentile(taken, [50, 95]))
    return Measured(request, reader, p50, p95, len(taken))


def run(company: Company, folder: Path, *, repeats: int) -> Sets:
    """Measure in a loop of its own."""
    return asyncio.run(measure_sets(company, folder, repeats=repeats))
