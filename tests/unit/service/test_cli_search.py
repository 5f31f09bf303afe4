"""What `search` prints beyond titles: facets, identical copies, excerpts."""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.service.cli_folder import CliFolder

REPORT = "The lighthouse report " + " ".join(f"names the part {number}" for number in range(10))
ANN = ("--as", "ann@example.com", "--mode", "keyword")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    cli_folder = CliFolder(Path(tmp_path_factory.mktemp("cli-search")))
    cli_folder.furnish()
    for name in ("report.txt", "report (copy).txt"):
        (cli_folder.path / "handbook" / name).write_text(REPORT)
    assert cli_folder.run("sync").exit_code == 0
    return cli_folder


def test_copies_are_one_result_unless_all_are_asked_for(folder: CliFolder) -> None:
    printed = folder.run("search", "private", "report", *ANN).stdout
    assert "2 documents" in printed
    assert printed.count("     handbook/report") == 1
    assert "1 more document has the same text (--all-copies)" in printed
    assert folder.run("search", "private", "report", *ANN, "--all-copies").stdout.count("     handbook/report") == 2


def test_facets_are_printed_as_tables_under_their_names(folder: CliFolder) -> None:
    printed = folder.run(
        "search", "private", "lighthouse", *ANN, "--facet", "type", "--facet", "modified_at:year"
    ).stdout
    type_table, _, year_table = printed[printed.index("type ") :].partition("modified_at:year")
    assert type_table.split()[-2:] == ["txt", "3"]
    bounds, count = year_table.split("documents")[1].split("\n")[2].rsplit(maxsplit=1)
    first, last = bounds.split(" to ")
    assert (first.strip()[4:], last.strip()[4:], count) == ("-01-01", "-01-01", "3")


def test_facets_are_named_in_json_as_they_were_asked_for(folder: CliFolder) -> None:
    answer = folder.json("search", "private", "lighthouse", *ANN, "--facet", "modified_at:day", "--facet", "a:b")
    assert set(answer["facets"]) == {"modified_at:day", "a:b"}
    assert sum(entry["count"] for entry in answer["facets"]["modified_at:day"]) == 3
    assert answer["facets"]["a:b"] == []


def test_a_facet_that_is_asked_for_twice_is_wrong_usage(folder: CliFolder) -> None:
    result = folder.run("search", "private", "x", *ANN, "--facet", "type", "--facet", "type")
    assert (result.exit_code, result.stderr) == (2, "error: two facets are named type: give one of them another name\n")


def test_who_searched_as_whom_and_for_what_is_recorded(folder: CliFolder) -> None:
    folder.json("search", "private", "lighthouse -secret", *ANN, "--facet", "type")
    (act,) = folder.json("acts", "--limit", "1")
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (act["administrator"], act["act"], act["subject"]) == (f"command line ({user})", "search-as", ANN[1])
    assert act["parameters"] == {
        "index": "private",
        "query": "lighthouse -secret",
        "mode": "keyword",
        "facets": ["type"],
        "issuer": "https://idp.example.com",
    }
    assert act["outcome"] == "done"
    printed = folder.run("acts", "--limit", "1")
    assert "lighthouse -secret" in printed.stdout
    assert f"there are more: --before {act['number']}" in printed.stderr
    assert act not in folder.json("acts", "--before", str(act["number"]))
    assert folder.json("acts", "--since", "2999-01-01") == []


def test_the_environment_does_not_say_who_searched(folder: CliFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    folder.json("search", "private", "parking", *ANN)
    assert "mallory" not in folder.json("acts", "--limit", "1")[0]["administrator"]


@pytest.mark.parametrize("user", ["ann@example.com", "nobody@example.com"])
def test_a_search_as_somebody_that_cannot_be_recorded_tells_nothing(folder: CliFolder, user: str) -> None:
    with closing(sqlite3.connect(folder.path / "sightline-data" / "state.db")) as state:
        state.execute("ALTER TABLE admin_acts RENAME COLUMN subject TO about")
        try:
            result = folder.run("search", "private", "parking", "--as", user, "--mode", "keyword")
        finally:
            state.execute("ALTER TABLE admin_acts RENAME COLUMN about TO subject")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: search-as was not done: the log of acts cannot be written\n"
