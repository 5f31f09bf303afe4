"""`@alfresco/js-api`, the client of Alfresco's own web applications, run by Node.js.

The client is installed once, into `js/node_modules`, from the lock file beside it. One Node.js process serves all
tests of a run; what it is told and what it answers is described in `js/worker.js`.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from foreign_client import Refused

FOLDER = Path(__file__).with_name("js")
_LOCK = FOLDER / "package-lock.json"
_INSTALLED = FOLDER / "node_modules" / ".installed"  # holds the digest of the lock file that was installed
_INSTALL = ("npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts")
_INSTALL_TIMEOUT_S = 240  # 5 s on a fast line; three packages


class ClientMissing(Exception):
    """The JavaScript client cannot be had here."""


def install() -> None:
    """Install the client unless it is there.

    Raises:
        ClientMissing: there is no Node.js, or its package manager failed.
    """
    with _LOCK.open("rb") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # of several processes of a test run one installs, the others wait
        _install(hashlib.sha256(lock_file.read()).hexdigest())


def _install(digest: str) -> None:
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        raise ClientMissing(f"no {' and no '.join(missing)} here to run @alfresco/js-api")
    if _INSTALLED.is_file() and _INSTALLED.read_text() == digest:
        return
    try:
        subprocess.run(_INSTALL, cwd=FOLDER, check=True, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ClientMissing(f"npm did not install @alfresco/js-api in {error.timeout} s") from error
    except subprocess.CalledProcessError as error:
        raise ClientMissing(f"npm could not install @alfresco/js-api:\n{error.stderr}") from error
    _INSTALLED.write_text(digest)


class JsWorker:
    """The Node.js process that runs the client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._numbers = count(1)

    def open(self, configuration: dict[str, Any], basic: dict[str, str] | None = None) -> JsClient:
        name = f"client-{next(self._numbers)}"
        self.tell({"client": name, "open": configuration, "basic": basic})
        return JsClient(self, name)

    def tell(self, command: dict[str, Any]) -> Any:
        """Have one command carried out; returns the client's value."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the Node.js process has ended")
        answer = json.loads(line, object_hook=_moments_and_bytes)
        if refusal := answer.get("refused"):
            raise Refused(refusal["status"], refusal["text"])
        if failure := answer.get("failed"):
            raise RuntimeError(f"the JavaScript client failed: {failure}")
        return answer["value"]


@contextmanager
def running_worker() -> Iterator[JsWorker]:
    """Run the process for the time of the context."""
    command = ["node", "worker.js"]
    with subprocess.Popen(
        command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield JsWorker(process)
        assert process.stdin is not None
        process.stdin.close()


class JsClient:
    """One `AlfrescoApi` object."""

    def __init__(self, worker: JsWorker, name: str) -> None:
        self._worker = worker
        self._name = name

    def call(self, operation: str, *ids: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        args = [*ids, *([body] if body is not None else []), *([query] if query else [])]
        return self._worker.tell({"client": self._name, "call": operation, "args": args})


class JsConnect:
    """Opens JavaScript clients at one server."""

    kind = "js"

    def __init__(self, worker: JsWorker, base_url: str) -> None:
        self._worker = worker
        self._configuration = {"hostEcm": base_url, "provider": "ECM", "authType": "BASIC"}

    def basic(self, user: str, password: str | None = None, *, tenant: str = "-default-") -> JsClient:
        configuration = {**self._configuration, "tenant": tenant}
        return self._worker.open(configuration, {"username": user, "password": password or user})

    def ticket(self, ticket: str) -> JsClient:
        return self._worker.open({**self._configuration, "ticketEcm": ticket})

    def bearer(self, token: str) -> JsClient:
        client = self.identity_login("unused")
        client.call("oauth2Auth.setToken", token, "")
        return client

    def identity_login(self, client_id: str) -> JsClient:
        """Open a client that logs in at the identity provider beside the repository."""
        realm = f"{self._configuration['hostEcm']}/realms/alfresco"
        oauth2 = {"host": realm, "clientId": client_id, "scope": "openid"}
        return self._worker.open({**self._configuration, "authType": "OAUTH", "oauth2": oauth2})

    def nobody(self) -> JsClient:
        return self._worker.open(self._configuration)


def _moments_and_bytes(value: dict[str, Any]) -> Any:
    if value.keys() == {"$date"}:
        return datetime.fromisoformat(value["$date"])
    if value.keys() == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    return value
