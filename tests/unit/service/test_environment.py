"""How environment variables become settings."""

from __future__ import annotations

from typing import Any

import pytest

from service.settings.environment import overlaid, setting_overrides
from vocabulary.errors import SettingInvalid


def test_a_variable_names_its_setting_by_double_underscores() -> None:
    assert setting_overrides({"SIGHTLINE_STATE__URL": "sqlite:///x.db"}) == {"state": {"url": "sqlite:///x.db"}}


def test_an_underscore_in_a_name_stands_for_its_dash_and_stays_in_a_key() -> None:
    variables = {"SIGHTLINE_SOURCES__ONPREM_PRIVATE__DELETE_BRAKE": "0.5", "SIGHTLINE_INDEXES__MY_DOCS__PATH": "p"}
    assert setting_overrides(variables) == {
        "sources": {"onprem-private": {"delete_brake": "0.5"}},
        "indexes": {"my-docs": {"path": "p"}},
    }


@pytest.mark.parametrize("variable", ["SIGHTLINE_CONFIG", "SIGHTLINE_PORT", "SIGHTLINE_SERVICE_HOST", "PATH", "X__Y"])
def test_a_variable_without_a_section_is_no_setting(variable: str) -> None:
    assert setting_overrides({variable: "tcp://10.0.0.1:80"}) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["a", "b"]', ["a", "b"]),
        ('{ env = "NAME" }', {"env": "NAME"}),
        ('{"env": "NAME"}', {"env": "NAME"}),
        ("true", "true"),
        ("[not a list", "[not a list"),
    ],
)
def test_lists_and_tables_are_read_as_toml_or_json_and_all_else_is_text(text: str, value: object) -> None:
    assert setting_overrides({"SIGHTLINE_A__B": text}) == {"a": {"b": value}}


def test_a_setting_given_as_a_value_and_as_a_table_is_refused_without_its_value() -> None:
    with pytest.raises(SettingInvalid) as refused:
        setting_overrides({"SIGHTLINE_A__B": "hunter2", "SIGHTLINE_A__B__C": "1"})
    assert "a.b.c" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_overrides_replace_single_keys_and_leave_their_neighbours() -> None:
    base: dict[str, Any] = {"sources": {"a": {"url": "x", "index": "i"}}, "tokens": [{"issuer": "x", "audience": "y"}]}
    overrides = setting_overrides({"SIGHTLINE_SOURCES__A__URL": "z", "SIGHTLINE_TOKENS__0__ISSUER": "w"})
    assert overlaid(base, overrides) == {
        "sources": {"a": {"url": "z", "index": "i"}},
        "tokens": [{"issuer": "w", "audience": "y"}],
    }
    assert base["sources"]["a"]["url"] == "x"


def test_a_list_can_be_made_of_the_environment_alone() -> None:
    overrides = setting_overrides({"SIGHTLINE_TOKENS__0__ISSUER": "w", "SIGHTLINE_TOKENS__1__ISSUER": "v"})
    assert overlaid({}, overrides) == {"tokens": [{"issuer": "w"}, {"issuer": "v"}]}
