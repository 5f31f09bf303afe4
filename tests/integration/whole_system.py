"""The whole system on the sample worlds, for tests: two repositories, four sources, two indexes, one HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connectors.alfresco.simulator import World, sample, served_world
from indexer.state.run_history import RunReport
from service.demo_files import DemoFolder, DemoPerson
from service.http.app import create_app
from service.http.probes import probes
from service.http.server import listen, port_of, serving
from service.settings.settings import Settings, load_settings
from service.syncing import SyncOptions, sync_source
from service.wiring import State, Workshop, make_readers, open_state, open_workshop
from vocabulary.ports import SyncMode

DEV_1 = "my.dev.user1@example.com"
DEV_2 = "my.dev.user2@example.com"
MANAGER = "my.manager.user3@example.com"
KENDRA_1 = "kendra.user1@example.com"
KENDRA_3 = "kendra.user3@example.com"
OUTSIDER = "outsider@example.com"


@dataclass
class WholeSystem:
    """What a test drives (worlds, syncs) and asks (over HTTP)."""

    worlds: dict[str, World]
    folder: DemoFolder
    settings: Settings
    state: State
    workshop: Workshop
    client: httpx.AsyncClient
    reports: dict[str, RunReport] = field(default_factory=dict)

    async def sync_all(self, mode: SyncMode = SyncMode.FULL, *, confirm_deletes: bool = False) -> dict[str, RunReport]:
        """Sync every source, as `sightline sync` does, and return what each run reports."""
        options = SyncOptions(confirm_deletes=confirm_deletes)
        for source in self.settings.sources:
            outcome = await sync_source(
                self.settings,
                self.state,
                self.workshop,
                source,
                mode=mode,
                options=options,
                on_progress=lambda tally: None,
            )
            assert outcome.run is not None
            self.reports[source] = outcome.run
        return self.reports

    async def ask(self, index: str, body: dict[str, Any], *, email: str | None = None) -> httpx.Response:
        """Query an index as the bearer of a token that names the e-mail address, or without a token."""
        headers = {"Authorization": f"Bearer {self.token_for(email)}"} if email else {}
        return await self.client.post(f"/indexes/{index}/query", json=body, headers=headers)

    async def titles(self, index: str, query: str, *, email: str | None = None, **body: Any) -> list[str]:
        """Titles of all hits, best first."""
        answer = await self.ask(index, {"query": query, "page": {"size": 100}, **body}, email=email)
        assert answer.status_code == 200, answer.text
        return [result["title"] for result in answer.json()["results"]]

    def token_for(self, email: str) -> str:
        return self.folder.token_for(DemoPerson(email, email))

    def content_requests(self) -> int:
        return sum(len(world.request_log.content_requests()) for world in self.worlds.values())


@asynccontextmanager
async def whole_system(path: Path) -> AsyncIterator[WholeSystem]:
    """Start everything in `path`; nothing is synced yet."""
    worlds = {"onprem": sample.onprem_world(), "cloud": sample.cloud_world()}
    with ExitStack() as repositories:
        addresses = {name: repositories.enter_context(served_world(world)) for name, world in worlds.items()}
        folder = DemoFolder(path / "demo")
        folder.prepare(**addresses)
        settings = load_settings(folder.settings_file, environment={})
        async with open_state(settings) as state, open_workshop(settings, state) as workshop:
            search = workshop.search
            app = create_app(search.service, make_readers(settings, state), probes=probes(state, search))
            with listen("127.0.0.1", 0) as listening:
                address = f"http://127.0.0.1:{port_of(listening)}"
                async with serving(app, listening), httpx.AsyncClient(base_url=address, timeout=60) as client:
                    yield WholeSystem(worlds, folder, settings, state, workshop, client)
