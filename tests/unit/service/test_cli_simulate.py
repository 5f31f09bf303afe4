"""`sightline simulate-alfresco` as its user starts it: a process that serves until it is interrupted."""

from __future__ import annotations

import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
from programs import running, stop

API = "/alfresco/api/-default-/public/alfresco/versions/1"
TOKEN = "/realms/alfresco/protocol/openid-connect/token"


@contextmanager
def simulated(*options: str) -> Iterator[httpx.Client]:
    """Serve one generated repository; gives a client that is not logged in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["simulate-alfresco", "--nodes", "60", "--onprem-port", str(port), *options]
    with running(arguments, announced_by="generated: http") as (process, _):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            _wait_until_served(http)
            yield http
        assert stop(process, signal.SIGINT)[0] == 0


def _wait_until_served(http: httpx.Client) -> None:
    """Ask until it listens, which it does just after it has said so."""
    for _ in range(400):
        with suppress(httpx.ConnectError):
            http.get(f"{API}/probes/-live-")
            return
        time.sleep(0.05)
    raise AssertionError("the simulated repository does not listen")


def test_a_generated_repository_is_served_to_people_and_to_a_client_with_a_token() -> None:
    with simulated("--seed", "3", "--client", "crawler") as http:
        sites = http.get(f"{API}/sites", auth=("admin", "admin")).json()["list"]["pagination"]["totalItems"]
        form = {"grant_type": "client_credentials", "client_id": "crawler", "client_secret": "crawler"}
        token = http.post(TOKEN, data=form).json()["access_token"]
        me = http.get(f"{API}/people/-me-", headers={"Authorization": f"Bearer {token}"}).json()["entry"]["id"]
    assert (sites, me) == (3, "service-account-crawler")


def test_its_answers_can_be_late_busy_and_wrong() -> None:
    with simulated("--latency-ms", "20", "--busy-share", "0.3", "--error-share", "0.3") as http:
        began = time.monotonic()
        statuses = Counter(http.get(f"{API}/probes/-live-").status_code for _ in range(50))
        assert time.monotonic() - began > 50 * 0.02
    assert statuses.keys() == {200, 429, 500}
