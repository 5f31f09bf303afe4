"""What keeps the rooms apart and the files readable, beyond what the linters say."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("vocabulary", "connectors", "acl", "embedder", "indexer", "service")
FILES = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
LINT_IMPORTS = str(Path(sys.executable).with_name("lint-imports"))

# A suppression says what it suppresses and then, behind a dash or a second comment sign, why.
SUPPRESSION = re.compile(r"#\s*(?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z-]+\])(?P<reason>.*)$")
LONGEST_FILE = 340  # lines; past that, look for the second subject in it


def test_the_import_contracts_hold() -> None:
    checked = subprocess.run([LINT_IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_an_import_against_the_flow_breaks_a_contract(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "connectors" / "guilty.py").write_text("import acl\n")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = "\n    ".join(settings["layers"])
    packages = "\n    ".join(ROOMS)
    (tmp_path / ".importlinter").write_text(
        f"[importlinter]\nroot_packages =\n    {packages}\n"
        f"[importlinter:contract:rooms]\nname = rooms\ntype = layers\nlayers =\n    {layers}\n"
    )
    command = [LINT_IMPORTS, "--no-cache", "--config", ".importlinter"]
    checked = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "connectors.guilty -> acl" in checked.stdout


def test_every_suppression_gives_its_reason() -> None:
    bare = [f"{file.relative_to(ROOT)}: {line.strip()}" for file in FILES for line in _without_reason(file)]
    assert not bare


def test_no_file_is_long() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_decisions_are_numbered_once_each() -> None:
    numbers = [file.name[:3] for file in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == [f"{number:03}" for number in range(1, len(numbers) + 1)]


def _without_reason(file: Path) -> list[str]:
    found = ((line, SUPPRESSION.search(line)) for line in file.read_text().splitlines())
    return [line for line, suppression in found if suppression and len(suppression["reason"].strip(" -#")) < 5]
