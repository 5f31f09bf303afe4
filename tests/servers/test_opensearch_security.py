"""Sign-in at an OpenSearch with its security plugin: what works, and that each mistake is named by its setting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import CertificateSignIn, IndexOptions, OpenSearchConfig, PasswordSignIn
from tests.fakes.certificates import CertificateAuthority
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, hashed_vector, names, reader
from tests.servers.java import ServerMissing, skip_or_fail
from tests.servers.secured_opensearch import SecuredOpenSearch, secured_opensearch
from tests.unit.service.cli_folder import SETTINGS, CliFolder
from vocabulary.errors import ConfigurationError, IndexBusy, SettingInvalid
from vocabulary.search import FacetRequest, Query, SearchMode

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(900)]

ALIAS = "secured"
PASSWORD = "a-Long-enough-w0rd"
# What docs/configuration.md tells administrators to grant.
RIGHTS = {
    "cluster_permissions": ["cluster_composite_ops", "cluster_monitor"],
    "index_permissions": [{"index_patterns": [ALIAS, f"{ALIAS}-*"], "allowed_actions": ["indices_all"]}],
}
LOOKING = ["read", "indices:admin/aliases/get", "indices:admin/mappings/get", "indices:admin/get"]
READING_ALONE = {
    "cluster_permissions": ["cluster_composite_ops_ro"],
    "index_permissions": [{"index_patterns": [ALIAS, f"{ALIAS}-*"], "allowed_actions": LOOKING}],
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredOpenSearch]:
    try:
        with secured_opensearch(tmp_path_factory.mktemp("secured")) as running:
            running.add_user("sightline", PASSWORD, RIGHTS)
            running.add_user("onlooker", PASSWORD, READING_ALONE)
            running.add_user("machine", None, RIGHTS)
            yield running
    except ServerMissing as missing:
        skip_or_fail("OpenSearch", missing)


@pytest.fixture
def config(secured: SecuredOpenSearch) -> Iterator[OpenSearchConfig]:
    yield OpenSearchConfig(
        (secured.url,),
        ALIAS,
        sign_in=PasswordSignIn("sightline", SecretStr(PASSWORD)),
        ca_certificate=secured.authority.certificate,
        options=IndexOptions(replicas=0),
    )
    secured.call("DELETE", f"/{ALIAS}-*?ignore_unavailable=true")


def as_user(config: OpenSearchConfig, name: str, password: str = PASSWORD) -> OpenSearchConfig:
    return replace(config, sign_in=PasswordSignIn(name, SecretStr(password)))


async def write_and_search(config: OpenSearchConfig) -> list[str]:
    """Open the index, write two documents, one of them hidden from the reader, and ask in every mode."""
    async with OpenSearchBackend(config, dimensions=DIMENSIONS) as backend:
        await backend.adopt(NUMBERING)
        await backend.put_seal("seal", hide_all=False)
        assert await backend.apply([document("a", "budget plan"), document("b", "budget plan", acl=2)]) == {}
        found = []
        for mode in SearchMode:
            query = Query("budget", mode=mode, facets=(FacetRequest("source"),))
            page = await backend.search(query, hashed_vector("budget"), reader(1))
            assert page.facets["source"][0].count == page.total.value
            found += names(page)
        assert len(await backend.stored_documents(limit=10)) == 2
        return found


async def open_index(config: OpenSearchConfig) -> None:
    async with OpenSearchBackend(config, dimensions=DIMENSIONS):
        pass


async def test_a_password_and_the_rights_on_the_index_suffice(config: OpenSearchConfig) -> None:
    assert await write_and_search(config) == ["a"] * len(SearchMode)


async def test_a_client_certificate_signs_in(secured: SecuredOpenSearch, config: OpenSearchConfig) -> None:
    tls = secured.authority.tls("machine")
    assert await write_and_search(replace(config, sign_in=CertificateSignIn(tls.certificate, tls.key))) == ["a"] * len(
        SearchMode
    )


async def test_a_certificate_of_nobody_that_has_rights_is_named(
    secured: SecuredOpenSearch, config: OpenSearchConfig
) -> None:
    tls = secured.authority.tls("stranger")
    with pytest.raises(ConfigurationError, match="for lack of rights"):
        await open_index(replace(config, sign_in=CertificateSignIn(tls.certificate, tls.key)))


@pytest.mark.parametrize("name", ["sightline", "nobody"])
async def test_a_wrong_user_or_password_is_named(config: OpenSearchConfig, name: str) -> None:
    with pytest.raises(SettingInvalid, match="username, password: OpenSearch refuses the credentials"):
        await open_index(as_user(config, name, "wrong"))


async def test_no_sign_in_at_all_is_named(config: OpenSearchConfig) -> None:
    with pytest.raises(SettingInvalid, match="username, password"):
        await open_index(replace(config, sign_in=None))


async def test_rights_that_are_missing_are_named(config: OpenSearchConfig) -> None:
    with pytest.raises(ConfigurationError, match=r"for lack of rights: no permissions for \[indices:"):
        await open_index(as_user(config, "onlooker"))


async def test_rights_that_are_missing_for_writing_alone_are_named(config: OpenSearchConfig) -> None:
    await write_and_search(config)
    with pytest.raises(ConfigurationError, match=r"for lack of rights: no permissions for \[indices:data/write"):
        await open_index(as_user(config, "onlooker"))


async def test_a_server_of_another_authority_is_not_believed(config: OpenSearchConfig, tmp_path: Path) -> None:
    another = CertificateAuthority(tmp_path, "another").certificate
    for untrusting in (another, None):
        with pytest.raises(SettingInvalid, match="ca_certificate: the server's certificate is not trusted"):
            await open_index(replace(config, ca_certificate=untrusting))


async def test_an_address_without_tls_is_not_reached(config: OpenSearchConfig) -> None:
    urls = tuple(url.replace("https:", "http:") for url in config.urls)
    with pytest.raises((IndexBusy, ConfigurationError), match="OpenSearch"):
        await open_index(replace(config, urls=urls, ca_certificate=None))


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({}, "the user may create the index"),
        ({"password": '{ file = "wrong-password" }'}, "username, password: OpenSearch refuses the credentials"),
        ({"username": '"onlooker"'}, "for lack of rights"),
        ({"ca_certificate": '"other-ca.pem"'}, "ca_certificate: the server's certificate is not trusted"),
    ],
    ids=["all is well", "wrong password", "missing rights", "wrong authority"],
)
def test_check_names_what_is_wrong(
    config: OpenSearchConfig, tmp_path: Path, changed: dict[str, str], finding: str
) -> None:
    folder = CliFolder(tmp_path)
    folder.furnish()
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "wrong-password").write_text("wrong")
    CertificateAuthority(tmp_path, "other-ca")
    keys = {
        "engine": '"opensearch"',
        "url": f'"{config.urls[0]}"',
        "alias": f'"{ALIAS}"',
        "username": '"sightline"',
        "password": '{ file = "password" }',
        "ca_certificate": f'"{config.ca_certificate}"',
        "replicas": "0",
    } | changed
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    folder.write_settings(SETTINGS.replace('engine = "embedded"\npath = "data/private"', lines))
    results = json.loads(folder.run("check", "--json").stdout)
    of_index = [each for each in results if each["subject"].startswith("index private")]
    told = {each["subject"]: each["message"] for each in of_index if each["passed"] is not bool(changed)}
    assert any(finding in message for message in told.values()), of_index
    assert all(each["passed"] for each in of_index) is not bool(changed), of_index
