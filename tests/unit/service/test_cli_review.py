"""`review` and `rescore` as a person meets them: what waits, why, and what a decision does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.service.cli_folder import SETTINGS, CliFolder

RUDE = "You are all stupid worthless idiots and liars."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    """A synced handbook with one rude file, which its source's rule holds back."""
    folder = CliFolder(Path(tmp_path_factory.mktemp("cli-review")))
    folder.furnish()
    folder.write_settings(f'{SETTINGS}toxicity = {{ rule = "hide", threshold = 0.5 }}\n')
    (folder.path / "handbook" / "rude.txt").write_text(RUDE)
    (run,) = folder.json("sync")
    assert run["run"]["states"]["held-back"] == 1
    return folder


def found(folder: CliFolder) -> set[str]:
    answer = folder.json("search", "private", "idiots", "--as", "bob@example.com", "--mode", "keyword")
    return {result["document_id"] for result in answer["results"]}


def test_a_held_document_waits_is_shown_to_who_reviews_and_released_to_its_readers(folder: CliFolder) -> None:
    assert found(folder) == set()
    (held,) = folder.json("review", "list", "private")
    assert (held["document_id"], held["decision"]) == ("handbook/rude.txt", None)
    assert held["toxicity"] >= 0.5
    assert folder.json("review", "list", "private", "--category", held["category"]) == [held]
    assert folder.json("review", "list", "private", "--category", "another") == []
    assert "idiots" not in folder.run("review", "list", "handbook").stdout
    assert "idiots" in folder.json("review", "show", "handbook/rude.txt")["sentence"]
    assert "idiots" in folder.run("review", "show", "handbook/rude.txt").stdout
    told = folder.json("explain-access", "bob@example.com", "handbook/rude.txt")
    assert "waits for a review" in told["words"]

    assert folder.json("review", "keep", "handbook/rude.txt")["effect"] == "hidden"
    assert (folder.json("review", "list", "private"), found(folder)) == ([], set())
    assert folder.json("review", "release", "handbook/rude.txt")["effect"] == "shown"
    assert found(folder) == {"handbook/rude.txt"}
    (released,) = folder.json("review", "list", "private", "--all")
    assert released["decision"] == "released"
    kinds = [act["act"] for act in folder.json("acts") if act["subject"] == "handbook/rude.txt"]
    assert kinds == ["release", "keep-held", "show-review", "show-review"]


def test_what_the_approved_model_has_scored_is_not_scored_again(folder: CliFolder) -> None:
    (run,) = folder.json("rescore", "private")
    assert (run["mode"], run["state"], run["rescored"]) == ("rescore", "succeeded", 0)


@pytest.mark.parametrize(
    "command",
    [
        ("review", "list", "nowhere"),
        ("review", "show", "nowhere/x"),
        ("review", "release", "handbook/travel.txt"),
        ("review", "keep", "travel.txt"),
        ("rescore", "nowhere"),
        ("sync", "--mode", "rescore"),
    ],
)
def test_what_is_named_must_be_there(folder: CliFolder, command: tuple[str, ...]) -> None:
    answer = folder.run(*command)
    assert (answer.exit_code, answer.stderr.startswith("error: ")) == (2, True)
