"""What `audit` prints and how it exits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.service.cli_folder import CliFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    cli_folder = CliFolder(Path(tmp_path_factory.mktemp("cli-audit")))
    cli_folder.furnish()
    assert cli_folder.run("sync").exit_code == 0
    return cli_folder


def test_an_audit_of_a_sound_index_is_done_and_kept(folder: CliFolder) -> None:
    answer = folder.json("audit", "handbook", "--sample", "60", "--seed", "7")
    audit = answer["audit"]
    assert (audit["leak"], audit["loss"], audit["pending"], audit["unknown"], audit["findings"]) == (0, 0, 0, 0, [])
    assert audit["agreed"] == audit["asked"] > 10
    assert audit["mismatch_rate"]["share"] == 0.0
    assert 0.0 < audit["mismatch_rate"]["high"] < 0.5
    (run,) = folder.json("runs", "handbook", "--mode", "audit", "--limit", "1")
    assert (run["id"], run["state"]) == (answer["run"]["id"], "succeeded")


def test_a_person_and_a_document_make_one_question(folder: CliFolder) -> None:
    one = ("--person", "bob@example.com", "--document", "handbook/board/merger.txt")
    printed = folder.run("audit", "handbook", *one)
    assert printed.exit_code == 0, printed.stderr
    assert printed.stdout.startswith("1 question asked")


def test_what_is_asked_about_must_be_there(folder: CliFolder) -> None:
    for wrong in (("nowhere",), ("handbook", "--person", "x@example.com"), ("handbook", "--document", "merger.txt")):
        answer = folder.run("audit", *wrong)
        assert (answer.exit_code, answer.stderr.startswith("error: ")) == (2, True), wrong


def test_an_audit_is_no_sync(folder: CliFolder) -> None:
    answer = folder.run("sync", "handbook", "--mode", "audit")
    assert (answer.exit_code, "sightline audit" in answer.stderr) == (2, True)


def test_a_change_that_no_run_has_read_is_pending(folder: CliFolder) -> None:
    (folder.path / "handbook" / "board" / ".access.toml").write_text('allow = ["user:bob"]')
    answer = folder.json("audit", "handbook", "--sample", "60")
    assert {(one["reader"], one["index"]) for one in answer["audit"]["findings"]} == {
        ("ann", "shows"),
        ("bob", "hides"),
    }
    assert answer["audit"]["pending"] == len(answer["audit"]["findings"]) > 0
