"""A real OpenSearch with its security plugin: TLS, users, roles, sign-in by password or by client certificate."""

from __future__ import annotations

import shutil
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.certificates import CertificateAuthority
from tests.servers.mortal_opensearch import written_settings
from tests.servers.opensearch import KNN_PLUGIN, free_base_port, ports_above, runner
from tests.servers.opensearch_jars import security_jars
from tests.servers.process import running_process

ADMINISTRATOR = ("admin", "admin")  # as the plugin comes

_SECURITY_PLUGIN = "org.opensearch.security.OpenSearchSecurityPlugin"
_START_S = 600  # a quiet machine of two cores needs 15 to 40 s
_REQUEST_S = 60.0

_SIGN_IN = """
_meta: {type: config, config_version: 2}
config:
  dynamic:
    authc:
      certificate:
        {http_enabled: true, transport_enabled: true, order: 0,
         http_authenticator: {type: clientcert, challenge: false, config: {username_attribute: cn}},
         authentication_backend: {type: noop}}
      password:
        {http_enabled: true, transport_enabled: true, order: 1,
         http_authenticator: {type: basic, challenge: true},
         authentication_backend: {type: intern}}
"""


@dataclass
class SecuredOpenSearch:
    """A running server over TLS."""

    url: str
    authority: CertificateAuthority

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the server as its administrator."""
        with httpx.Client(
            base_url=self.url, auth=ADMINISTRATOR, verify=self.authority.context(), timeout=_REQUEST_S, trust_env=False
        ) as http:
            return http.request(method, path, json=body).raise_for_status()

    def add_user(self, name: str, password: str | None, rights: dict[str, Any]) -> None:
        """Add a user with a role of its own; without a password, only a certificate can sign in."""
        security = "/_plugins/_security/api"
        if password is not None:
            self.call("PUT", f"{security}/internalusers/{name}", {"password": password})
        self.call("PUT", f"{security}/roles/{name}", rights)
        self.call("PUT", f"{security}/rolesmapping/{name}", {"users": [name]})


@contextmanager
def secured_opensearch(folder: Path, *, heap: str = "768m", is_measured: bool = False) -> Iterator[SecuredOpenSearch]:
    """Serve an OpenSearch with TLS and users from `folder`; its log, `opensearch.log`, stays there.

    `is_measured`: Java compiles it as it would in production.

    Raises:
        ServerMissing: no Java, no Maven, or no network to fetch it.
        RuntimeError: it did not start.
    """
    authority = CertificateAuthority(folder, "opensearch")
    jars, cluster, base = security_jars(), f"secured-{uuid.uuid4().hex[:8]}", free_base_port()
    server = SecuredOpenSearch("", authority)

    def is_ready() -> bool:
        server.url = _address(cluster, base, authority.context()) or ""
        return bool(server.url)

    command = [
        *runner(heap, jars, is_measured=is_measured),
        *("-basePath", str(folder / "data"), "-numOfNode", "1", "-baseHttpPort", str(base), "-clusterName", cluster),
        *("-pluginTypes", f"{_SECURITY_PLUGIN},{KNN_PLUGIN}", "-confPath", str(_configured(folder, jars, authority))),
    ]
    log = folder / "opensearch.log"
    with running_process(command, environment={}, log=log, is_ready=is_ready, within_s=_START_S):
        yield server


def _configured(folder: Path, plugin: Path, authority: CertificateAuthority) -> Path:
    """Write the settings and the certificates, which have to lie beside them."""
    tls = authority.tls()
    files = {"pemcert_filepath": tls.certificate, "pemkey_filepath": tls.key}
    files["pemtrustedcas_filepath"] = authority.certificate
    settings = {
        f"plugins.security.ssl.{way}.{name}": file.name for way in ("transport", "http") for name, file in files.items()
    }
    settings |= {
        "plugins.security.ssl.transport.enforce_hostname_verification": "false",
        "plugins.security.ssl.http.enabled": "true",
        "plugins.security.ssl.http.clientauth_mode": "OPTIONAL",
        "plugins.security.allow_default_init_securityindex": "true",
        "plugins.security.restapi.roles_enabled": "[all_access]",
        "plugins.security.authcz.admin_dn": "[CN=nobody]",
    }
    conf = written_settings(folder / "conf", settings)
    for file in files.values():
        shutil.copy(file, conf)
    shutil.copytree(plugin / "config", conf / "opensearch-security", dirs_exist_ok=True)
    (conf / "opensearch-security" / "config.yml").write_text(_SIGN_IN, encoding="utf-8")
    return conf


def _address(cluster: str, base: int, trusting: ssl.SSLContext) -> str | None:
    for port in ports_above(base):
        url = f"https://127.0.0.1:{port}"
        try:
            told = httpx.get(
                f"{url}/_cluster/health", auth=ADMINISTRATOR, verify=trusting, timeout=_REQUEST_S, trust_env=False
            )
        except httpx.HTTPError:
            continue
        if told.is_success and told.json()["cluster_name"] == cluster and told.json()["status"] != "red":
            return url
    return None
