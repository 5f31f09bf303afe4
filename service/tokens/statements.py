"""What a trusted caller says of its reader, unsigned: a JSON object in a header, believed because of who sends it.

The caller proves itself by name and key (`Authorization: Basic`, RFC 7617) and, where its configuration says so, by the
address that its connection comes from. The object must hold exactly the names that the configuration asks for: one that
is misspelt could be the group that a denial needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from acl import ReaderClaims
from service.tokens.callers import TrustedCallers
from service.tokens.claims import LEEWAY_S, check_claims, claims_registry, reader_of
from service.tokens.config import JsonTokenConfig
from service.tokens.credentials import READER_HEADER, Credentials
from service.tokens.strict_json import read_encoded_object
from vocabulary.errors import NotAuthenticated

_MAX_STATEMENT_BYTES = 16_384  # as much as a signed token
_MAX_LIFE_S = 3_600  # a statement is made for one request: an hour allows for a queue, and outlives no working day


class CallerStatements:
    """Believes the configured callers, each under its own issuer."""

    def __init__(self, configs: Iterable[JsonTokenConfig], *, clock: Callable[[], datetime]) -> None:
        """Raise `SettingInvalid` where two callers have one name."""
        self._callers = TrustedCallers(configs)
        self._clock = clock

    def verify(self, proof: str, credentials: Credentials) -> ReaderClaims:
        """Return what the caller says of its reader.

        `proof` is what follows the scheme `Basic`.

        Raises:
            NotAuthenticated: the caller is not trusted, or what it says cannot be believed; the message may be shown.
        """
        config = self._callers.authenticate(proof, peer=credentials.peer)
        statement = _read(credentials)
        _require_exactly(statement, _names(config))
        check_claims(statement, claims_registry(issuer=config.issuer, audience=None, clock=self._clock))
        if statement["exp"] > self._clock().timestamp() + _MAX_LIFE_S + LEEWAY_S:
            raise NotAuthenticated(f"exp: at most {_MAX_LIFE_S} s from now", reason="claims")
        return reader_of(statement, config)


def _read(credentials: Credentials) -> Mapping[str, Any]:
    if len(credentials.reader) != 1:
        raise NotAuthenticated(f"a trusted caller names its reader in one {READER_HEADER} header", reason="malformed")
    text = credentials.reader[0].strip()
    if len(text) > _MAX_STATEMENT_BYTES:
        raise NotAuthenticated(f"{READER_HEADER} is too long", reason="malformed")
    try:
        return read_encoded_object(text)
    except ValueError:
        raise NotAuthenticated(
            f"{READER_HEADER} must be one JSON object as base64url, each name once", reason="malformed"
        ) from None


def _names(config: JsonTokenConfig) -> set[str]:
    names = {"iss", "exp", config.user_claim}
    return names if config.groups_claim is None else names | {config.groups_claim}


def _require_exactly(statement: Mapping[str, Any], names: set[str]) -> None:
    if statement.keys() != names:
        raise NotAuthenticated(f"{READER_HEADER} must hold exactly: {', '.join(sorted(names))}", reason="claims")
