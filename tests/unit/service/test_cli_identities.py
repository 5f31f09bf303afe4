"""`identities` on the command line, and that every look through somebody's eyes obeys it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.service.cli_folder import SETTINGS, CliFolder

STRANGER = "a.miller@elsewhere.example"
IDP = "https://idp.example.com"
SECOND_ISSUER = """
[[tokens]]
kind = "jwt"
issuer = "https://other.example.com"
audience = "sightline"
algorithms = ["HS256"]
shared_secret = { file = "token-secret" }
"""
BOARD = "handbook/board/merger.txt"


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    cli_folder = CliFolder(Path(tmp_path_factory.mktemp("cli-identities")))
    cli_folder.furnish()
    assert cli_folder.run("sync").exit_code == 0
    return cli_folder


@pytest.fixture
def folder(synced: CliFolder) -> CliFolder:
    """Without a mapping."""
    synced.write_settings(SETTINGS)
    for user in (STRANGER, "bob@example.com"):
        assert synced.run("identities", "unmap", user, "handbook").exit_code == 0
    return synced


def found(folder: CliFolder, user: str, *options: str) -> int:
    answer = folder.json("search", "private", "merger", "--mode", "keyword", "--as", user, *options)
    total: int = answer["total"]["value"]
    return total


def test_a_mapped_user_is_the_person_in_every_command(folder: CliFolder) -> None:
    assert found(folder, STRANGER) == 0
    said = folder.run("identities", "map", STRANGER, "handbook", "ann")
    assert (said.exit_code, said.stdout) == (0, f"{STRANGER} in handbook: found\n")
    assert found(folder, STRANGER) == 1
    assert folder.json("explain-access", STRANGER, BOARD)["allowed"]
    one = folder.json("audit", "handbook", "--person", STRANGER, "--document", BOARD)["audit"]
    assert (one["asked"], one["agreed"]) == (1, 1)
    [mapping] = folder.json("identities", "list")
    assert (mapping["user"], mapping["person"], mapping["kept_in"]) == (STRANGER, "ann", "state")
    assert mapping["made_by"].startswith("command line (")


def test_a_mapping_takes_the_name_from_whom_it_would_mean(folder: CliFolder) -> None:
    folder.run("identities", "map", "bob@example.com", "handbook", "nobody")
    assert found(folder, "bob@example.com") == 0
    assert not folder.json("explain-access", "bob@example.com", "handbook/travel.txt")["allowed"]
    refused = folder.run("audit", "handbook", "--person", "bob@example.com")
    assert (refused.exit_code, "nobody in handbook is meant by that name" in refused.stderr) == (2, True)
    audit = folder.json("audit", "handbook", "--sample", "60", "--seed", "7")["audit"]
    assert (audit["leak"], audit["loss"], audit["agreed"]) == (0, 0, audit["asked"])  # of ann alone


def test_an_audit_asks_about_the_person_whom_a_name_is_mapped_to(folder: CliFolder) -> None:
    folder.run("identities", "map", "bob@example.com", "handbook", "ann")
    audit = folder.json("audit", "handbook", "--sample", "60", "--seed", "7")["audit"]
    assert (audit["leak"], audit["loss"], audit["agreed"]) == (0, 0, audit["asked"])


def test_of_several_issuers_none_is_meant_unless_it_is_named(folder: CliFolder) -> None:
    folder.run("identities", "map", STRANGER, "handbook", "ann")
    folder.write_settings(SETTINGS + SECOND_ISSUER)
    assert found(folder, STRANGER) == 0
    assert found(folder, STRANGER, "--issuer", IDP) == 1
    assert found(folder, STRANGER, "--issuer", "https://other.example.com") == 0
    for command in (
        ("search", "private", "merger", "--as", STRANGER),
        ("explain-access", STRANGER, BOARD),
        ("audit", "handbook"),
        ("identities", "map", STRANGER, "handbook", "ann"),
    ):
        refused = folder.run(*command, "--issuer", "https://nobody.example.com")
        assert (refused.exit_code, refused.stderr) == (2, "error: issuer: no [[tokens]] entry has it\n"), command
    refused = folder.run("identities", "map", STRANGER, "handbook", "ann")
    assert (refused.exit_code, "issuer" in refused.stderr) == (2, True)


def test_every_saying_is_an_act(folder: CliFolder) -> None:
    folder.run("identities", "map", STRANGER, "handbook", "ann")
    folder.run("identities", "unmap", STRANGER, "handbook")
    unmapped, mapped = folder.json("acts", "--limit", "2")
    assert (mapped["act"], mapped["subject"], mapped["outcome"]) == ("map-identity", STRANGER, "found")
    assert mapped["parameters"] == {"issuer": IDP, "source": "handbook", "person": "ann"}
    assert (unmapped["act"], unmapped["outcome"]) == ("unmap-identity", "unknown in this source")


def test_what_is_mapped_must_be_there(folder: CliFolder) -> None:
    refused = folder.run("identities", "map", STRANGER, "nowhere", "ann")
    assert (refused.exit_code, refused.stderr) == (2, "error: source: no such source\n")
    assert folder.run("identities", "list").stdout == "No mappings.\n"
