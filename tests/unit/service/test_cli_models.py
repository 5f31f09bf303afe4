"""`models` as a person meets it: a model is trained, measured, listed, and scores once its approval is on record."""

from __future__ import annotations

import csv
import gzip
import random
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from embedder.toxicity.model_file import load_model
from service.admin.command_line import command_line
from service.cli import app
from tests.unit.embedder.conftest import write_tiny_model
from tests.unit.service.cli_folder import CliFolder

pytest.importorskip("sklearn", reason="needs the train extra")
pytest.importorskip("matplotlib", reason="needs the train extra")

# What the tiny encoder can read are letters: each kind of text has some of its own.
LETTERS = {"ok": "abcdefgh", "insult": "uvwxyz", "threat": "nopqrs"}
COUNTS = {"ok": 60, "insult": 40, "threat": 30}
SETTINGS = """
[indexes.private]
engine = "embedded"
path = "data/private"

[embedder]
model = "./tiny"
models_folder = "models"
toxicity_model = "{toxicity_model}"

[[tokens]]
kind = "jwt"
issuer = "https://idp.example.com"
audience = "sightline"
algorithms = ["HS256"]
shared_secret = {{ file = "token-secret" }}
"""


def texts_of(kinds: dict[str, int]) -> list[tuple[str, str]]:
    """Different texts of six letters each, with their labels."""
    chosen = random.Random(5)
    return [(" ".join(chosen.choices(LETTERS[kind], k=6)), kind) for kind, count in kinds.items() for _ in range(count)]


def write_data(file: Path, kinds: dict[str, int]) -> Path:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("comment", "verdict"), *texts_of(kinds)])
    return file


def train_options(work: CliFolder, /, **changes: str) -> list[str]:
    options = {
        "name": "ours",
        "data": str(work.path / "data.csv"),
        "text-column": "comment",
        "label-column": "verdict",
        "clean-label": "ok",
        "encoder": str(work.path / "tiny"),
        "cache": str(work.path / "cache"),
    }
    return [part for name, value in (options | changes).items() for part in (f"--{name}", value)]


def evaluate_options(work: CliFolder, /, **changes: str) -> list[str]:
    return train_options(work, **changes)[2:]  # all but the name


def use(folder: CliFolder, toxicity_model: str) -> None:
    folder.write_settings(SETTINGS.format(toxicity_model=toxicity_model))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> CliFolder:
    """A folder with one trained version, which nobody has approved."""
    folder = CliFolder(tmp_path_factory.mktemp("models"))
    write_tiny_model(folder.path / "tiny")
    write_data(folder.path / "data.csv", COUNTS)
    (folder.path / "token-secret").write_text("a shared secret of more than thirty-two bytes")
    use(folder, "shipped")
    answer = folder.json("models", "train", "toxicity", *train_options(folder))
    assert (answer["name"], answer["version"], answer["approved_at"]) == ("ours", "1", None)
    return folder


@pytest.fixture
def folder(trained: CliFolder, tmp_path: Path) -> CliFolder:
    shutil.copytree(trained.path, tmp_path / "work")
    return CliFolder(tmp_path / "work")


def model_finding(folder: CliFolder, *, exit_code: int) -> dict[str, Any]:
    findings = folder.json("check", exit_code=exit_code)
    (finding,) = [each for each in findings if "model" in each["subject"]]
    return dict(finding)


def refusal(folder: CliFolder, *arguments: str) -> str:
    """Run a command that is refused as wrong usage, and return the one line that says why, behind those of progress."""
    result = folder.run("models", *arguments)
    *told, line = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, line.startswith("error: ")) == (2, "", True), result.stderr
    assert all("texts (" in other for other in told)
    return line


def test_a_trained_version_has_a_report_and_is_listed_without_approval(trained: CliFolder) -> None:
    (listed,) = trained.json("models", "list")
    assert (listed["name"], listed["version"], listed["approved_by"], listed["damage"]) == ("ours", "1", None, None)
    kept = Path(listed["folder"])
    assert kept == trained.path / "models" / "ours" / "1"
    assert {file.name for file in kept.iterdir()} == {"model.safetensors", "card.md", "report.json", "confusion.png"}
    assert "## As documents are scored" in (kept / "card.md").read_text(encoding="utf-8")
    card = load_model(kept / "model.safetensors").card
    assert (card.reference, card.categories) == ("ours@1", ("insult", "threat"))


def test_the_model_tells_what_it_has_learnt_from_what_it_has_not(folder: CliFolder, tmp_path: Path) -> None:
    others = write_data(tmp_path / "others.csv", {"ok": 25, "insult": 25})
    figures = folder.json("models", "evaluate", "toxicity", "ours", *evaluate_options(folder, data=str(others)))
    assert figures["toxic"]["texts"] == 50
    assert figures["toxic"]["auc"] > 0.9
    assert (figures["as_documents"]["toxic"]["texts"], figures["as_documents"]["toxic_lost"]) == (50, 0)


def test_a_model_scores_once_it_is_approved_and_not_before(folder: CliFolder) -> None:
    use(folder, "ours")
    refused = model_finding(folder, exit_code=1)
    assert not refused["passed"]
    assert "ours is not approved" in str(refused)
    assert "sightline models approve ours 1" in str(refused)

    approved = folder.json("models", "approve", "ours", "1")
    assert (approved["approved_by"], folder.json("models", "list")) == (command_line().name, [approved])
    assert "toxicity by ours@1" in str(model_finding(folder, exit_code=0))


def test_an_approval_is_on_record_before_it_takes_effect(folder: CliFolder) -> None:
    folder.json("models", "approve", "ours", "1")
    (act,) = folder.json("acts")
    assert (act["act"], act["subject"], act["outcome"]) == ("approve-model", "ours@1", "done")
    assert act["administrator"] == command_line().name


def test_an_approval_is_taken_back_and_that_is_on_record(folder: CliFolder) -> None:
    use(folder, "ours")
    folder.json("models", "approve", "ours", "1")
    assert folder.json("models", "disapprove", "ours", "1")["approved_at"] is None
    assert [version["approved_at"] for version in folder.json("models", "list")] == [None]
    acts = folder.json("acts")
    assert {(act["act"], act["subject"], act["outcome"]) for act in acts} == {
        ("approve-model", "ours@1", "done"),
        ("disapprove-model", "ours@1", "done"),
    }
    assert "ours is not approved" in str(model_finding(folder, exit_code=1))


def test_status_says_what_is_wrong_with_approvals_and_nothing_where_all_is_well(folder: CliFolder) -> None:
    use(folder, "ours")
    assert "Toxicity: no version of ours is approved" in folder.run("status").stdout
    folder.json("models", "approve", "ours", "1")
    assert "Toxicity" not in folder.run("status").stdout
    with (folder.path / "models" / "ours" / "1" / "model.safetensors").open("ab") as weights:
        weights.write(b"0")
    said = folder.run("status").stdout
    assert "Toxicity: ours@1 is not approved: its file is not the one that was approved" in said


def test_an_approval_that_cannot_be_recorded_does_not_happen(folder: CliFolder) -> None:
    folder.write_settings(SETTINGS.format(toxicity_model="ours") + '[state]\nurl = "sqlite:////dev/null/state.db"\n')
    assert folder.run("models", "approve", "ours", "1").exit_code != 0
    assert [version["approved_at"] for version in folder.json("models", "list")] == [None]


def test_a_model_that_cannot_be_read_is_not_approved_and_the_log_says_so(folder: CliFolder) -> None:
    (folder.path / "models" / "ours" / "1" / "model.safetensors").write_bytes(b"nothing")
    assert "cannot be read" in refusal(folder, "approve", "ours", "1")
    (act,) = folder.json("acts")
    assert (act["subject"], act["outcome"]) == ("ours@1", "failed: SettingInvalid")


def test_without_settings_nobody_approves_for_nothing_would_be_recorded(folder: CliFolder) -> None:
    models = str(folder.path / "models")
    nowhere = str(folder.path / "none.toml")
    result = CliRunner().invoke(app, ["models", "approve", "ours", "1", "--folder", models, "--config", nowhere])
    assert (result.exit_code, "none.toml" in result.stderr) == (2, True)
    assert [version["approved_at"] for version in folder.json("models", "list")] == [None]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (("nobody", "1"), "there is no toxicity model nobody@1"),
        (("ours", "2"), "there is no toxicity model ours@2"),
        (("ours", ""), "there is no toxicity model ours@"),
        (("Ours", "1"), "cannot be the name of a model"),
        (("../models/ours", "1"), "cannot be the name of a model"),
    ],
)
def test_an_unknown_version_is_not_approved(folder: CliFolder, reference: tuple[str, str], said: str) -> None:
    assert said in refusal(folder, "approve", *reference)
    assert folder.json("acts") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": "missing.csv"}, "there is no file missing.csv"),
        ({"text-column": "words"}, "has no column words; it has: comment, verdict"),
        ({"label-column": "mark"}, "has no column mark"),
        ({"clean-label": "fine"}, "0 different clean texts; at least 20 of either kind are needed"),
        ({"name": "shipped"}, "cannot be the name of a model"),
        ({"encoder": "no-such-model"}, "unknown model 'no-such-model'"),
        ({"encoder": "./nowhere"}, "there is no folder ./nowhere"),
        ({"folder": "/dev/null/models"}, "/dev/null/models/ours cannot be made"),
        ({"cache": "/dev/null/cache"}, "cache: /dev/null/cache"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(trained: CliFolder, changes: dict[str, str], said: str) -> None:
    assert said in refusal(trained, "train", "toxicity", *train_options(trained, **changes))
    assert [version["version"] for version in trained.json("models", "list")] == ["1"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("one.csv", b"comment,verdict\n" + b"".join(b"a %d,insult\n" % n for n in range(40)), "0 different clean"),
        ("empty.csv", b"", "has no column comment and no column verdict"),
        ("none.jsonl", b'{"verdict": "ok"}\n' * 3, "gives no example (no comment: 3)"),
        ("latin.csv", "comment,verdict\ngr\xf6\xdfer,ok\n".encode("latin-1"), "cannot be read"),
        (
            "cut.csv.gz",
            gzip.compress(b"comment,verdict\n" + random.Random(1).randbytes(999), mtime=0)[:-300],
            "cannot be read",
        ),
        ("bad.jsonl.gz", gzip.compress(b"x" * 999, mtime=0)[:12] + b"\xff" * 40, "cannot be read"),
        ("table.xlsx", b"PK", ".xlsx: what is read is"),
        ("parts.toml", b"[[parts]]\npath = 'a.csv'\ngroup_colum = 'x'\n", "group_colum"),
        ("parts.json", b'{"parts": [{"path": "gone.csv"}]}', "gone.csv cannot be read"),
    ],
)
def test_data_that_cannot_be_used_is_refused_in_one_line(
    trained: CliFolder, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    options = train_options(trained, data=str(tmp_path / name))
    result = trained.run("models", "train", "toxicity", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert all(line.startswith("error: ") for line in result.stderr.splitlines())
    assert said in result.stderr


def test_fine_tuning_says_what_to_install_and_how_many_texts_it_needs(trained: CliFolder) -> None:
    line = refusal(trained, "train", "toxicity", *train_options(trained, **{"fine-tune": "top-layers"}))
    if find_spec("torch") is None or find_spec("transformers") is None:
        assert "is missing): pip install 'sightline[finetune]'" in line
    else:
        assert "--fine-tune needs at least 1,000 training texts" in line


def test_what_cannot_be_measured_is_refused_in_one_line(trained: CliFolder, tmp_path: Path) -> None:
    assert "no toxicity model nobody" in refusal(trained, "evaluate", "toxicity", "nobody", *evaluate_options(trained))
    missing = evaluate_options(trained, data="missing.csv")
    assert "there is no file missing.csv" in refusal(trained, "evaluate", "toxicity", "ours", *missing)
    other = evaluate_options(trained, encoder=str(write_tiny_model(tmp_path / "other", seed=5)))
    line = refusal(trained, "evaluate", "toxicity", "ours", *other)
    assert "ours@1 was trained with tiny" in line
    assert "--encoder" in line
