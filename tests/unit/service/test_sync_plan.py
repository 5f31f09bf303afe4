"""What `sync --plan` says beside the documents: what it cannot know before their text is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.preview import Preview
from service.commands.sync_plan import holding_back, preview_json, print_previews
from service.settings.settings import load_settings
from vocabulary.ports import SyncMode

SETTINGS = """
[state]
url = "sqlite:///state.db"

[indexes.public]
engine = "embedded"
path = "public"
access = "public"

[sources.files]
connector = "filesystem"
index = "public"
root = "share"

[sources.chat]
connector = "filesystem"
index = "public"
root = "chat"
toxicity = { rule = "hide" }
"""


def test_a_plan_says_that_it_cannot_tell_what_will_be_held_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sightline.toml"
    file.write_text(SETTINGS)
    hold_back = holding_back(load_settings(file), ["files", "chat"])
    files, chat = (Preview(name, SyncMode.FULL) for name in ("files", "chat"))

    assert [preview_json(each, hold_back=hold_back)["may_hold_back"] for each in (files, chat)] == [False, True]

    print_previews([files, chat], hold_back=hold_back)
    said = [line for line in capsys.readouterr().out.splitlines() if "toxicity" in line]
    assert len(said) == 1
    assert said[0].startswith("chat: ")
