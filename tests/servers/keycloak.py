"""A real Keycloak, the OpenID provider that Alfresco's own identity service is made for.

Its distribution comes from Maven Central. The first use prepares it (`kc.sh build`), which takes about as long as
several starts and is kept in the cache; each run then works on links to that copy and keeps its data in memory.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from connectors.alfresco.simulator import Tls
from tests.servers.java import CACHE, artifact, java_home
from tests.servers.process import free_port, running_process

VERSION = "26.7.3"
_DISTRIBUTION = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_JAVA = 21  # the least that this version starts on
_ADMIN = "admin"
_KEY_PROVIDER = "org.keycloak.keys.KeyProvider"

# A quiet machine of two cores needs 20 to 60 s for each; one that runs other things beside it took 120 s.
_BUILD_S = 900
_START_S = 600
_REQUEST_S = 60.0

_MODEST_JVM = {
    "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
    "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",  # a short life does not repay the better compiler
}


class Realm:
    """One realm: its clients, people and keys, through the admin API."""

    def __init__(self, server: Keycloak, name: str) -> None:
        self._server = server
        self._path = f"/admin/realms/{name}"
        self.issuer = f"{server.url}/realms/{name}"
        self.token_url = f"{self.issuer}/protocol/openid-connect/token"
        self.keys_url = f"{self.issuer}/protocol/openid-connect/certs"
        self.tls_issuer = f"{server.tls_url}/realms/{name}"
        self.tls_token_url = f"{self.tls_issuer}/protocol/openid-connect/token"

    def add_client(self, client_id: str, secret: str, *, token_life_s: int = 300, has_account: bool = True) -> str:
        """Add a confidential client for both grants, once; returns the user name of its service account."""
        client = {
            "clientId": client_id,
            "secret": secret,
            "publicClient": False,
            "standardFlowEnabled": False,
            "serviceAccountsEnabled": has_account,
            "directAccessGrantsEnabled": True,
            "attributes": {"access.token.lifespan": str(token_life_s)},
        }
        if not self._server.administer("GET", f"{self._path}/clients?clientId={client_id}").json():
            self._post("/clients", client)
        return f"service-account-{client_id}"

    def add_person(self, user: str, password: str) -> None:
        """Add a person, once."""
        if self._server.administer("GET", f"{self._path}/users?exact=true&username={user}").json():
            return
        credential = {"type": "password", "value": password, "temporary": False}
        # Without the names and the address, the account is "not fully set up" and gets no token.
        profile = {"firstName": user, "lastName": "Test", "email": f"{user}@example.com", "emailVerified": True}
        self._post("/users", {"username": user, "enabled": True, "credentials": [credential], **profile})

    def add_group(self, name: str, *members: str) -> None:
        """Add a group with people who are there already."""
        self._post("/groups", {"name": name})
        [group] = self._server.administer("GET", f"{self._path}/groups?exact=true&search={name}").json()
        for member in members:
            self._server.administer("PUT", f"{self._path}/users/{self._person(member)['id']}/groups/{group['id']}")

    def put_into_tokens(self, client_id: str, *, audience: str, groups_claim: str) -> None:
        """Name an audience, and the bearer's groups without their paths, in the access tokens of a client."""
        [client] = self._server.administer("GET", f"{self._path}/clients?clientId={client_id}").json()
        for mapper, config in {
            "oidc-audience-mapper": {"included.custom.audience": audience},
            "oidc-group-membership-mapper": {"claim.name": groups_claim, "full.path": "false"},
        }.items():
            self._post(
                f"/clients/{client['id']}/protocol-mappers/models",
                {
                    "name": mapper,
                    "protocol": "openid-connect",
                    "protocolMapper": mapper,
                    "config": config | {"access.token.claim": "true", "id.token.claim": "false"},
                },
            )

    def sign_in(self, user: str, password: str, *, client_id: str, secret: str) -> dict[str, Any]:
        """Sign a person in by the password grant; returns the provider's answer with all its tokens.

        Raises:
            httpx.HTTPStatusError: the provider refuses.
        """
        form = {"grant_type": "password", "username": user, "password": password, "scope": "openid"}
        credentials = {"client_id": client_id, "client_secret": secret}
        answer = httpx.post(self.token_url, data=form | credentials, timeout=_REQUEST_S, trust_env=False)
        tokens: dict[str, Any] = answer.raise_for_status().json()
        return tokens

    def close_account(self, user: str) -> None:
        """Disable a person."""
        found = self._person(user)
        self._server.administer("PUT", f"{self._path}/users/{found['id']}", found | {"enabled": False})

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and withdraw the one before."""
        before = self._signing_keys()
        config = {"priority": ["200"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]}
        self._post(
            "/components",
            {"name": "fresh", "providerId": "rsa-generated", "providerType": _KEY_PROVIDER, "config": config},
        )
        for key in before:
            self._server.administer("DELETE", f"{self._path}/components/{key}")

    def key_ids(self) -> set[str]:
        """Return the ids of the published keys for signatures."""
        keys = httpx.get(self.keys_url, timeout=_REQUEST_S, trust_env=False).raise_for_status().json()["keys"]
        return {key["kid"] for key in keys if key["use"] == "sig"}

    def _person(self, user: str) -> dict[str, Any]:
        [found] = self._server.administer("GET", f"{self._path}/users?exact=true&username={user}").json()
        person: dict[str, Any] = found
        return person

    def _signing_keys(self) -> list[str]:
        components = self._server.administer("GET", f"{self._path}/components?type={_KEY_PROVIDER}").json()
        return [component["id"] for component in components if component["providerId"] == "rsa-generated"]

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._server.administer("POST", self._path + path, body)


@dataclass(frozen=True)
class Keycloak:
    """A running server: over plain HTTP at `url`, over TLS at `tls_url`, both on the loopback interface."""

    url: str
    tls_url: str
    certificate: Path  # by which `tls_url` is trusted

    def add_realm(self, name: str) -> Realm:
        self.administer("POST", "/admin/realms", {"realm": name, "enabled": True})
        return Realm(self, name)

    def administer(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Call the admin API; each call signs in, since such a token lives for a minute only."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": _ADMIN, "password": _ADMIN}
        with httpx.Client(base_url=self.url, timeout=_REQUEST_S, trust_env=False) as http:
            token = http.post("/realms/master/protocol/openid-connect/token", data=form).raise_for_status().json()
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            return http.request(method, path, json=body, headers=headers).raise_for_status()


@contextmanager
def running_keycloak(folder: Path, *, tls: Tls, certificate: Path) -> Iterator[Keycloak]:
    """Serve an empty Keycloak from `folder`; its log, `keycloak.log`, stays there.

    Raises:
        ServerMissing: no Java, no Maven, or no network to fetch it.
        RuntimeError: it did not start.
    """
    environment = {"JAVA_HOME": str(java_home(at_least=_JAVA)), **_MODEST_JVM}
    home = folder / "home"
    shutil.copytree(_prepared(environment), home, copy_function=_linked)
    port, tls_port, management_port = free_port(), free_port(), free_port()
    keycloak = Keycloak(f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}", certificate)
    settings = {
        "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN,
        "KC_HTTP_ENABLED": "true",
        "KC_HTTP_HOST": "127.0.0.1",
        "KC_HTTP_PORT": str(port),
        "KC_HTTPS_PORT": str(tls_port),
        "KC_HTTPS_CERTIFICATE_FILE": str(tls.certificate),
        "KC_HTTPS_CERTIFICATE_KEY_FILE": str(tls.key),
        "KC_HTTP_MANAGEMENT_PORT": str(management_port),
        "KC_HOSTNAME_STRICT": "false",
        "KC_CACHE": "local",  # alone: no port for other nodes
    }
    try:
        with running_process(
            [str(home / "bin" / "kc.sh"), "start", "--optimized"],
            environment=environment | settings,
            log=folder / "keycloak.log",
            is_ready=lambda: _answers(keycloak),
            within_s=_START_S,
        ):
            yield keycloak
    finally:
        shutil.rmtree(home, ignore_errors=True)


def distribution() -> Path:
    """Return the file that the server comes in, from the cache or fetched now.

    Raises:
        ServerMissing: there is no Maven, or Maven cannot fetch it.
    """
    return artifact(_DISTRIBUTION)


def _prepared(environment: dict[str, str]) -> Path:
    """Return the folder of the distribution after `kc.sh build`, from the cache or made now."""
    prepared = CACHE / f"keycloak-{VERSION}-prepared"
    if prepared.exists():
        return prepared
    making = CACHE / f"keycloak-{os.getpid()}"
    try:
        with zipfile.ZipFile(distribution()) as packed:
            packed.extractall(making)
        home = making / f"keycloak-{VERSION}"
        script = home / "bin" / "kc.sh"
        script.chmod(0o755)
        command = [str(script), "build", "--db=dev-mem"]
        built = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=_BUILD_S, check=False
        )
        if built.returncode != 0:
            raise RuntimeError(f"kc.sh build failed: {built.stdout[-2000:]}{built.stderr[-2000:]}")
        if not prepared.exists():  # another run may have been faster
            home.replace(prepared)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return prepared


def _linked(source: str, target: str) -> None:
    """Link a file, or copy it where cache and temporary folder are on different disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _answers(keycloak: Keycloak) -> bool:
    """Whether both ways to the server answer; the realm `master` is there last of all."""
    try:
        trusting = ssl.create_default_context(cafile=str(keycloak.certificate))
        return all(
            httpx.get(f"{url}/realms/master", verify=trusting, timeout=_REQUEST_S, trust_env=False).is_success
            for url in (keycloak.url, keycloak.tls_url)
        )
    except httpx.HTTPError:
        return False
