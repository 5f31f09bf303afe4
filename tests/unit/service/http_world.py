"""A small served world for HTTP tests: real tokens, real access control, an index in memory, no sockets.

ann   reads the plan and the menu        bob   reads the menu        ada   is an administrator of the source
the index `open` is public and holds the menu's public sister
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from acl import AclStore, IdentityStore, MatchUserBy, SourceIdentityRule
from connectors.filesystem.config import FilesystemConfig
from embedder import EmbedderConfig
from indexer.backends.memory.backend import MemoryBackend
from indexer.extract import ExtractionSettings
from service.admin.administration import administration_of
from service.admin.key_config import AdminKeyConfig
from service.http.app import create_app
from service.reader import Readers
from service.routes.health import Probe
from service.scheduling.scheduler import Scheduler
from service.search import SearchService, ServedIndex
from service.settings.indexes import EmbeddedIndexSettings, IndexAccess
from service.settings.schedule import SchedulerSettings
from service.settings.settings import ConfiguredSource, Settings, StateSettings
from service.settings.toxicity import ToxicitySettings
from service.state.schema import prepare
from service.tokens import TokenVerifier
from service.tokens.config import Algorithm, JwtTokenConfig
from service.wiring import State, make_metrics
from tests.fakes.documents import DIMENSIONS, document, hashed_vector
from tests.fakes.plain_rooms import HashingEnricher
from vocabulary.access import Acl, Identity, Person, Principal
from vocabulary.documents import Vector
from vocabulary.indexing import Put

SECRET = "a shared secret of more than thirty-two bytes"
ISSUER = "https://idp.example.com"
AUDIENCE = "sightline"
ADMINISTRATOR = "ada"
PLAN_TEXT = "the secret merger plan of the board"
MENU_TEXT = "the menu of the canteen, with a plan of the week"


class HashedQueries(HashingEnricher):
    """Embeds queries as `tests.fakes.documents` embeds passages."""

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    async def embed_query(self, text: str) -> Vector:
        return hashed_vector(text)


def token_for(user: str, **changes: Any) -> str:
    """Sign a token; a change to None leaves a claim out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "email": user, "iat": now, "exp": now + 60} | changes
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "HS256"}, present, OctKey.import_key(SECRET))


def bearer(user: str, **changes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_for(user, **changes)}"}


@dataclass(frozen=True)
class HttpWorld:
    """What a test asks, and the state behind it."""

    client: httpx.AsyncClient
    engine: sa.Engine
    backends: Mapping[str, MemoryBackend]
    openapi: Callable[[], Mapping[str, Any]]

    async def suggest(
        self, index: str, *, headers: Mapping[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        return await self.client.get(f"/indexes/{index}/suggest", params=parameters, headers=headers)

    async def ask(self, index: str, *, headers: Mapping[str, str] | None = None, **body: object) -> httpx.Response:
        return await self.client.post(f"/indexes/{index}/query", json=body, headers=headers)


TOKENS = JwtTokenConfig(
    kind="jwt",
    issuer=ISSUER,
    audience=AUDIENCE,
    algorithms=(Algorithm.HS256,),
    shared_secret=SecretStr(SECRET),
    groups_claim="groups",
)


def verifier() -> TokenVerifier:
    return TokenVerifier([TOKENS])


def _settings(
    rules: Mapping[str, Sequence[SourceIdentityRule]],
    public: Iterable[str],
    admin_keys: Sequence[AdminKeyConfig],
    toxicity: ToxicitySettings | None,
) -> Settings:
    """The settings that such a service would have been started with; where they lead on disk, nobody looks."""
    return Settings(
        state=StateSettings(url="sqlite://"),
        indexes={
            name: EmbeddedIndexSettings(
                engine="embedded",
                path=Path(name),
                access=IndexAccess.PUBLIC if name in public else IndexAccess.TOKEN,
            )
            for name in rules
        },
        tokens=(TOKENS,),
        sources={
            rule.source: ConfiguredSource(
                connector="filesystem",
                index=name,
                match_user_by=rule.match_user_by.value,
                toxicity=toxicity,
                connection=FilesystemConfig(root=Path(rule.source)),
            )
            for name, of_index in rules.items()
            for rule in of_index
        },
        embedder=EmbedderConfig(),
        extraction=ExtractionSettings(),
        scheduler=SchedulerSettings(),
        admin_keys=tuple(admin_keys),
    )


@asynccontextmanager
async def served(
    engine: sa.Engine,
    rules: Mapping[str, Sequence[SourceIdentityRule]],
    *,
    public: Iterable[str] = (),
    probes: Mapping[str, Probe] | None = None,
    people: str = "",
    admin_keys: Sequence[AdminKeyConfig] = (),
    are_metrics_open: bool = False,
    believing: TokenVerifier | None = None,
    scheduler: Scheduler | None = None,
    toxicity: ToxicitySettings | None = None,
) -> AsyncIterator[HttpWorld]:
    """Serve one empty index in memory for each name in `rules`; without keys, without the admin API.

    `believing` None: tokens of `token_for`.
    """
    prepare(engine)
    async with AsyncExitStack() as opened:
        backends = {name: await opened.enter_async_context(MemoryBackend(dimensions=DIMENSIONS)) for name in rules}
        for backend in backends.values():
            await backend.adopt(AclStore(engine).numbering)
        indexes = {
            name: ServedIndex(
                name=name,
                access=IndexAccess.PUBLIC if name in public else IndexAccess.TOKEN,
                backend=backends[name],
                identity_rules=tuple(rules[name]),
            )
            for name in rules
        }
        service = SearchService(indexes, HashedQueries())
        state, settings = State.over(engine), _settings(rules, public, admin_keys, toxicity)
        metrics = make_metrics(settings, state)
        await metrics.refresh()
        app = create_app(
            service,
            Readers(state.access_control, believing or verifier()),
            probes=probes or {},
            people=people,
            administration=administration_of(settings, state, service, scheduler),
            metrics=metrics,
            are_metrics_open=are_metrics_open,
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await opened.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        yield HttpWorld(client, engine, backends, app.openapi)


async def furnish(world: HttpWorld) -> None:
    """Store the people, the lists and the documents of this world."""
    for source, people in {"hr": ("ann", "bob", ADMINISTRATOR), "web": ()}.items():
        await IdentityStore(world.engine).replace(source, listed([person_of(source, name) for name in people]))
    ann, bob = Principal.user("hr", "ann"), Principal.user("hr", "bob")
    lists = [Acl("plan", frozenset({ann})), Acl("menu", frozenset({ann, bob}))]
    numbers = await AclStore(world.engine).number("hr", lists)
    await world.backends["private"].apply(
        [
            document_of("plan", PLAN_TEXT, source="hr", acl=numbers["plan"], site="board"),
            document_of("menu", MENU_TEXT, source="hr", acl=numbers["menu"], site="canteen"),
        ]
    )
    public = await AclStore(world.engine).number("web", [Acl("all", frozenset({Principal.everyone("web")}))])
    await world.backends["open"].apply(
        [document_of("menu", MENU_TEXT, source="web", acl=public["all"], site="canteen")]
    )


def rule(source: str) -> SourceIdentityRule:
    return SourceIdentityRule(source, MatchUserBy.EMAIL)


def person_of(source: str, name: str) -> Person:
    return Person(
        Principal.user(source, name),
        username=name,
        email=f"{name}@example.com",
        display_name=name.title(),
        is_administrator=name == ADMINISTRATOR,
    )


def document_of(name: str, text: str, *, source: str, acl: int, site: str) -> Put:
    attributes = {
        "site": site,
        "modified_at": datetime(2025, 3, 1, 12, 30, tzinfo=UTC),
        "tags": ("a", "b"),
        "n": (1, 2.5),
    }
    return document(name, text, source=source, acl=acl, attributes=attributes)


async def listed(identities: Iterable[Identity]) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity
