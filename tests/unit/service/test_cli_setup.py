"""Before the first sync: `init`, `check`, and what is said of settings that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.settings.settings import load_settings
from tests.unit.service.cli_folder import SETTINGS, CliFolder


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    cli_folder = CliFolder(tmp_path)
    cli_folder.furnish()
    return cli_folder


def test_init_writes_settings_that_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALFRESCO_PASSWORD", "crawler's password")
    monkeypatch.setenv("SIGHTLINE_TOKEN_SECRET", "a shared secret of more than thirty-two bytes")
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    settings = load_settings(tmp_path / "sightline.toml", {})
    assert (list(settings.indexes), list(settings.sources)) == (["private"], ["intranet"])


def test_init_leaves_an_existing_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("# mine")
    result = CliRunner().invoke(app, ["init", str(file)])
    assert (result.exit_code, file.read_text()) == (2, "# mine")
    assert "exists already" in result.stderr


@pytest.mark.parametrize("command", [["check"], ["sync"], ["runs"], ["serve"], ["status"], ["search", "x", "y"]])
def test_every_command_asks_for_its_settings_in_one_line(tmp_path: Path, command: list[str]) -> None:
    result = CliFolder(tmp_path).run(*command)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(r"error: .*sightline\.toml: no such file .*\n", result.stderr)


def test_each_wrong_setting_is_one_line_on_stderr(folder: CliFolder) -> None:
    folder.write_settings(SETTINGS.replace('root = "handbook"', "").replace('index = "private"', 'index = "other"'))
    result = folder.run("check")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == ["error: sources.handbook.root: is required"]


def test_before_the_first_sync_there_are_no_runs(folder: CliFolder) -> None:
    assert folder.run("runs").stdout == "No runs yet; begin with: sightline sync\n"
    assert folder.json("runs") == []


def test_an_unknown_source_is_told_with_those_that_exist(folder: CliFolder) -> None:
    for command in ("sync", "runs"):
        result = folder.run(command, "handbok")
        assert (result.exit_code, result.stderr) == (2, "error: no such source: handbok (there are: handbook)\n")


def test_a_sync_offers_the_modes_that_it_carries_out(folder: CliFolder) -> None:
    assert "--mode full|changes|permissions|identities\n" in folder.run("sync", "--help").stdout
    for mode, command in (("audit", "sightline audit SOURCE"), ("rescore", "sightline rescore INDEX")):
        result = folder.run("sync", "--mode", mode)
        assert (result.exit_code, result.stderr.rpartition("use: ")[2]) == (2, f"{command}\n")


def test_a_sync_of_settings_without_sources_is_told_to_be_none(folder: CliFolder) -> None:
    folder.write_settings("")
    for arguments in (["sync"], ["sync", "handbook"], ["sync", "--plan"], ["sync", "--stop"]):
        result = folder.run(*arguments)
        assert (result.exit_code, result.stderr) == (2, "error: sources: none is configured\n")


def test_check_passes_when_everything_can_be_used(folder: CliFolder) -> None:
    findings = folder.json("check")
    assert all(finding["passed"] for finding in findings)
    subjects = {finding["subject"] for finding in findings}
    assert {"settings", "state", "tokens", "model", "index private", "extraction"} < subjects
    assert any(subject.startswith("source handbook") for subject in subjects)
    told = {finding["subject"]: finding["message"] for finding in findings}
    runtime = r"on openvino (float32|bfloat16), \d+ threads \(auto: a BERT encoder, on the processor\)"
    model = rf"all-MiniLM-L6-v2 53aa51172d14 {runtime}, 384 dimensions, toxicity by \S+"
    assert re.fullmatch(model, told["model"])
    assert told["index private"] == "0 documents"


def test_check_tells_of_a_cluster_that_is_not_there(folder: CliFolder) -> None:
    cluster = 'engine = "opensearch"\nurl = "http://127.0.0.1:9"'
    folder.write_settings(SETTINGS.replace('engine = "embedded"\npath = "data/private"', cluster))
    failed = [finding for finding in folder.json("check", exit_code=1) if not finding["passed"]]
    assert [(finding["subject"], finding["message"]) for finding in failed] == [
        ("index private: connection", "OpenSearch cannot be reached at http://127.0.0.1:9")
    ]


def test_check_fails_with_what_to_change(folder: CliFolder) -> None:
    folder.write_settings(SETTINGS.replace('root = "handbook"', 'root = "elsewhere"'))
    findings = folder.json("check", exit_code=1)
    failed = [finding for finding in findings if not finding["passed"]]
    assert [finding["subject"] for finding in failed] == ["source handbook: root"]
    assert "elsewhere" in failed[0]["message"]


def test_a_state_store_that_cannot_be_opened_is_a_finding(folder: CliFolder) -> None:
    (folder.path / "occupied").write_text("a file, and no folder")
    folder.write_settings('[state]\nurl = "sqlite:///occupied/state.db"\n' + SETTINGS)
    failed = [finding for finding in folder.json("check", exit_code=1) if not finding["passed"]]
    assert failed[0]["subject"] == "state"
    assert re.fullmatch(r"state\.url: .*occupied: (file exists|not a directory)", failed[0]["message"])


def test_a_file_that_is_no_database_is_told_with_its_setting(folder: CliFolder) -> None:
    folder.write_settings('[state]\nurl = "sqlite:///people.toml"\n' + SETTINGS)
    result = folder.run("status")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: state.url: the database cannot be opened (file is not a database)\n"


@pytest.mark.parametrize(
    "command", [["sync"], ["search", "private", "lunch", "--as", "ann@example.com"], ["serve", "--port", "0"]]
)
def test_an_index_that_cannot_be_opened_is_told_with_its_setting(folder: CliFolder, command: list[str]) -> None:
    folder.write_settings(SETTINGS.replace('"data/private"', '"people.toml"'))
    result = folder.run(*command)
    assert result.exit_code == 2
    assert re.fullmatch(r"error: indexes\.private\.path: .*people\.toml is damaged or not an index\n", result.stderr)


def test_serve_refuses_a_token_index_that_nobody_can_vouch_for(folder: CliFolder) -> None:
    start, end = SETTINGS.index("[[tokens]]"), SETTINGS.index("[sources.handbook]")
    folder.write_settings(SETTINGS[:start] + SETTINGS[end:])
    result = folder.run("serve")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: tokens: ")


def test_an_unknown_option_is_wrong_usage(folder: CliFolder) -> None:
    assert folder.run("sync", "--fast").exit_code == 2
    assert folder.run("sync", "--mode", "nightly").exit_code == 2


def test_a_mode_that_the_connector_lacks_is_wrong_usage(folder: CliFolder) -> None:
    for arguments in (["--mode", "changes"], ["handbook", "--mode", "permissions"]):
        result = folder.run("sync", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"error: handbook: the connector knows no {arguments[-1]} sync\n"


def test_the_version_can_be_asked_for() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert re.fullmatch(r"sightline \d+\.\d+\.\d+\n", result.stdout)
