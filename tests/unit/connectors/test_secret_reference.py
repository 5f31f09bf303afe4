"""Secrets come by reference, and no error repeats them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from connectors.secret_reference import Secret
from vocabulary.errors import SettingInvalid, SettingMissing


class Settings(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    password: Secret


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_PASSWORD", "hunter2")
    settings = Settings.model_validate({"password": {"env": "SOURCE_PASSWORD"}})
    assert settings.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + settings.model_dump_json()


def test_a_secret_file_is_found_beside_the_configuration_and_loses_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    settings = Settings.model_validate({"password": {"file": "password"}}, context={"base_folder": tmp_path})
    assert settings.password.get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    "inline", ["hunter2", 12345678, ["hunter2"], {"value": "hunter2"}, {"env": "A", "x": "hunter2"}]
)
def test_an_inline_secret_is_refused_without_repeating_it(inline: object) -> None:
    with pytest.raises(SettingInvalid, match=r"password: .*env = ") as refusal:
        Settings.model_validate({"password": inline})
    assert "hunter2" not in str(refusal.value) and "12345678" not in str(refusal.value)


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("ABSENT", raising=False)
    if value is not None:
        monkeypatch.setenv("ABSENT", value)
    with pytest.raises(SettingMissing, match="ABSENT"):
        Settings.model_validate({"password": {"env": "ABSENT"}})


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_missing_or_unreadable_secret_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingMissing, match=str(path)):
        Settings.model_validate({"password": {"file": str(path)}})
