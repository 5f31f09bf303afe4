"""From `sync` to `search` on real files: reports, exit codes, and two people who find two different things.

The tests share one folder and follow one another in its life: read them from the top.
"""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from indexer.state.run_history import RunState
from tests.unit.service.cli_folder import TEXTS, CliFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    cli_folder = CliFolder(Path(tmp_path_factory.mktemp("cli")))
    cli_folder.furnish()
    return cli_folder


@pytest.fixture(scope="module")
def first_sync(folder: CliFolder) -> dict[str, Any]:
    """Sync a handbook with one broken file; the state and the index serve the whole module."""
    (folder.path / "handbook" / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of a document follows")
    (outcome,) = folder.json("sync", exit_code=3)
    assert isinstance(outcome, dict)
    return outcome


def test_a_sync_reports_how_every_document_ended(first_sync: dict[str, Any]) -> None:
    run = first_sync["run"]
    assert (run["source"], run["mode"], run["state"]) == ("handbook", "full", "incomplete")
    assert run["states"]["indexed"] == len(TEXTS)
    assert run["states"]["failed"] == 1
    assert run["scanned"] == sum(run["states"].values())
    assert first_sync["identities"]["people"] == 2


def test_the_documents_that_failed_are_named_with_their_reason(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    report = folder.json("runs", "show", str(first_sync["run"]["id"]), "--documents", "failed")
    (failed,) = report["documents"]
    assert failed["document_id"] == "handbook/broken.pdf"
    assert failed["reason"]
    none = folder.run("runs", "show", str(first_sync["run"]["id"]), "--documents", "truncated")
    assert "No document ended as truncated." in none.stdout


def test_the_documents_of_a_run_are_paged(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    run = str(first_sync["run"]["id"])
    found: list[str] = []
    arguments: list[str] = []
    for _ in range(first_sync["run"]["scanned"]):
        page = folder.json("runs", "show", run, "--documents", "all", "--limit", "3", *arguments)
        found += [row["document_id"] for row in page["documents"]]
        if page["next_after"] is None:
            break
        assert page["next_after"] == found[-1]
        arguments = ["--after", found[-1]]
    rules = [".access.toml", "board/.access.toml"]  # met and filtered
    assert found == sorted(f"handbook/{name}" for name in [*TEXTS, "broken.pdf", *rules])
    printed = folder.run("runs", "show", run, "--documents", "all", "--limit", "3")
    assert printed.stderr == f"note: there are more: --after {found[2]}\n"


def test_a_run_tells_how_fast_it_was(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    run = first_sync["run"]
    assert run["took_s"] > 0
    assert run["documents_per_s"] == pytest.approx(run["scanned"] / run["took_s"], abs=0.01)
    assert run["passages_per_s"] == pytest.approx(run["passages_embedded"] / run["took_s"], abs=0.01)
    assert "passages a second" in folder.run("runs", "show", str(run["id"])).stdout


def test_two_people_find_two_different_things(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    def found_by(user: str) -> set[str]:
        answer = folder.json("search", "private", "secret merger of the board", "--as", user)
        assert answer["total"]["value"] == len(answer["results"])
        return {result["title"] for result in answer["results"] if "board" in result["document_id"]}

    assert found_by("ann@example.com") == {"merger.txt", "budget.txt"}
    assert found_by("bob@example.com") == set()


def test_search_prints_titles_for_people(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    result = folder.run("search", "private", "lighthouse", "--as", "ann@example.com", "--mode", "keyword")
    assert result.exit_code == 0
    assert "1 document\n" in result.stdout
    assert "merger.txt" in result.stdout


def test_search_says_when_nobody_knows_the_person(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    result = folder.run("search", "private", "lunch", "--as", "eve@example.com", "--json")
    assert json.loads(result.stdout)["results"] == []
    assert result.stderr == "note: nobody of that name may read anything here (handbook: unknown in this source)\n"


@pytest.mark.parametrize("arguments", [["private", "lunch"], ["nowhere", "lunch", "--as", "ann@example.com"]])
def test_search_without_a_reader_or_an_index_is_wrong_usage(folder: CliFolder, arguments: list[str]) -> None:
    result = folder.run("search", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_question_may_be_as_long_as_that_of_the_rest_api(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    assert folder.run("search", "private", "a" * 2_000, "--as", "ann@example.com").exit_code == 0
    result = folder.run("search", "private", "a" * 2_001, "--as", "ann@example.com")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: TEXT: up to 2000 characters, not 2001\n"


def test_a_second_sync_finds_nothing_to_do(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    (folder.path / "handbook" / "broken.pdf").unlink()
    (outcome,) = folder.json("sync", "handbook")
    assert outcome["run"]["states"]["unchanged"] == len(TEXTS)
    assert (outcome["run"]["bytes_read"], outcome["run"]["passages_embedded"]) == (0, 0)


def test_identities_can_be_synced_alone(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    (outcome,) = folder.json("sync", "--mode", "identities")
    run = outcome["run"]
    assert (run["mode"], run["state"], run["message"]) == (
        "identities",
        "succeeded",
        "2 people, 0 memberships, as before",
    )
    assert (run["scanned"], outcome["identities"]["people"]) == (0, 2)
    assert folder.json("runs", "--mode", "identities") == [run]


def test_people_that_cannot_be_read_are_a_failed_run(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    people = folder.path / "people.toml"
    people.rename(folder.path / "elsewhere.toml")
    try:
        (outcome,) = folder.json("sync", "--mode", "identities", exit_code=1)
    finally:
        (folder.path / "elsewhere.toml").rename(people)
    run = outcome["run"]
    assert (run["mode"], run["state"], "people.toml" in run["message"]) == ("identities", "failed", True)
    assert folder.json("search", "private", "lunch", "--as", "ann@example.com")["results"], "what is stored stays"


def test_a_sync_that_would_delete_too_much_stops_and_asks(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    for name in ("merger.txt", "budget.txt"):
        (folder.path / "handbook" / "board" / name).unlink()
    (braked,) = folder.json("sync", exit_code=4)
    assert (braked["run"]["state"], braked["run"]["deleted"]) == ("braked", 0)
    (confirmed,) = folder.json("sync", "--confirm-deletes")
    assert (confirmed["run"]["state"], confirmed["run"]["deleted"]) == ("succeeded", 2)
    (act,) = folder.json("acts", "--limit", "1")  # the braked sync is none
    assert (act["act"], act["subject"], act["parameters"]) == (
        "start-sync",
        "handbook",
        {"mode": "full", "confirm_deletes": True},
    )
    assert act["outcome"] == f"run {confirmed['run']['id']} succeeded"


def test_a_source_that_cannot_be_read_fails_and_deletes_nothing(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    handbook = folder.path / "handbook"
    handbook.rename(folder.path / "moved")
    try:
        (outcome,) = folder.json("sync", exit_code=1)
        answer = folder.json("search", "private", "lunch", "--as", "ann@example.com")
    finally:
        (folder.path / "moved").rename(handbook)
    assert (outcome["run"]["state"], outcome["run"]["deleted"]) == ("failed", 0)
    assert "canteen.txt" in {result["title"] for result in answer["results"]}


def test_an_unknown_source_is_wrong_usage(folder: CliFolder) -> None:
    for command in (["sync", "nowhere"], ["runs", "nowhere"], ["runs", "show", "999999"]):
        result = folder.run(*command)
        assert (result.exit_code, result.stdout) == (2, "")


def test_runs_are_listed_newest_first(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    listed = folder.json("runs", "handbook")
    assert listed == folder.json("runs")
    ids = [run["id"] for run in listed]
    assert ids == sorted(ids, reverse=True)
    assert first_sync["run"]["id"] in ids
    assert folder.json("runs", "--limit", "1") == listed[:1]


def test_tables_are_printed_for_people(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    for command in (["runs"], ["runs", "show", str(first_sync["run"]["id"])], ["status"]):
        result = folder.run(*command)
        assert result.exit_code == 0
        assert "handbook" in result.stdout


def test_status_says_how_each_source_stands(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    (standing,) = folder.json("status")
    assert (standing["source"], standing["index"], standing["access"]) == ("handbook", "private", "token")
    assert standing["last_run"] == folder.json("runs")[0]["id"]
    full, identities, *others = standing["modes"]
    assert [each["mode"] for each in others] == ["rescore", "audit"]
    assert (full["mode"], full["last_run"]) == ("full", folder.json("runs", "--mode", "full")[0]["id"])
    assert (identities["mode"], identities["last_run"]) == (
        "identities",
        folder.json("runs", "--mode", "identities")[0]["id"],
    )
    assert 0 <= full["age_s"] < 3600
    assert full["next_run"] is None


def test_status_counts_what_failed(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    broken = folder.path / "handbook" / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing of a document follows")
    folder.json("sync", exit_code=3)
    (standing,) = folder.json("status")
    broken.unlink()
    folder.json("sync")
    (healed,) = folder.json("status")
    assert [s["retries_waiting"] + s["given_up"] for s in (standing, healed)] == [1, 0]


def test_runs_are_listed_by_mode(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    assert {run["mode"] for run in folder.json("runs", "--mode", "full")} == {"full"}
    assert folder.run("runs", "--mode", "weekly").exit_code == 2
    refused = folder.run("runs", "show", str(first_sync["run"]["id"]), "--documents", "lost")
    assert (refused.exit_code, "is none of all" in refused.stderr) == (2, True)


def documented_keys(printed: str) -> set[str]:
    """The keys that the page of the command line promises in the row that opens so."""
    page = Path(__file__).resolve().parents[3] / "docs" / "cli.md"
    (row,) = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {printed}")]
    keys = re.sub(r"\([^)]*\)", "", row.split(" | ")[1])  # what is in brackets explains
    return set(re.findall(r"`(\w+)`", keys))


def test_json_has_the_documented_keys_and_no_other(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    shown = folder.json("runs", "show", str(first_sync["run"]["id"]), "--documents", "failed")
    assert set(shown.pop("documents")[0]) == documented_keys("`documents`")
    assert shown.pop("next_after") is None
    assert set(shown.pop("revocations")) == documented_keys("`revocations`")
    assert set(shown) == set(folder.json("runs")[0]) == set(first_sync["run"]) == documented_keys("`runs`")
    assert set(first_sync) == documented_keys("`sync`")
    assert set(first_sync["identities"]) == documented_keys("`identities`")
    (standing,) = folder.json("status")
    assert set(standing["modes"][0]) == documented_keys("`modes`")
    assert set(standing) == documented_keys("`status`")
    assert set(folder.json("runs", "prune", "--older-than", "30")) == documented_keys("`runs prune`")
    assert set(folder.json("check")[0]) == documented_keys("`check`")


def test_every_state_of_a_run_is_documented() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"A run's `state` is (.*?);", text, flags=re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) - {"message"} == {state.value for state in RunState}


def test_pruning_leaves_the_runs_and_their_counts(folder: CliFolder, first_sync: dict[str, Any]) -> None:
    before = folder.json("runs")
    assert folder.json("runs", "prune", "--older-than", "30") == {"forgotten": 0}
    with sqlite3.connect(folder.path / "sightline-data" / "state.db") as state:
        state.execute("UPDATE runs SET ended_at = ended_at - 40 * 86400 WHERE id = ?", [first_sync["run"]["id"]])
    assert folder.json("runs", "prune", "--older-than", "30") == {"forgotten": first_sync["run"]["scanned"]}
    assert [run["states"] for run in folder.json("runs")] == [run["states"] for run in before]
