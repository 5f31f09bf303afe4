"""One full sync of a simulated Alfresco, to be run in a process that a test kills: real rooms, a stand-in model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from acl import AclStore
from acl import create_tables as create_acl_tables
from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from indexer.backends.embedded import EmbeddedBackend
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunReport
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from indexer.sync import SyncSettings, run_sync
from indexer.walk import SyncPorts
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher, PlainTextExtractor
from vocabulary.ports import SyncMode

SOURCE = "killed"


def sync(url: str, folder: Path) -> None:
    """Sync to the end, as long as nobody kills us."""
    asyncio.run(synced(url, folder))


async def synced(url: str, folder: Path) -> RunReport:
    """Sync, and return what the run reports."""
    engine = sa.create_engine(f"sqlite:///{folder / 'state.db'}", connect_args={"timeout": 30})
    create_acl_tables(engine)
    create_tables(engine)
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    config = AlfrescoConfig.model_validate(
        {"url": url, "auth": auth, "folders": ["/Company Home/Bulk"], "page_size": 50}
    )
    backend = EmbeddedBackend(folder / "index", dimensions=DIMENSIONS)
    async with AlfrescoConnector(SOURCE, config) as connector, backend:
        ports = SyncPorts(connector, PlainTextExtractor(), HashingEnricher(), backend, AclStore(engine))
        report = await run_sync(
            SyncMode.FULL, ports, SyncSettings(SOURCE), ledger=Ledger(engine), runs=RunStore(engine)
        )
    engine.dispose()
    return report
