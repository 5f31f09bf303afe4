"""`explain-access` where an index answers nobody: the state store was put back, or is another one."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from service.explain_words import remedies, verdict
from service.explaining import AccessInspector, Explanation, Presence
from service.scheduling.jobs import Jobs
from service.scheduling.timetable import Job
from tests.integration.lean_programs import opened_lean
from tests.unit.service.cli_folder import SETTINGS, CliFolder
from vocabulary.documents import DocumentId
from vocabulary.ports import SyncMode

BUDGET = DocumentId("handbook", "board/budget.txt")


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    folder = CliFolder(tmp_path)
    folder.furnish()
    return folder


async def sync(folder: CliFolder) -> None:
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        assert await Jobs(settings, state, workshop).run(Job("handbook", SyncMode.FULL), asyncio.Event())


async def explained(folder: CliFolder) -> Explanation:
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        inspector = AccessInspector(settings, state)
        ann = await inspector.claims("ann@example.com", issuer=inspector.issuer(None))
        return await inspector.explain(workshop.search.backend("private"), BUDGET, ann)


def require_withheld(told: Explanation) -> None:
    assert (told.allowed, told.document.presence) == (False, Presence.WITHHELD)
    assert verdict(told).startswith("nobody finds anything in index private: index 'private' and the state store are")
    assert told.access.entries == ()
    assert any("sync handbook" in words for _, words in remedies(told))


async def test_after_a_restore_the_reason_is_that_nobody_is_answered(folder: CliFolder) -> None:
    await sync(folder)
    assert (await explained(folder)).allowed
    data = folder.path / "sightline-data"
    shutil.copytree(data, folder.path / "backup")
    (folder.path / "handbook" / "board" / ".access.toml").write_text('allow = ["user:bob"]')
    await sync(folder)
    shutil.rmtree(data)
    shutil.copytree(folder.path / "backup", data)
    require_withheld(await explained(folder))
    await sync(folder)
    told = await explained(folder)
    assert (told.allowed, told.document.presence) == (False, Presence.SHOWN), "read again, it is bob's"


async def test_of_another_state_no_list_is_told(folder: CliFolder) -> None:
    await sync(folder)
    folder.write_settings(f'[state]\nurl = "sqlite:///{folder.path / "another.db"}"\n{SETTINGS}')
    require_withheld(await explained(folder))
