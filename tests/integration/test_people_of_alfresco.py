"""Who of an Alfresco's people is found as a reader: odd addresses, shared ones, leavers, guests, service accounts.

From the simulated server over HTTP through the connector into the identity store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine

from acl.identity_store import IdentityStore, MatchOutcome
from acl.reader import MatchUserBy
from acl.tables import create_tables
from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from vocabulary.documents import Upsert

EMAIL, USERNAME = MatchUserBy.EMAIL, MatchUserBy.USERNAME


@pytest.fixture
def world() -> World:
    world = World(name="people")
    world.add_person("Ann", email="ann@example.com")
    world.add_person("nomail")
    world.add_person("blank", email=" ")
    world.add_person("box1", email="Office@Example.com")
    world.add_person("box2", email="office@example.com")
    world.add_person("heir", email="desk@example.com")
    world.add_person("leaver", email="desk@example.com", enabled=False)
    world.add_person("gone", email="gone@example.com", enabled=False)
    world.add_person("crawler", password="crawler", is_service_account=True)
    return world


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_world(world) as base_url:
        yield base_url


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    yield engine
    engine.dispose()


@asynccontextmanager
async def connected(url: str, user: str = "admin", **settings: Any) -> AsyncIterator[AlfrescoConnector]:
    auth = {"kind": "basic", "username": user, "password": SecretStr(user)}
    config = AlfrescoConfig.model_validate({"url": url, "auth": auth, "folders": ["/Company Home"], **settings})
    async with AlfrescoConnector("onprem", config) as connector:
        yield connector


@pytest.fixture
async def store(url: str, engine: Engine) -> IdentityStore:
    store = IdentityStore(engine)
    async with connected(url) as connector:
        await store.replace("onprem", connector.identities())
    return store


@pytest.mark.parametrize(
    ("user", "by", "found"),
    [
        ("ANN@example.com", EMAIL, "Ann"),
        ("ann", USERNAME, "Ann"),
        ("nomail", USERNAME, "nomail"),
        ("blank", USERNAME, "blank"),
        ("box1", USERNAME, "box1"),
        ("heir", USERNAME, "heir"),
        ("nomail", EMAIL, MatchOutcome.UNKNOWN),
        ("", EMAIL, MatchOutcome.UNKNOWN),
        (" ", EMAIL, MatchOutcome.UNKNOWN),
        ("", USERNAME, MatchOutcome.UNKNOWN),
        ("office@example.com", EMAIL, MatchOutcome.AMBIGUOUS),
        ("desk@example.com", EMAIL, MatchOutcome.AMBIGUOUS),
        ("gone@example.com", EMAIL, MatchOutcome.DISABLED),
        ("gone", USERNAME, MatchOutcome.DISABLED),
    ],
)
async def test_a_reader_is_one_enabled_person_or_nobody(
    store: IdentityStore, user: str, by: MatchUserBy, found: str | MatchOutcome
) -> None:
    match = await store.find("onprem", user, by=by)
    assert (match.person.username if match.person else match.outcome) == found


async def test_a_person_acts_under_the_spelling_that_permission_entries_use(store: IdentityStore) -> None:
    match = await store.find("onprem", "ann", by=USERNAME)
    assert match.person is not None
    assert "user:onprem/Ann" in await store.principals_of(match.person)


async def test_check_tells_who_cannot_be_found_by_address(url: str) -> None:
    async with connected(url) as connector:
        told = {result.subject: result for result in await connector.check()}
    people = told["people and groups"]
    assert people.passed
    for told_of in ("10 people looked at", "3 without an e-mail address", "4 sharing an address", "2 disabled"):
        assert told_of in people.message


async def test_a_service_account_brings_all_documents_with_their_permissions(world: World, url: str) -> None:
    """Its right is a dynamic role, which no list names: it is no administrator and passes every check."""
    private = world.add_folder(world.shared, "private")
    world.set_permissions(private, inherit=False, entries=[("Ann", "Consumer")])
    world.add_file(private, "a.txt", b"a")
    async with connected(url, user="crawler") as connector:
        results = {result.subject: result for result in await connector.check()}
        documents = [change.document async for change in connector.crawl(None) if isinstance(change, Upsert)]
    assert all(result.passed for result in results.values())
    assert "not an administrator" in results["sign-in"].message
    assert [(one.title, {str(who) for who in one.acl.allow}) for one in documents if one.acl] == [
        ("a.txt", {"user:onprem/Ann"})
    ]
