"""`explain-access`: what an operator is told who has to answer why somebody cannot find a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.service.cli_folder import PEOPLE, CliFolder

GROUPS = """
[groups]
staff = ["user:ann", "user:bob", "group:board"]
board = ["user:ann"]
externals = ["user:bob"]
"""
LISTS = {
    "": 'allow = ["group:staff"]',
    "board": 'allow = ["group:board"]',
    "talks": 'allow = ["everyone"]\ndeny = ["group:externals"]',
    "broken": "allow = [",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    cli_folder = CliFolder(Path(tmp_path_factory.mktemp("cli-explain")))
    cli_folder.furnish()
    for name, text in LISTS.items():
        place = cli_folder.path / "handbook" / name
        place.mkdir(exist_ok=True)
        (place / ".access.toml").write_text(text)
        (place / "plan.txt").write_text(f"The plan of {name or 'all'}.")
    (cli_folder.path / "people.toml").write_text(PEOPLE + GROUPS)
    assert cli_folder.run("sync").exit_code == 0
    return cli_folder


def _said(folder: CliFolder, *arguments: str) -> str:
    result = folder.run("explain-access", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_an_allowance_is_told_with_the_groups_that_lead_to_it(folder: CliFolder) -> None:
    said = _said(folder, "ann@example.com", "handbook/board/plan.txt")
    assert said.startswith(
        "yes  ann@example.com finds it: its list allows group board, to which they belong (ann → board)"
    )
    assert "run 1 (full)" in said


def test_a_denial_is_told_with_what_would_lift_it(folder: CliFolder) -> None:
    told = folder.json("explain-access", "bob@example.com", "handbook/talks/plan.txt")
    assert (told["allowed"], told["ground"]) == (False, "denied")
    (deciding, other) = told["entries"]
    assert (deciding["effect"], deciding["principal"]) == ("deny", "group:handbook/externals")
    assert [step["member"] for step in deciding["chain"]] == ["user:handbook/bob"]
    assert (deciding["brought_by"]["run"], deciding["brought_by"]["mode"]) == (1, "full")
    assert (other["effect"], other["principal"]) == ("allow", "everyone:handbook/")
    assert [remedy["words"] for remedy in told["remedies"]] == [
        "remove the denial of group externals at the source",
        "take bob out of group externals",
    ]


def test_a_hidden_document_says_why_nobody_finds_it(folder: CliFolder) -> None:
    told = folder.json("explain-access", "ann@example.com", "handbook/broken/plan.txt")
    assert (told["document"]["presence"], told["document"]["reason"]) == ("absent", "permissions-unreadable")
    assert "did not let the crawler read who may read it" in told["words"]


@pytest.mark.parametrize(
    ("user", "document", "problem"),
    [
        ("ann@example.com", "plan.txt", "not a document id: 'plan.txt' (expected <source>/<id>)"),
        ("ann@example.com", "other/plan.txt", "no such source: other (there are: handbook)"),
        ("user:handbook/zoe", "handbook/plan.txt", "source handbook lists no person 'zoe'"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(folder: CliFolder, user: str, document: str, problem: str) -> None:
    result = folder.run("explain-access", user, document)
    assert (result.exit_code, result.stderr) == (2, f"error: {problem}\n")


def test_that_nobody_is_meant_is_told_once_the_question_is_on_record(folder: CliFolder) -> None:
    assert folder.run("explain-access", "user:handbook/zoe", "handbook/plan.txt").exit_code == 2
    (act,) = folder.json("acts", "--limit", "1")
    assert (act["act"], act["subject"]) == ("explain-access", "user:handbook/zoe")
    assert act["outcome"] == "failed: QueryInvalid"
