"""The keys that token signatures are checked with: a shared secret, a public key, or an issuer's published set.

Pure: texts come in, keys go out, and what is weak or of the wrong kind is refused. Keys come from the configuration or
from where it leads (`published.py`), never from a token.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key: TypeAlias = OctKey | RSAKey | ECKey | OKPKey
_Key = TypeVar("_Key", bound=Key)


class KeyUnusable(Exception):
    """The text is no key that the algorithms could be used with. The message never quotes it."""


class KeysUnavailable(Exception):
    """The issuer's keys could not be fetched."""


class SigningKeys(Protocol):
    """Where the key of a token is looked up."""

    async def find(self, *, key_id: str | None, algorithm: str) -> Key | None:
        """Return the one key that the issuer signs with under this id, or None.

        Raises:
            KeysUnavailable: nobody can say now.
        """
        ...


class SingleKey:
    """The only key of an issuer, whatever id its tokens name."""

    def __init__(self, key: Key) -> None:
        self._key = key

    async def find(self, *, key_id: str | None, algorithm: str) -> Key | None:
        return self._key


def import_secret(secret: str, algorithms: Sequence[str]) -> OctKey:
    """Make a key of a shared secret, at least as long as the hash. Source: RFC 7518 §3.2.

    Raises:
        KeyUnusable: too short, or not a secret but a public key.
    """
    needed_bytes = max(int(algorithm.removeprefix("HS")) // 8 for algorithm in algorithms)
    if len(secret.encode()) < needed_bytes:
        raise KeyUnusable(f"must be at least {needed_bytes} bytes long for {', '.join(algorithms)}")
    try:
        return _strictly(lambda: OctKey.import_key(secret))
    except (JoseError, SecurityWarning, ValueError):
        raise KeyUnusable("this is an asymmetric key; give it as public_key") from None


def import_pem(pem: str, algorithms: Sequence[str]) -> Key:
    """Make a key of a PEM text that all the algorithms can be used with.

    Raises:
        KeyUnusable: it is not PEM, a private key, too weak, or of another kind than an algorithm needs.
    """
    key_type = JWSRegistry.algorithms[algorithms[0]].key_type
    try:
        key = _strictly(lambda: JWKRegistry.import_key(pem, key_type))
    except SecurityWarning:
        raise KeyUnusable("the key is too weak") from None
    except (JoseError, ValueError, TypeError):
        raise KeyUnusable(f"not a public key in PEM form that {algorithms[0]} can be used with") from None
    if key.is_private:
        raise KeyUnusable("this is the private key; give the public one")
    if not all(fits(key, algorithm) for algorithm in algorithms):
        raise KeyUnusable(f"the key does not go with {', '.join(algorithms)}")
    return key


def import_set(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """Read a key set; keys of a kind that is unknown or unsafe are left out. Source: RFC 7517 §5.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(document.get("keys"), list):
        raise ValueError("not a key set")
    imported = (_import_published(data) for data in document["keys"])
    return tuple(key for key in imported if key is not None)


def _import_published(data: Any) -> Key | None:
    if not isinstance(data, dict):
        return None
    try:
        key = _strictly(lambda: JWKRegistry.import_key(data))
    except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, OctKey) else key  # a published secret is none


def fits(key: Key, algorithm: str) -> bool:
    """Whether kind, curve, use and named algorithm of the key allow checking such a signature."""
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    return algorithm != "EdDSA" or key.get("crv") == "Ed25519"


def _strictly(import_key: Callable[[], _Key]) -> _Key:
    """Take the library's warnings about weak keys for refusals."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", SecurityWarning)
        return import_key()
