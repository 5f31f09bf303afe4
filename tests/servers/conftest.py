"""The real servers, each started once for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.certificates import CertificateAuthority
from tests.servers.java import ServerMissing, skip_or_fail
from tests.servers.keycloak import Keycloak, Realm, running_keycloak


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
