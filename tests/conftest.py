"""What the whole test run shares: the watch over every simulated Alfresco, the state store, and the real servers.

A wrong answer of a simulated Alfresco fails the test that asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa
from openapi_validation import MISSING, OPENAPI, AnswerWatch, OfficialApi, official_api

from service.state.store import open_engine
from tests.servers import opensearch as opensearch_server
from tests.servers import postgresql as postgresql_server
from tests.servers.java import ServerMissing, skip_or_fail
from tests.servers.opensearch import OpenSearchServer, running_opensearch
from tests.servers.postgresql import PostgresServer, running_postgresql

# Speed is shown by benchmarks, never by tests: a busy machine must not fail a property.
hypothesis.settings.register_profile("sightline", deadline=None)
hypothesis.settings.load_profile("sightline")


# Files of few and long tests. Begun first, they leave no process of a run with one of them alone at its end.
_LONG = ("servers", "proof", "integration")


_FILES_OF_SERVERS = pytest.StashKey[frozenset[Path]]()
_SERVERS = ("keycloak", "opensearch", "postgresql")


@pytest.hookimpl(tryfirst=True)  # while the tests are there that -m takes out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    of_servers = (item for item in items if any(item.get_closest_marker(server) for server in _SERVERS))
    config.stash[_FILES_OF_SERVERS] = frozenset(item.path for item in of_servers)
    items.sort(key=lambda item: not any(folder in item.path.parts for folder in _LONG))


@pytest.fixture(scope="session")
def files_of_servers(request: pytest.FixtureRequest) -> frozenset[Path]:
    """The files with tests of real servers among all that were collected, whether those are run or not."""
    return request.config.stash[_FILES_OF_SERVERS]


def pytest_report_header() -> str:
    state = "against the official OpenAPI files" if OPENAPI.is_dir() else f"not validated: {MISSING}"
    return f"simulated Alfresco: answers {state}"


@pytest.fixture(scope="session", autouse=True)
def answer_watch() -> Iterator[AnswerWatch]:
    """Look at the answers of all simulated servers; `take()` returns what was wrong with them."""
    watch = AnswerWatch()
    if not OPENAPI.is_dir():
        yield watch
        return
    with watch.installed():
        yield watch


@pytest.fixture(autouse=True)
def _answers_are_valid(answer_watch: AnswerWatch) -> Iterator[None]:
    yield
    if violations := answer_watch.take():
        pytest.fail("the simulated Alfresco answered as no real one would:\n" + "\n".join(violations))


@pytest.fixture
def alfresco_api() -> OfficialApi:
    """The official OpenAPI files, for tests that make no sense without them."""
    if not OPENAPI.is_dir():
        pytest.skip(MISSING)
    return official_api()


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearchServer]:
    """The OpenSearch of the run: started once, or kept running by somebody. Skips where it cannot be had, CI apart."""
    server = opensearch_server.started_elsewhere()
    if server is not None:
        yield server
        server.drop_all()
        return
    try:
        with running_opensearch(tmp_path_factory.mktemp("opensearch")) as started:
            yield started
    except ServerMissing as missing:
        skip_or_fail("OpenSearch", missing)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """The PostgreSQL of the run: started once, or kept running by somebody. Skips where it cannot be had, CI apart."""
    server = postgresql_server.started_elsewhere()
    if server is not None:
        yield server
        return
    try:
        with running_postgresql() as started:
            yield started
    except ServerMissing as missing:
        skip_or_fail("PostgreSQL", missing)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database for a state store, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    url = server.new_database()
    yield url
    server.drop(url)


@pytest.fixture
def engine(state_url: str) -> Iterator[sa.Engine]:
    """A state store, opened as the program opens it."""
    engine = open_engine(state_url)
    yield engine
    engine.dispose()


@pytest.fixture
def other_engine(state_url: str, engine: sa.Engine) -> Iterator[sa.Engine]:
    """A second process's view of the same state."""
    other = open_engine(state_url)
    yield other
    other.dispose()
