"""What an operator may write about an Alfresco source, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.alfresco import AlfrescoConfig
from vocabulary.errors import SettingInvalid


def settings(**changes: object) -> dict[str, object]:
    auth = {"kind": "basic", "username": "crawler", "password": {"env": "ALFRESCO_PASSWORD"}}
    return {"url": "https://alfresco.example.com", "auth": auth, "sites": ["hr"]} | changes


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALFRESCO_PASSWORD", "hunter2")


@pytest.mark.parametrize("scope", [{"sites": "all"}, {"sites": ["a", "b"]}, {"sites": [], "folders": ["/x"]}])
def test_sites_and_folders_are_scopes(scope: dict[str, object]) -> None:
    AlfrescoConfig.model_validate(settings(**scope))


@pytest.mark.parametrize("url", ["https://a.example.com/", "https://a.example.com/alfresco", "https://a.example.com"])
def test_the_address_is_taken_with_or_without_the_application_path(url: str) -> None:
    assert AlfrescoConfig.model_validate(settings(url=url)).url == "https://a.example.com"


@pytest.mark.parametrize(
    "changes",
    [
        {"sites": []},
        {"url": "alfresco.example.com"},
        {"url": "ftp://alfresco.example.com"},
        {"url": "https://crawler:hunter2@alfresco.example.com"},
        {"url": "https://alfresco.example.com/?x=hunter2"},
        {"aspects": ["indexControl"]},
        {"sites": "some"},
        {"page_size": 0},
        {"read_timeout_s": 0},
        {"unknown": 1},
        {"auth": {"kind": "ticket", "password": "hunter2"}},
        {"auth": {"kind": "basic", "username": "", "password": {"env": "ALFRESCO_PASSWORD"}}},
    ],
)
def test_what_cannot_work_is_refused_without_repeating_a_value(changes: dict[str, object]) -> None:
    with pytest.raises((ValidationError, SettingInvalid)) as refusal:
        AlfrescoConfig.model_validate(settings(**changes))
    assert "hunter2" not in str(refusal.value)


def test_the_certificate_is_found_beside_the_configuration(tmp_path: Path) -> None:
    context = {"base_folder": tmp_path}
    config = AlfrescoConfig.model_validate(settings(ca_certificate="certs/ca.pem"), context=context)
    assert config.ca_certificate == tmp_path / "certs/ca.pem"


def test_a_configuration_shows_no_password() -> None:
    config = AlfrescoConfig.model_validate(settings())
    assert "hunter2" not in repr(config) + config.model_dump_json()
