"""A simulated identity provider: clients, realms and signed access tokens.

Source: RFC 6749 §4.3, §4.4, §5 and §6; RFC 7517 for the published keys. Where the standard leaves a choice, and where
Keycloak departs from it, answers and refusals are those that Keycloak 26.7 was seen to give.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import NAMESPACE_URL, uuid4, uuid5

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from connectors.alfresco.simulator.faults import Faults
from connectors.alfresco.simulator.identity.service import IdentityService
from connectors.alfresco.simulator.model import Person
from connectors.alfresco.simulator.request_log import RequestLog

_ALGORITHM = "RS256"  # what a realm of Keycloak signs with unless told otherwise
_KEY_BITS = 2048
_SCOPES = ("profile", "email")  # given without being asked for
_OPTIONAL_SCOPES = frozenset({"openid", "offline_access", *_SCOPES})
_REFRESH_LIFE_S = 1800  # Keycloak's SSO session idle time


@dataclass(frozen=True, slots=True)
class TokenRefused(Exception):
    """An error answer of the token endpoint; `error` is one of RFC 6749 §5.2."""

    status: int
    error: str
    description: str


@dataclass(frozen=True, slots=True)
class _Refresh:
    user: str
    client_id: str
    scope: str
    ends_at: float


@dataclass(kw_only=True)
class IdentityProvider:
    """Vouches for the people of one repository and for the service accounts of its clients.

    `expires_in_s` is the life of the access tokens issued from now on.
    """

    by_password: Callable[[str, str], Person | None]  # who this is, if the password is right
    now: Callable[[], datetime]
    realm: str = "alfresco"
    issuer: str = "http://identity.simulated/realms/alfresco"  # what tokens name; not necessarily an address
    expires_in_s: int = 300
    clients: dict[str, str] = field(default_factory=dict)  # client id -> secret
    request_log: RequestLog = field(default_factory=RequestLog)
    faults: Faults = field(default_factory=Faults)
    _refresh_tokens: dict[str, _Refresh] = field(default_factory=dict, init=False, repr=False)

    def add_client(self, client_id: str, secret: str) -> str:
        """Register a confidential client; returns the user name that its service account acts under."""
        self.clients[client_id] = secret
        return f"service-account-{client_id}"

    @cached_property
    def keys(self) -> KeySet:
        """The keys that tokens are signed with; made when first needed, since that takes a while."""
        return KeySet([RSAKey.generate_key(_KEY_BITS, {"use": "sig", "alg": _ALGORITHM}, private=True)])

    def renew_keys(self) -> None:
        """Sign with another key from now on, and vouch no more for what the old one signed."""
        self.__dict__.pop("keys", None)

    def service(self, *, create_person: Callable[[str], Person] | None = None) -> IdentityService:
        """Return a repository's side that believes this provider."""
        return IdentityService(keys=lambda: self.keys, issuer=self.issuer, now=self.now, create_person=create_person)

    def published_keys(self) -> Mapping[str, object]:
        return {**self.keys.as_dict(private=False)}

    def answer(self, form: Mapping[str, str], client: tuple[str, str]) -> dict[str, object]:
        """Return the body of a token answer to the request of an authenticated or unknown client.

        Raises:
            TokenRefused: the request is wrong or proves nothing.
        """
        if "grant_type" not in form:
            raise TokenRefused(400, "invalid_request", "Missing form parameter: grant_type")
        client_id, secret = client
        self._check_client(client_id, secret)
        scope = self._scope(form.get("scope", ""))
        match form["grant_type"]:
            case "client_credentials":
                return self._granted(f"service-account-{client_id}", client_id, scope)
            case "password":
                return self._with_refresh(self._by_password(form), client_id, scope)
            case "refresh_token":
                return self._by_refresh(form.get("refresh_token", ""), client_id)
            case _:
                raise TokenRefused(400, "unsupported_grant_type", "Unsupported grant_type")

    def token(
        self, user: str, *, client_id: str = "simulated", expires_in_s: int | None = None, **claims: object
    ) -> str:
        """Return a signed access token for a user, as the endpoint would issue it; `claims` replace its own."""
        issued_at = int(self.now().timestamp())
        life_s = self.expires_in_s if expires_in_s is None else expires_in_s
        body = {
            "exp": issued_at + life_s,
            "iat": issued_at,
            "jti": str(uuid4()),
            "iss": self.issuer,
            "aud": "account",
            "sub": str(uuid5(NAMESPACE_URL, f"{self.issuer}/{user}")),
            "typ": "Bearer",
            "azp": client_id,
            "scope": " ".join(_SCOPES),
            "preferred_username": user,
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": self.keys.keys[0].kid}, body | claims, self.keys)

    def _check_client(self, client_id: str, secret: str) -> None:
        known = self.clients.get(client_id)
        if known is None or not secrets.compare_digest(known.encode(), secret.encode()):
            error = "invalid_client" if known is None else "unauthorized_client"
            raise TokenRefused(401, error, "Invalid client or Invalid client credentials")

    def _scope(self, asked: str) -> str:
        words = asked.split()
        if not set(words) <= _OPTIONAL_SCOPES:
            raise TokenRefused(400, "invalid_scope", f"Invalid scopes: {asked}")
        return " ".join(dict.fromkeys([*words, *_SCOPES]))

    def _by_password(self, form: Mapping[str, str]) -> str:
        if "username" not in form:
            raise TokenRefused(401, "invalid_request", "Missing parameter: username")
        person = self.by_password(form["username"], form.get("password", ""))
        if person is None:
            raise TokenRefused(400, "invalid_grant", "Invalid user credentials")
        return person.id

    def _by_refresh(self, refresh_token: str, client_id: str) -> dict[str, object]:
        found = self._refresh_tokens.pop(refresh_token, None)
        if found is None or found.client_id != client_id or found.ends_at <= self.now().timestamp():
            raise TokenRefused(400, "invalid_grant", "Invalid refresh token")
        return self._with_refresh(found.user, client_id, found.scope)

    def _granted(self, user: str, client_id: str, scope: str) -> dict[str, object]:
        """Return a token answer without a refresh token, as client credentials get it."""
        return {
            "access_token": self.token(user, client_id=client_id, scope=scope),
            "expires_in": self.expires_in_s,
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": scope,
        }

    def _with_refresh(self, user: str, client_id: str, scope: str) -> dict[str, object]:
        refresh_token = secrets.token_urlsafe(32)
        ends_at = self.now().timestamp() + _REFRESH_LIFE_S
        self._refresh_tokens[refresh_token] = _Refresh(user, client_id, scope, ends_at)
        granted = self._granted(user, client_id, scope)
        session = {"refresh_token": refresh_token, "session_state": str(uuid4())}
        return granted | session | {"refresh_expires_in": _REFRESH_LIFE_S}
