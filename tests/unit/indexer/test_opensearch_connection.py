"""How the engine reaches a cluster: sign-in, certificates, several hosts, and faults told by what to do."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.config import AwsSignIn, CertificateSignIn, OpenSearchConfig, PasswordSignIn
from indexer.backends.opensearch.faults import is_found
from tests.fakes.certificates import CertificateAuthority
from tests.fakes.scripted_cluster import ScriptedCluster
from tests.servers.process import free_port
from vocabulary.errors import ConfigurationError, IndexBusy, SettingInvalid, SettingMissing


async def asked(*urls: str, **options: Any) -> dict[str, Any]:
    async with Connection(OpenSearchConfig(urls, "alias", **options)) as connection:
        answer: dict[str, Any] = await connection.call(lambda client: client.info())
        return answer


async def test_a_password_is_sent_as_basic_credentials() -> None:
    cluster = ScriptedCluster()
    async with cluster.running():
        await asked(cluster.url, sign_in=PasswordSignIn("me", SecretStr("pass wörd")))
    kind, _, encoded = cluster.signed[0].partition(" ")
    assert (kind, base64.b64decode(encoded).decode()) == ("Basic", "me:pass wörd")


async def test_requests_to_aws_are_signed_with_the_credentials_of_the_surroundings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    cluster = ScriptedCluster()
    async with cluster.running():
        await asked(cluster.url, sign_in=AwsSignIn("eu-central-1"))
    assert cluster.signed[0].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/es/aws4_request" in cluster.signed[0]


async def test_without_credentials_for_aws_the_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SettingMissing, match="aws_region"):
        await asked("http://127.0.0.1:1", sign_in=AwsSignIn("eu-central-1"))


async def test_a_cluster_is_trusted_by_the_certificate_that_is_configured(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, "ours")
    cluster = ScriptedCluster(tls=_server_side(authority))
    async with cluster.running():
        assert (await asked(cluster.url, ca_certificate=authority.certificate))["version"]["number"] == "3.5.0"
        with pytest.raises(SettingInvalid, match="ca_certificate: the server's certificate is not trusted"):
            await asked(cluster.url)


async def test_a_client_certificate_signs_in(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, "ours")
    context = _server_side(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    mine = authority.tls()
    cluster = ScriptedCluster(tls=context)
    async with cluster.running():
        sign_in = CertificateSignIn(mine.certificate, mine.key)
        assert await asked(cluster.url, ca_certificate=authority.certificate, sign_in=sign_in)
        with pytest.raises(
            (SettingInvalid, IndexBusy)
        ):  # the server ends the connection before or after our first byte
            await asked(cluster.url, ca_certificate=authority.certificate)


@pytest.mark.parametrize("named", ["missing.pem", "empty.pem"])
async def test_certificates_that_cannot_be_read_are_told_with_their_setting(tmp_path: Path, named: str) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(SettingInvalid, match=r"^ca_certificate: "):
        await asked("https://127.0.0.1:1", ca_certificate=tmp_path / named)
    with pytest.raises(SettingInvalid, match=r"^client_certificate, client_key: "):
        await asked("https://127.0.0.1:1", sign_in=CertificateSignIn(tmp_path / named))


async def test_where_one_host_does_not_answer_the_next_is_asked() -> None:
    cluster = ScriptedCluster()
    async with cluster.running():
        dead = f"http://127.0.0.1:{free_port()}"
        for _ in range(4):  # the library begins with any of them
            assert await asked(dead, cluster.url, dead)
    assert len(cluster.signed) == 4


async def test_a_cluster_that_is_not_there_is_busy_and_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(IndexBusy, match=f"cannot be reached at {url}"):
        await asked(url)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, SettingInvalid, "username, password: OpenSearch refuses the credentials"),
        (403, ConfigurationError, "lack of rights"),
        (429, IndexBusy, "turns requests away"),
        (503, IndexBusy, "cannot take the request now"),
    ],
)
async def test_a_refusal_is_told_by_what_to_do(status: int, kind: type[Exception], words: str) -> None:
    cluster = ScriptedCluster(refused={0: status})
    async with cluster.running():
        with pytest.raises(kind, match=words):
            await asked(cluster.url)


def test_a_document_that_cannot_be_read_now_is_not_taken_for_missing() -> None:
    assert is_found({"_id": "wiki/a", "found": True})
    assert not is_found({"_id": "wiki/a", "found": False})
    with pytest.raises(IndexBusy, match="no_shard_available_action_exception"):
        is_found({"_id": "wiki/a", "error": {"type": "no_shard_available_action_exception", "reason": "none"}})


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    cluster = ScriptedCluster(delay_s=30.0)
    async with cluster.running():
        with pytest.raises(IndexBusy, match=r"did not answer within 0.1 s"):
            await asked(cluster.url, request_timeout_s=0.1)


def _server_side(authority: CertificateAuthority) -> ssl.SSLContext:
    served = authority.tls()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served.certificate, served.key)
    return context
