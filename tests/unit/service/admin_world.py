"""The small served world with keys of the admin API: one that opens everything, and one for each scope alone."""

from __future__ import annotations

from pydantic import SecretStr

from service.admin.key_config import AdminKeyConfig, Scope

EVERYTHING = "everything-" + "e" * 32
WRONG = "nobody-" + "n" * 32


def key_of(scope: Scope) -> str:
    return f"{scope}-" + "k" * 32


KEYS = (
    AdminKeyConfig(name="root", key=SecretStr(EVERYTHING), scopes=tuple(Scope)),
    *(AdminKeyConfig(name=f"only-{scope}", key=SecretStr(key_of(scope)), scopes=(scope,)) for scope in Scope),
)


def with_key(key: str = EVERYTHING) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
