"""`reindex` and `migrate-index` on a folder of settings: what they change, what they say, what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.service.cli_folder import SETTINGS, TEXTS, CliFolder

ELSEWHERE = """
[indexes.elsewhere]
engine = "embedded"
path = "data/elsewhere"
"""


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    cli_folder = CliFolder(tmp_path)
    cli_folder.furnish()
    cli_folder.write_settings(SETTINGS + ELSEWHERE)
    assert cli_folder.run("sync").exit_code == 0
    return cli_folder


def found(folder: CliFolder, text: str, *, user: str = "ann@example.com") -> int:
    total: int = folder.json("search", "private", text, "--as", user, "--mode", "keyword")["total"]["value"]
    return total


def place(index: str, generation: int = 1) -> dict[str, Any]:
    return {"index": index, "generation": generation, "model": "", "languages": None}


def test_an_index_is_built_anew_gone_back_from_and_the_rest_dropped(folder: CliFolder) -> None:
    built = folder.json("reindex", "private")
    assert (built["from"], built["to"]) == (place("private"), place("private", 2))
    assert built["compared"]["copy"]["documents"] == built["compared"]["source"]["documents"] == len(TEXTS)
    assert (built["compared"]["lists_differing"], built["compared"]["questions_asked"]) == (0, len(TEXTS))

    (folder.path / "handbook" / "late.txt").write_text("The lighthouse is lit again.")
    assert folder.run("sync").exit_code == 0
    assert folder.json("reindex", "private", "--status") | {"began_at": None} == {
        "index": "private",
        "phase": "former",
        "place": place("private", 2),
        "copy": place("private"),
        "copied": len(TEXTS),
        "expected": len(TEXTS),
        "writes_to_follow": 1,
        "at_work": False,
        "began_at": None,
    }
    assert found(folder, "lighthouse") == 2

    assert folder.json("reindex", "private", "--back")["to"] == place("private")
    assert (found(folder, "lighthouse"), found(folder, "lighthouse", user="bob@example.com")) == (2, 1)
    assert folder.json("reindex", "private", "--drop-old") == place("private", 2)
    assert sorted(file.name for file in (folder.path / "data").glob("private*")) == ["private"]
    assert folder.json("sync")[0]["run"]["states"]["unchanged"] == len(TEXTS) + 1


def test_a_moved_index_keeps_its_name_and_the_place_it_moved_to_answers_nobody(folder: CliFolder) -> None:
    moved = folder.json("migrate-index", "private", "--to", "elsewhere")
    assert moved["to"] == place("elsewhere")
    assert found(folder, "merger") == 1
    refused = folder.run("search", "elsewhere", "merger", "--as", "ann@example.com")
    assert (refused.exit_code, "ask that one" in refused.stderr) == (1, True)
    assert folder.run("check").exit_code == 0

    assert folder.run("reindex", "private", "--drop-old").exit_code == 0
    assert not (folder.path / "data" / "private").exists()
    folder.write_settings(SETTINGS.replace('"data/private"', '"data/elsewhere"'))  # the settings say it plainly
    assert found(folder, "merger") == 1
    assert folder.json("sync")[0]["run"]["states"]["unchanged"] == len(TEXTS)


def test_settings_that_lead_to_another_index_than_the_moved_one_are_refused(folder: CliFolder) -> None:
    assert folder.run("migrate-index", "private", "--to", "elsewhere").exit_code == 0
    folder.write_settings(SETTINGS)
    refused = folder.run("search", "private", "merger", "--as", "ann@example.com")
    assert (refused.exit_code, "elsewhere" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reindex", "unknown"], "no such index"),
        (["reindex", "private", "--back"], "no former index"),
        (["reindex", "private", "--drop-old"], "nothing to drop"),
        (["reindex", "private", "--back", "--status"], "stand alone"),
        (["reindex", "private", "--languages", "xx"], "expected some of"),
        (["migrate-index", "private", "--to", "unknown"], "no other index"),
        (["migrate-index", "elsewhere", "--to", "private"], "sources feed it"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(folder: CliFolder, arguments: list[str], words: str) -> None:
    refused = folder.run(*arguments)
    assert refused.exit_code == 2, refused.stderr
    assert words in refused.stderr
