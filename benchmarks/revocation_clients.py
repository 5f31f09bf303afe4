"""People who ask without a pause while their rights change, in a process of their own, and judge each answer.

Every question has one right answer before a change and one after it, learned while nothing changes. An answer under
load must be one of the two as a whole: hits, totals, facets, excerpts, suggestions. What is neither is `BETWEEN` where
its parts at least agree with each other (documents are being put under another list, one after the other), and `TORN`
where they do not.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle, islice
from multiprocessing.connection import Connection
from threading import Event, Thread
from typing import Any

import httpx

_START_TIMEOUT_S = 300  # it imports the program first, which takes seconds, and minutes on a busy machine
_PAGE = 20


class State(StrEnum):
    """Which rights an answer was given under."""

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a reader. Without a body it asks for suggestions."""

    text: str
    body: Mapping[str, Any] | None = None

    def ask(self, http: httpx.Client) -> dict[str, Any]:
        """Send the request, and return all of its answer that has to do with the index."""
        if self.body is None:
            answer = http.get("/suggest", params={"q": self.text})
        else:
            answer = http.post("/query", json=dict(self.body))
        told: dict[str, Any] = answer.raise_for_status().json()
        return {key: value for key, value in told.items() if key not in {"query_id", "next_cursor"}}


def questions(words: Sequence[str]) -> list[Question]:
    """Questions of every kind about the words, and about everything."""
    shared = {"facets": ["type", "site", "source"], "page": {"size": _PAGE}, "collapse": False}
    asked = [Question("", {"query": "", **shared})]
    for word in words:
        asked += [Question(word, {"query": word, "mode": mode, **shared}) for mode in ("keyword", "hybrid")]
        asked.append(Question(word[:4]))
    return asked


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer under load; moments are of the monotonic clock, which all processes share."""

    question: int
    sent_at: float
    received_at: float
    state: State


def agrees_with_itself(told: Mapping[str, Any]) -> bool:
    """Whether total, facets and hits of an answer can be of one and the same set of documents."""
    if "suggestions" in told:
        return True
    total = told["total"]["value"]
    counted = sum(entry["count"] for entry in told["facets"]["type"])
    return counted == total and len(told["results"]) == min(_PAGE, total)


class Crowd:
    """The people, as their driver sees them."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def learn(self, state: State) -> int:
        """Have them note what every question's answer is now; returns how many they have."""
        return int(self._order("learn", state))

    def begin(self) -> None:
        """Let them ask."""
        self._order("begin", None)

    def pause(self) -> list[Answered]:
        """Let them rest, and take what they were answered."""
        answered: list[Answered] = self._order("pause", None)
        return answered

    def _order(self, order: str, what: object) -> Any:
        self._pipe.send((order, what))
        outcome = self._pipe.recv()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@contextmanager
def crowd(address: str, token: str, asked: Sequence[Question], *, clients: int) -> Iterator[Crowd]:
    """Start so many people; nobody asks yet."""
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=_obey, args=(there, address, token, asked, clients), daemon=True)
    process.start()
    try:
        if not here.poll(_START_TIMEOUT_S):
            raise RuntimeError("the readers did not start")
        here.recv()
        yield Crowd(here)
    finally:
        here.send(("stop", None))
        process.join(timeout=_START_TIMEOUT_S)


def _obey(orders: Connection, address: str, token: str, asked: Sequence[Question], clients: int) -> None:
    """Do what the driver orders, in a process of its own."""
    people = _People(address, token, asked, clients)
    orders.send("ready")
    while (order := orders.recv())[0] != "stop":
        try:
            orders.send(people.do(*order))
        except Exception as error:  # noqa: BLE001 - the driver raises it
            orders.send(error)


@dataclass
class _People:
    address: str
    token: str
    asked: Sequence[Question]
    clients: int
    known: dict[State, list[dict[str, Any]]] = field(default_factory=dict)
    telling: list[int] = field(default_factory=list)  # questions whose answer tells the rights it was given under
    at_work: list[_Person] = field(default_factory=list)

    def do(self, order: str, what: Any) -> object:
        match order:
            case "learn":
                return self._learn(what)
            case "begin":
                self.at_work = [_Person(self, first=number) for number in range(self.clients)]
                for person in self.at_work:
                    person.start()
                return None
            case _:
                return [answered for person in self.at_work for answered in person.rest()]

    def _learn(self, state: State) -> int:
        with self.connected() as http:
            first, second = ([question.ask(http) for question in self.asked] for _ in range(2))
        assert first == second, "an answer changes while nothing does"
        self.known[state] = first
        if len(self.known) == 2:
            pairs = zip(*self.known.values(), strict=True)
            self.telling = [number for number, (one, other) in enumerate(pairs) if one != other]
        return len(self.telling)

    def connected(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60, trust_env=False)

    def judged(self, number: int, told: Mapping[str, Any]) -> State:
        for state, answers in self.known.items():
            if told == answers[number]:
                return state
        return State.BETWEEN if agrees_with_itself(told) else State.TORN


class _Person(Thread):
    """Asks one question after the other, and one more when told to rest."""

    def __init__(self, people: _People, *, first: int) -> None:
        super().__init__(daemon=True)
        self._people = people
        self._first = first
        self._resting = Event()
        self._answered: list[Answered] = []
        self._failure: Exception | None = None

    def run(self) -> None:
        telling = self._people.telling
        try:
            with self._people.connected() as http:
                for number in islice(cycle(telling), self._first % len(telling), None):
                    is_last = self._resting.is_set()
                    self._ask(http, number)
                    if is_last:
                        return
        except Exception as failure:  # noqa: BLE001 - raised by `rest`
            self._failure = failure

    def _ask(self, http: httpx.Client, number: int) -> None:
        sent_at = time.monotonic()
        told = self._people.asked[number].ask(http)
        received_at = time.monotonic()
        self._answered.append(Answered(number, sent_at, received_at, self._people.judged(number, told)))

    def rest(self) -> list[Answered]:
        self._resting.set()
        self.join()
        if self._failure is not None:
            raise self._failure
        return self._answered
