"""From a request to the program that sent it: the one door of `/v1` and `/v2`.

Source: RFC 6750 §2.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.api_keys import KnownKeys
from service.http.bearer import bearer_token
from service.models.key_config import ModelKeyConfig
from vocabulary.errors import NotAuthenticated


class ModelCallers:
    """Knows the keys of the settings."""

    def __init__(self, keys: Sequence[ModelKeyConfig]) -> None:
        self._keys = KnownKeys((entry, entry.name) for entry in keys)

    def admit(self, authorization: Sequence[str]) -> str:
        """Let the sender of these `Authorization` headers pass, and say who it is.

        Raises:
            NotAuthenticated: there is no key, or several, or an unknown one.
        """
        name = self._keys.holder(bearer_token(authorization, wanted="a key of [[models.keys]]"))
        if name is None:
            raise NotAuthenticated("not a key of [[models.keys]]")
        return name
