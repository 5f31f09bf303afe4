"""Programs that are trusted to name readers, and how they prove that it is them.

Keys are compared by their hashes in constant time, those of unknown callers too: the time of an answer tells neither
which names exist nor how much of a key was right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from service.tokens.config import JsonTokenConfig, TrustedCallerConfig
from vocabulary.errors import NotAuthenticated, SettingInvalid

_MAX_PROOF_CHARACTERS = 4_096
_NOT_TRUSTED = "not a trusted caller"  # the same for every reason: whoever guesses learns nothing


@dataclass(frozen=True, slots=True)
class _Caller:
    config: TrustedCallerConfig
    key_hash: bytes
    entry: JsonTokenConfig


class TrustedCallers:
    """Every caller of every `json` entry, by its name."""

    def __init__(self, entries: Iterable[JsonTokenConfig]) -> None:
        """Raise `SettingInvalid` where two callers have one name: the name says whose word it is."""
        self._callers: dict[str, _Caller] = {}
        self._nobodys_hash = _hash(secrets.token_bytes(32))
        for entry in entries:
            for caller in entry.trusted_callers:
                if caller.name in self._callers:
                    raise SettingInvalid(f"trusted_callers: {caller.name} is configured twice")
                key_hash = _hash(caller.key.get_secret_value().encode())
                self._callers[caller.name] = _Caller(caller, key_hash, entry)

    def authenticate(self, proof: str, *, peer: str | None) -> JsonTokenConfig:
        """Return the entry that the caller belongs to.

        `proof` is base64 of `name:key`; `peer` is the address of its connection. Source: RFC 7617 §2.

        Raises:
            NotAuthenticated: no caller of this name has this key, or not from there.
        """
        name, key = _name_and_key(proof)
        caller = self._callers.get(name)
        expected = caller.key_hash if caller is not None else self._nobodys_hash
        is_right = hmac.compare_digest(_hash(key), expected)
        if caller is None or not is_right or not _is_from(caller.config, peer):
            raise NotAuthenticated(_NOT_TRUSTED, reason="caller")
        return caller.entry


def _name_and_key(proof: str) -> tuple[str, bytes]:
    if len(proof) > _MAX_PROOF_CHARACTERS:
        raise NotAuthenticated(_NOT_TRUSTED, reason="caller")
    try:
        name, colon, key = base64.b64decode(proof, validate=True).partition(b":")
        if not colon:
            raise NotAuthenticated(_NOT_TRUSTED, reason="caller")
        return name.decode(), key
    except (binascii.Error, ValueError):
        raise NotAuthenticated(_NOT_TRUSTED, reason="caller") from None


def _is_from(caller: TrustedCallerConfig, peer: str | None) -> bool:
    if not caller.networks:
        return True
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:  # no address, as of a Unix socket
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return any(address in network for network in caller.networks)


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
