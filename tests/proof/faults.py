"""What can go wrong with a repository while a sync reads it, and how the run is to end.

A fault is put on after something has changed at the source. `recovers` is True where the run brings in spite of it all
that its mode promises, but for what lists give anew, which may wait; False where it has to end early; None where some
documents may be left for the next run. `deletes`: the repository itself says of documents that they are gone.
`is_of_contents`: it strikes what a run asks for only where it reads documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.faults import (
    Rule,
    break_off,
    busy,
    cut_short,
    delay,
    empty_list,
    fail,
    login_page,
    not_found,
    proxy_page,
    refuse,
    reset,
    shift_pages,
    stall,
)
from connectors.alfresco.simulator.faults.kinds import Fault
from connectors.alfresco.simulator.model import ADMINISTRATORS

LISTING, CONTENT, NODE, COMMENTS = "/children$", "/content$", "/nodes/[^/]+$", "/comments$"


@dataclass(frozen=True)
class FaultCase:
    """One thing that goes wrong."""

    name: str
    begin: Callable[[World], Rule | None]
    recovers: bool | None
    end: Callable[[World], Any] = lambda world: world.faults.clear()
    deletes: bool = False
    is_of_contents: bool = False


def requests(name: str, fault: Fault, *, recovers: bool | None, deletes: bool = False, **rule: Any) -> FaultCase:
    """A fault of some requests."""
    is_of_contents = rule.get("path") in {CONTENT, COMMENTS}
    begin = partial(_add, fault, rule)
    return FaultCase(name, begin, recovers, deletes=deletes, is_of_contents=is_of_contents)


def _add(fault: Fault, rule: dict[str, Any], world: World) -> Rule:
    return world.faults.add(fault, **rule)


def switch(
    name: str,
    begin: Callable[[World], object],
    end: Callable[[World], object],
    *,
    recovers: bool | None,
    deletes: bool = False,
) -> FaultCase:
    """A fault of the repository itself."""

    def switched(world: World) -> None:
        begin(world)

    return FaultCase(name, switched, recovers, end, deletes)


def _set_acl_delay(world: World, *, is_on: bool) -> None:
    world.delays_acls = is_on
    if not is_on:
        world.settle_acls()


def _set_totals_hidden(world: World, *, is_on: bool) -> None:
    world.hides_total_items = is_on


FAULTS = (
    # passing faults: retried
    requests("429 for a while", busy(429, retry_after_s=0), first=4, times=2, recovers=True),
    requests("503 for a while", busy(503), path=LISTING, first=2, times=2, recovers=True),
    requests("500 once", fail(500), path=LISTING, first=3, times=1, recovers=True),
    requests("500 now and then", fail(500), probability=0.03, recovers=None),
    requests("a listing broken off", break_off(0.5), path=LISTING, first=2, times=2, recovers=True),
    requests("a connection reset at once", reset(0), path=LISTING, first=3, times=2, recovers=True),
    requests("a connection reset in the middle", reset(0.7), path=LISTING, first=2, times=1, recovers=True),
    requests("a listing cut short", cut_short(0.5), path=LISTING, first=2, times=1, recovers=True),
    requests("a record cut short", cut_short(0.5), path=NODE, first=2, times=1, recovers=True),
    requests("a content broken off", break_off(0.5), path=CONTENT, times=1, recovers=True),
    requests("a content reset", reset(0.5), path=CONTENT, times=1, recovers=True),
    requests("a content cut short", cut_short(0.5), path=CONTENT, times=1, recovers=True),
    requests("a proxy's page in place of a content", login_page(200), path=CONTENT, times=1, recovers=None),
    requests("a proxy's 404 in place of a listing", proxy_page(404), path=LISTING, first=2, times=1, recovers=True),
    requests("slow answers", delay(0.02), path=LISTING, recovers=True),
    requests("stalled answers", stall(0.02), path=LISTING, recovers=True),
    switch(
        "lists without a total",
        lambda world: _set_totals_hidden(world, is_on=True),
        lambda world: _set_totals_hidden(world, is_on=False),
        recovers=True,
    ),
    switch(
        "late inheritance",
        lambda world: _set_acl_delay(world, is_on=True),
        lambda world: _set_acl_delay(world, is_on=False),
        recovers=True,
    ),
    # lasting faults: the run ends early
    requests("503 from then on", busy(503), path=LISTING, first=3, recovers=False),
    requests("a storm of 401", refuse(401), first=6, recovers=False),
    requests("a storm of 403", refuse(403), path=LISTING, first=2, recovers=False),
    requests("a login page from then on", login_page(200), first=6, recovers=False),
    requests("a refusing login page from then on", login_page(401), first=6, recovers=False),
    requests("a proxy's 404 from then on", proxy_page(404), first=6, recovers=False),
    requests("a proxy's 502 from then on", proxy_page(502), first=6, recovers=False),
    requests("listings cut short from then on", cut_short(0.5), path=LISTING, first=2, recovers=False),
    requests("connections reset from then on", reset(0), first=6, recovers=False),
    # what looks like an answer
    requests("no content can be had", fail(500), path=CONTENT, recovers=None),
    requests("no content is there", not_found(), path=CONTENT, recovers=None),
    requests("contents refused", refuse(403), path=CONTENT, recovers=None),
    requests("contents cut short", cut_short(0.5), path=CONTENT, recovers=None),
    requests("comments refused", refuse(403), path=COMMENTS, recovers=None),
    requests("an empty listing", empty_list(), path=LISTING, first=3, times=1, recovers=None),
    requests("empty listings", empty_list(), path=LISTING, recovers=None),
    requests("a folder that is said to be gone", not_found(), path=LISTING, first=4, times=1, recovers=None),
    requests("records that are said to be gone", not_found(), path=NODE, first=6, recovers=None, deletes=True),
    requests("pages that begin late", shift_pages(1), path=LISTING, recovers=None),
    requests("pages that begin early", shift_pages(-1), path=LISTING, recovers=None),
    switch(
        "a site lost",
        lambda world: world.lose_site("site00"),
        lambda world: world.find_site("site00"),
        recovers=None,
        deletes=True,
    ),
    switch(
        "the account lost its rights",
        lambda world: world.leave_group("admin", ADMINISTRATORS),
        lambda world: world.join_group("admin", ADMINISTRATORS),
        recovers=None,
    ),
    switch(
        "the account was closed",
        lambda world: world.disable_person("admin"),
        lambda world: world.enable_person("admin"),
        recovers=False,
    ),
)
