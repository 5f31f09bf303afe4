"""A working folder for tests of the command line: settings, a handbook of a few files, two people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from service.cli import app

SETTINGS = """
[indexes.private]
engine = "embedded"
path = "data/private"

[indexes.public]
engine = "embedded"
path = "data/public"
access = "public"

[[tokens]]
kind = "jwt"
issuer = "https://idp.example.com"
audience = "sightline"
algorithms = ["HS256"]
shared_secret = { file = "token-secret" }

[sources.handbook]
connector = "filesystem"
index = "private"
root = "handbook"
people = "people.toml"
"""
SECRET = "a shared secret of more than thirty-two bytes"
PEOPLE = """
[[people]]
username = "ann"
email = "ann@example.com"

[[people]]
username = "bob"
email = "bob@example.com"
"""
TEXTS = {
    "travel.txt": "Book journeys two weeks ahead and keep every receipt.",
    "canteen.txt": "The canteen serves lunch from twelve to two.",
    "board/merger.txt": "The merger with the lighthouse company is planned for June.",
    "board/budget.txt": "The budget of the next year is a secret of the board.",
} | {f"note-{number}.txt": f"Note number {number} on parking." for number in range(4)}


@dataclass(frozen=True)
class CliFolder:
    """Runs commands on a folder."""

    path: Path

    def furnish(self) -> None:
        (self.path / "handbook" / "board").mkdir(parents=True)
        for name, text in TEXTS.items():
            (self.path / "handbook" / name).write_text(text)
        (self.path / "handbook" / ".access.toml").write_text('allow = ["user:ann", "user:bob"]')
        (self.path / "handbook" / "board" / ".access.toml").write_text('allow = ["user:ann"]')
        (self.path / "people.toml").write_text(PEOPLE)
        (self.path / "token-secret").write_text(SECRET)
        self.write_settings(SETTINGS)

    def write_settings(self, text: str) -> None:
        (self.path / "sightline.toml").write_text(text)

    def run(self, *arguments: str) -> Result:
        """Run a command with this folder's settings."""
        return CliRunner().invoke(app, [*arguments, "--config", str(self.path / "sightline.toml")])

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        """Run a command and read its JSON."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == exit_code, result.stderr
        return json.loads(result.stdout)
