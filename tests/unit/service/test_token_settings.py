"""A configuration of tokens that could be fooled stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from service.tokens import TokenVerifier
from tests.unit.service.token_issuers import JWKS_URL, P256, RSA, SECRET, pem_config, secret_config
from vocabulary.errors import ConfigurationError


@pytest.mark.parametrize(
    "changes",
    [
        {"shared_secret": SecretStr("x" * 31)},
        {"shared_secret": SecretStr("x" * 63), "algorithms": ["HS512"]},
        {"algorithms": ["RS256"]},
        {"algorithms": ["HS256", "RS256"]},
        {"shared_secret": None},
        {"jwks_url": JWKS_URL},
        {"shared_secret": None, "jwks_url": JWKS_URL, "algorithms": ["HS256"]},
        {"shared_secret": SecretStr(RSA.as_pem(private=False).decode())},
        {"shared_secret": None, "public_key": SecretStr(SECRET), "algorithms": ["RS256"]},
        {"shared_secret": None, "public_key": SecretStr(RSA.as_pem(private=True).decode()), "algorithms": ["RS256"]},
        {"shared_secret": None, "public_key": SecretStr(RSA.as_pem(private=False).decode()), "algorithms": ["ES256"]},
        {"shared_secret": None, "public_key": SecretStr(P256.as_pem(private=False).decode()), "algorithms": ["ES384"]},
    ],
)  # fmt: skip
def test_keys_and_algorithms_that_do_not_go_together_stop_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        secret_config(**changes)
    assert refused.value.__cause__ is None
    assert not any(text in str(refused.value) for text in (SECRET, "x" * 31, "BEGIN", "MII"))


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": []},
        {"algorithms": ["none"]},
        {"algorithms": ["hs256"]},
        {"issuer": ""},
        {"audience": ""},
        {"user_claim": ""},
        {"leeway": 1},
        {"kind": "json"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "http://idp.example.com/keys"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "http://localhost.example.com/keys"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "file:///etc/keys"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "https://"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "https://[::1"},
    ],
)
def test_values_that_cannot_work_stop_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        secret_config(**changes)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:80/keys"])
def test_keys_of_this_machine_may_come_without_tls(url: str) -> None:
    assert secret_config(shared_secret=None, algorithms=["RS256"], jwks_url=url).jwks_url == url


def test_an_issuer_configured_twice_stops_the_start() -> None:
    with pytest.raises(ConfigurationError):
        TokenVerifier([secret_config(), pem_config(RSA, "RS256")])


def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)
    (tmp_path / "secret").write_text(SECRET + "\n")
    for reference in ({"env": "TOKEN_SECRET"}, {"file": str(tmp_path / "secret")}):
        config = secret_config(shared_secret=reference)
        assert config.shared_secret is not None
        assert config.shared_secret.get_secret_value() == SECRET
        assert SECRET not in repr(config)


def test_a_secret_written_into_the_configuration_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        secret_config(shared_secret=SECRET)
    assert SECRET not in str(refused.value)
