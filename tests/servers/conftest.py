"""The real servers, each started once for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.certificates import CertificateAuthority
from tests.servers.java import ServerMissing, skip_or_fail
from tests.servers.keycloak import Keycloak, Realm, running_keycloak
from tests.servers.mortal_opensearch import MortalOpenSearch, mortal_opensearch

# So few bytes of writes at a time that a whole batch is turned away: 429.
_MORTAL = {"indexing_pressure.memory.limit": "200kb"}


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Skip where it cannot be had, which CI does not accept."""
    folder = tmp_path_factory.mktemp("keycloak")
    authority = CertificateAuthority(folder, "keycloak")
    try:
        with running_keycloak(folder, tls=authority.tls(), certificate=authority.certificate) as server:
            yield server
    except ServerMissing as missing:
        skip_or_fail("Keycloak", missing)


@pytest.fixture(scope="session")
def realm(keycloak: Keycloak) -> Realm:
    """One for all tests, its keys take seconds to make; who changes more than clients and people makes another."""
    return keycloak.add_realm("acme")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalOpenSearch]:
    """An OpenSearch to be killed."""
    try:
        with mortal_opensearch(tmp_path_factory.mktemp("mortal"), _MORTAL) as running:
            yield running
    except ServerMissing as missing:
        skip_or_fail("OpenSearch", missing)


@pytest.fixture
def alias(cluster: MortalOpenSearch) -> Iterator[str]:
    """A name for an index of the server to be killed, which lives when the test begins."""
    cluster.revive()
    alias = cluster.server.new_alias()
    yield alias
    cluster.revive()
    cluster.server.drop(alias)
