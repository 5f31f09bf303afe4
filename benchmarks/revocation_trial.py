"""One service under load, and a folder at its source that is taken from its readers and given back, again and again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from acl import AclStore, MatchUserBy, SourceIdentityRule
from benchmarks.revocation_clients import Answered, Crowd, State
from benchmarks.sync_rooms import Rooms
from benchmarks.sync_worlds import Repository
from indexer.state.run_history import RunState
from service.http.app import create_app
from service.http.server import listen, port_of, serving
from service.reader import Readers
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from service.tokens import TokenVerifier
from service.tokens.config import Algorithm, JwtTokenConfig
from vocabulary.access import Acl, AclId
from vocabulary.indexing import IndexOperation
from vocabulary.ports import SearchBackend, SyncMode

INDEX = "bench"
_SOURCE = "bench"
_ISSUER = "https://idp.example.com"
_SECRET = "of this benchmark alone, thirty-two bytes or more"  # noqa: S105 - says what it is
_DAY_S = 86_400
_BEFORE_A_CHANGE_S = (0.2, 0.6)  # at random, so that changes meet queries at every stage


@dataclass
class Moments:
    """When the latest change reached the sync, and when the last of it took effect, by the monotonic clock."""

    read_at: float | None = None
    in_force_at: float | None = None
    has_given: bool = False  # what a list gives is in force

    def forget(self) -> None:
        self.read_at = self.in_force_at = None
        self.has_given = False

    def took_effect(self, *, read_at: float) -> None:
        self.read_at = read_at if self.read_at is None else self.read_at
        self.in_force_at = time.monotonic()


class WatchedAcls(AclStore):
    """The product's ACL store, telling when lists change."""

    moments: Moments

    async def number(self, source: str, acls: Iterable[Acl], **told: Any) -> Mapping[str, AclId]:
        read_at, version = time.monotonic(), await self.version(source)
        numbers = await super().number(source, acls, **told)
        if await self.version(source) != version:
            self.moments.took_effect(read_at=read_at)
        return numbers

    async def grant(self, source: str, **told: Any) -> None:
        read_at, version = time.monotonic(), await self.version(source)
        await super().grant(source, **told)
        if await self.version(source) != version:
            self.moments.took_effect(read_at=read_at)
            self.moments.has_given = True


class WatchedBackend:
    """An engine, telling when it is written to."""

    def __init__(self, engine: SearchBackend, moments: Moments) -> None:
        self._engine = engine
        self._moments = moments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def apply(self, operations: Sequence[IndexOperation], **told: Any) -> Any:
        read_at = time.monotonic()
        refused = await self._engine.apply(operations, **told)
        self._moments.took_effect(read_at=read_at)
        return refused


@asynccontextmanager
async def watched(engine: AbstractAsyncContextManager[Any], moments: Moments) -> AsyncIterator[WatchedBackend]:
    """Open an engine, and watch it."""
    async with engine as opened:
        yield WatchedBackend(opened, moments)


@asynccontextmanager
async def served(rooms: Rooms) -> AsyncIterator[str]:
    """Serve the index over HTTP, with the product's own front door; yields its address."""
    index = ServedIndex(INDEX, IndexAccess.TOKEN, rooms.backend, (SourceIdentityRule(_SOURCE, MatchUserBy.EMAIL),))
    service = SearchService({INDEX: index}, rooms.enricher)
    issuer = JwtTokenConfig(
        kind="jwt",
        issuer=_ISSUER,
        audience=INDEX,
        algorithms=(Algorithm.HS256,),
        shared_secret=SecretStr(_SECRET),
    )
    app = create_app(service, Readers(rooms.access, TokenVerifier([issuer])), probes={})
    with listen("127.0.0.1", 0) as listening:
        async with serving(app, listening):
            yield f"http://127.0.0.1:{port_of(listening)}/indexes/{INDEX}"


def token_for(email: str) -> str:
    claims = {"iss": _ISSUER, "aud": INDEX, "email": email, "exp": int(time.time()) + _DAY_S}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(_SECRET))


@dataclass(frozen=True, slots=True)
class Flip:
    """One change at the source, and what people were answered around it."""

    changed_at: float
    began_at: float
    read_at: float
    in_force_at: float
    becomes: State  # what an obeying answer is
    answered: tuple[Answered, ...]

    @property
    def first_answer_at(self) -> float:
        return min(one.received_at for one in self.answered if one.state is self.becomes)

    @property
    def disobeying(self) -> int:
        """Answers under the old rights, if only in part, to queries that were sent once the new ones were in force."""
        return sum(one.sent_at > self.in_force_at and one.state is not self.becomes for one in self.answered)

    def count(self, state: State) -> int:
        return sum(one.state is state for one in self.answered)


@dataclass
class Trial:
    """Flips the folder. `every_s`: the sync begins at random up to so long after the change."""

    source: Repository
    rooms: Rooms
    crowd: Crowd
    moments: Moments
    mode: SyncMode
    every_s: float
    random: random.Random = field(default_factory=lambda: random.Random(1))

    async def learn(self) -> int:
        """Learn every answer in both states; returns how many questions tell them apart."""
        await asyncio.to_thread(self.crowd.learn, State.BEFORE)
        await asyncio.to_thread(self.source.shut_out_readers)
        await self._sync(SyncMode.PERMISSIONS)
        telling = await asyncio.to_thread(self.crowd.learn, State.AFTER)
        await asyncio.to_thread(self.source.let_readers_in)
        await self._sync(SyncMode.PERMISSIONS)
        return telling

    async def take(self) -> Flip:
        """Take the folder from its readers."""
        return await self._flip(self.source.shut_out_readers, self.mode, becomes=State.AFTER)

    async def give_back(self) -> Flip:
        """Let its readers in again: what a list gives anew waits for the end of a walk, which permissions are.

        A walk that a fault of the source interrupts (on a busy machine: an answer that comes too late) gives nothing,
        and another one follows.
        """
        return await self._flip(self.source.let_readers_in, SyncMode.PERMISSIONS, becomes=State.BEFORE)

    async def _flip(self, change: Callable[[], float], mode: SyncMode, *, becomes: State) -> Flip:
        await asyncio.to_thread(self.crowd.begin)
        await asyncio.sleep(self.random.uniform(*_BEFORE_A_CHANGE_S))
        self.moments.forget()
        changed_at = await asyncio.to_thread(change)
        await asyncio.sleep(self.random.uniform(0, self.every_s))
        began_at = time.monotonic()
        await self._sync(mode)
        while becomes is State.BEFORE and not self.moments.has_given:
            await self._sync(mode)
        answered = await asyncio.to_thread(self.crowd.pause)
        read_at, in_force_at = self.moments.read_at, self.moments.in_force_at
        assert read_at is not None, "the sync has not heard of the change"
        assert in_force_at is not None
        return Flip(changed_at, began_at, read_at, in_force_at, becomes, tuple(answered))

    async def _sync(self, mode: SyncMode) -> None:
        report = await self.rooms.sync(mode)
        assert report.state is RunState.SUCCEEDED, report
