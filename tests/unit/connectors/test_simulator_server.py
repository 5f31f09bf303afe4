"""Simulated repositories over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import httpx
import pytest
from simulator_client import CORE, a_world

from connectors.alfresco.simulator import World, running_simulator, serve, served_world


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in sockets]


async def test_a_world_is_served_on_a_free_port_and_may_change_meanwhile() -> None:
    world = a_world()
    async with running_simulator(world) as base_url, httpx.AsyncClient(auth=("alice", "alice")) as http:
        file = world.add_file(world.shared, "new.txt", b"text")
        answer = await http.get(f"{base_url}{CORE}/nodes/{file.id}/content")
        assert (answer.status_code, answer.content) == (200, b"text")
        world.delete(file)
        assert (await http.get(f"{base_url}{CORE}/nodes/{file.id}/content")).status_code == 404
    assert [request.status for request in world.request_log.content_requests()] == [200, 404]


def test_a_server_is_gone_when_its_context_ends() -> None:
    with served_world(a_world()) as base_url:
        assert httpx.get(f"{base_url}{CORE}/probes/-live-").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}{CORE}/probes/-live-")


def test_a_taken_port_is_an_error() -> None:
    with (
        served_world(a_world()) as base_url,
        pytest.raises(OSError, match="in use"),
        served_world(a_world(), port=httpx.URL(base_url).port or 0),
    ):
        pass


async def test_several_worlds_are_served_by_their_ports_until_cancelled() -> None:
    worlds = {port: World(name=str(port)) for port in free_ports(2)}
    serving = asyncio.create_task(serve(worlds))
    try:
        for port, world in worlds.items():
            base_url = f"http://127.0.0.1:{port}{CORE}"
            async with httpx.AsyncClient(auth=("admin", "admin")) as http:
                root = await _retried(http, f"{base_url}/nodes/-root-")
            assert root.json()["entry"]["id"] == world.root.id
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    for port in worlds:
        socket.create_server(("127.0.0.1", port)).close()


async def _retried(http: httpx.AsyncClient, url: str) -> httpx.Response:
    """Ask until the server listens; it needs some milliseconds to start."""
    for _ in range(200):
        with contextlib.suppress(httpx.ConnectError):
            return await http.get(url)
        await asyncio.sleep(0.01)
    raise AssertionError("the server did not start")
