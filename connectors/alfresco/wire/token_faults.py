"""What an unwelcome answer of a token endpoint means, as one of our errors that names the setting to look at.

An error counts as the endpoint's own word only in the form of RFC 6749 §5.2; anything else comes from whatever stands
at that address. Secrets are in no message, even if an answer repeats them.
"""

from __future__ import annotations

import json
from typing import Any

from connectors.alfresco.wire.auth_config import OAuth2Auth
from connectors.alfresco.wire.faults import Peer, retry_after_s
from connectors.alfresco.wire.sign_in import Answer
from vocabulary.errors import CredentialsRejected, RateLimited, SettingInvalid, SightlineError, SourceUnavailable

IDENTITY_PROVIDER = Peer("the identity provider", url_setting="auth.token_url", ca_setting="auth.token_ca_certificate")
OPERATION = "asking for an access token"

_LONGEST_DESCRIPTION = 200  # a sentence; Keycloak's have some fifty characters

_CLIENT_HINT = (
    "the identity provider refused the client; check the settings `auth.client_id` and `auth.client_secret`, "
    "and that the client may use `auth.grant`"
)
_BY_CODE: dict[str, tuple[type[SightlineError], str]] = {
    "invalid_client": (CredentialsRejected, _CLIENT_HINT),
    "unauthorized_client": (CredentialsRejected, _CLIENT_HINT),  # Keycloak's word for a wrong secret, too
    "invalid_grant": (
        CredentialsRejected,
        "the identity provider refused the person; check the settings `auth.username` and `auth.password`",
    ),
    "invalid_scope": (
        SettingInvalid,
        "the identity provider does not grant this scope; check the setting `auth.scope`",
    ),
    "unsupported_grant_type": (
        SettingInvalid,
        "the identity provider does not know this grant; check the settings `auth.grant` and `auth.token_url`",
    ),
}


def token_refusal(answer: Answer, auth: OAuth2Auth) -> SightlineError:
    """Name an answer of the token endpoint whose status is not 200."""
    response = answer.response
    status = response.status_code
    if status == 429:
        message = f"{OPERATION}: the identity provider asked for fewer requests"
        return RateLimited(message, retry_after_s=retry_after_s(response))
    if status >= 500:
        message = f"{OPERATION}: the identity provider answered {status}"
        return SourceUnavailable(message, retry_after_s=retry_after_s(response))
    if response.is_redirect:
        return SettingInvalid(
            f"{OPERATION}: redirected; set `auth.token_url` to the final address "
            "(redirects are never followed: they would carry the client's secret)"
        )
    error = _error(answer.body)
    if error is None:
        return _no_token_endpoint(answer)
    if error.get("error") in _BY_CODE:
        kind, hint = _BY_CODE[error["error"]]
        return kind(f"{OPERATION}: {hint}{_description(error, auth)}")
    hint = "check the setting `auth.token_url`, then the others of `auth`"
    if status in {404, 405}:
        hint = "there is no token endpoint at the setting `auth.token_url`"
    return SettingInvalid(f"{OPERATION}: answered {status}; {hint}{_description(error, auth)}")


def unusable_token(answer: Answer) -> SightlineError:
    """Name a success that brought no Bearer token."""
    try:
        json.loads(answer.body)
    except (ValueError, RecursionError):
        return _no_token_endpoint(answer)
    return SettingInvalid(f"{OPERATION}: the answer holds no Bearer token; check the setting `auth.token_url`")


def _no_token_endpoint(answer: Answer) -> SightlineError:
    """A web page, an empty answer: perhaps a provider that is starting up, so it may be asked again."""
    media_type = answer.response.headers.get("content-type", "nothing").partition(";")[0]
    return SourceUnavailable(
        f"{OPERATION}: answered {answer.response.status_code} with {media_type} as no token endpoint does; "
        "check the setting `auth.token_url`"
    )


def _error(body: bytes) -> dict[str, Any] | None:
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return error if isinstance(error, dict) and isinstance(error.get("error"), str) else None


def _description(error: dict[str, Any], auth: OAuth2Auth) -> str:
    """The endpoint's own sentence, which often says best what to change; not if it repeats a secret."""
    sentence = str(error.get("error_description") or error["error"])[:_LONGEST_DESCRIPTION]
    secrets = [secret.get_secret_value() for secret in (auth.client_secret, auth.password) if secret is not None]
    if not sentence.isprintable() or any(secret in sentence for secret in secrets):
        return ""
    return f" (it says: {sentence})"
