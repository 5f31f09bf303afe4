"""`serve`: answer queries over HTTP until told to stop."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Annotated

import typer

from service.app import create_app
from service.commands.terminal import ConfigOption, console
from service.http_server import cancelled_by_signals, listen, port_of, serving
from service.probes import probes
from service.settings import Settings, load_settings, settings_file
from service.wiring import make_readers, open_search, open_state

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8080,
    config: ConfigOption = None,
) -> None:
    """Serve the REST API and the search page until Ctrl-C or SIGTERM."""
    settings = load_settings(settings_file(config))
    settings.require_issuers()
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the address of every request
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it would log each kind of processor that it has no code for
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(settings, host=host, port=port))


async def _serve(settings: Settings, *, host: str, port: int) -> None:
    with cancelled_by_signals(), listen(host, port) as listening:
        async with open_state(settings) as state, open_search(settings) as search:
            app = create_app(search.service, make_readers(settings, state), probes=probes(state, search))
            await search.service.warm(await asyncio.to_thread(lambda: state.acls.numbering))
            async with serving(app, listening, access_log=True) as server:
                console().print(f"Serving on http://{host}:{port_of(listening)}/ (API: /docs)")
                await asyncio.wait({server})
