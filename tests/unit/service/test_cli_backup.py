"""`backup` and what `check --deep` finds: files are lost or damaged, and brought back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import apsw
import pytest

from tests.unit.service.cli_folder import CliFolder


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    folder = CliFolder(tmp_path_factory.mktemp("synced"))
    folder.furnish()
    assert folder.run("sync").exit_code == 0
    return folder


@pytest.fixture
def folder(synced: CliFolder, tmp_path: Path) -> CliFolder:
    """A folder of its own with what a sync left."""
    shutil.copytree(synced.path, tmp_path / "work")
    return CliFolder(tmp_path / "work")


def found(folder: CliFolder) -> list[str]:
    answer = folder.json("search", "private", "lighthouse", "--as", "ann@example.com", "--mode", "keyword")
    return [hit["title"] for hit in answer["results"]]


def test_what_was_backed_up_answers_again(folder: CliFolder, tmp_path: Path) -> None:
    before = found(folder)
    assert before == ["merger.txt"]
    taken = folder.json("backup", str(tmp_path / "backup"))
    copies = json.loads((tmp_path / "backup" / "backup.json").read_text())["copies"]
    assert taken["copies"] == copies
    assert taken["not_copied"] == []
    (act,) = folder.json("acts", "--limit", "1")
    assert (act["act"], act["subject"], act["outcome"]) == ("backup", str(tmp_path / "backup"), "done")
    for name, original in copies.items():
        file = Path(original)
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup" / name, file)
    assert found(folder) == before
    assert folder.run("sync").exit_code == 0
    assert found(folder) == before


def test_a_backup_is_never_written_over(folder: CliFolder, tmp_path: Path) -> None:
    assert folder.run("backup", str(tmp_path / "backup")).exit_code == 0
    result = folder.run("backup", str(tmp_path / "backup"))
    assert result.exit_code == 2
    assert "is there already" in result.stderr


def test_a_deep_check_finds_and_repairs_what_is_derived(folder: CliFolder) -> None:
    def judged(*options: str, exit_code: int = 0) -> dict[str, bool]:
        findings = folder.json("check", "--deep", *options, exit_code=exit_code)
        return {each["subject"]: each["passed"] for each in findings if each["subject"].startswith("index private")}

    assert judged() == {"index private": True, "index private: every part": True}
    connection = apsw.Connection(str(folder.path / "data" / "private"))
    connection.execute("DELETE FROM term WHERE term LIKE 'blighthous%'")
    connection.close()
    assert found(folder) == []
    assert judged(exit_code=1)["index private: every part"] is False
    assert judged("--repair")["index private: every part"] is True
    assert judged() == {"index private": True, "index private: every part": True}
    assert found(folder) == ["merger.txt"]
    assert folder.run("check", "--repair").exit_code == 2
