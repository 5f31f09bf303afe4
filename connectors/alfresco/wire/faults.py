"""What an unwelcome answer of Alfresco means, as one of our errors: the only table of its kind.

Statuses and bodies go in, errors come out. A 403 or 404 counts as Alfresco's own word only with its JSON error body:
a proxy or an application server that is starting up says 404 too, and must never be taken for "deleted".
Source: the exception map of the repository's public-rest-context.xml; retries by RFC 9110 §10.2.3.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from vocabulary.errors import (
    ContentUnavailable,
    CredentialsRejected,
    RateLimited,
    RunAborted,
    ScopeMissing,
    SettingInvalid,
    SightlineError,
    SourceUnavailable,
)

_SIGN_IN_HINT = "check the setting `auth` (the account, and that this kind of sign-in is accepted there)"


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a request was meant for, and which settings lead there."""

    name: str
    url_setting: str
    ca_setting: str


SERVER = Peer("the server", url_setting="url", ca_setting="ca_certificate")


class NodeMissing(ScopeMissing):
    """The server knows no such entity, or hides it."""


class AccessRefused(ScopeMissing):
    """The entity exists and the account may not read it."""


class ServiceDisabled(SourceUnavailable):
    """The server has switched this service off."""


def transport_fault(cause: httpx.HTTPError, operation: str, peer: Peer = SERVER) -> SightlineError:
    """Name a request that brought no complete answer."""
    if _certificate_refused(cause):
        return SettingInvalid(
            f"{operation}: {peer.name}'s certificate is not trusted; set `{peer.ca_setting}` to its issuer's"
        )
    if isinstance(cause, httpx.ConnectError):
        return SourceUnavailable(f"{operation}: {_unconnected(cause, peer)}")
    hint = f"; check the setting `{peer.url_setting}` (http or https)"
    is_protocol_error = isinstance(cause, httpx.RemoteProtocolError)
    return SourceUnavailable(f"{operation}: {_words(type(cause).__name__)}{hint if is_protocol_error else ''}")


def unauthorized(response: httpx.Response, body: bytes, operation: str, *, hint: str) -> SightlineError:
    """Name a 401; `hint` says what to check for the kind of sign-in that was refused."""
    if looks_like_login_page(response, body):
        return CredentialsRejected(f"{operation}: answered with a login page; {_SIGN_IN_HINT}")
    if _names_unsupported_scheme(body):
        return CredentialsRejected(
            f"{operation}: the server does not know this kind of sign-in; choose another `auth.kind`, "
            "or set up its identity service"
        )
    return CredentialsRejected(f"{operation}: the server refused the account; {hint}")


def status_fault(response: httpx.Response, body: bytes, operation: str) -> SightlineError:
    """Name an answer whose status is not a success."""
    status = response.status_code
    if status in _BY_STATUS:
        return _BY_STATUS[status](response, body, operation)
    if response.is_redirect:
        return _redirected(response, operation)
    if status >= 500:
        return SourceUnavailable(f"{operation}: answered {status}", retry_after_s=retry_after_s(response))
    return RunAborted(f"{operation}: answered {status} ({error_key(body) or 'no reason given'})")


def unreadable_answer(response: httpx.Response, body: bytes, operation: str, *, at: str) -> SightlineError:
    """Name a success whose body is not the JSON that was asked for; `at` is the first odd place in JSON."""
    if at:
        return SourceUnavailable(f"{operation}: the answer has an unexpected form at {at}; check the setting `url`")
    if looks_like_login_page(response, body):
        return CredentialsRejected(f"{operation}: answered with a login page; {_SIGN_IN_HINT}")
    media_type = response.headers.get("content-type", "nothing").partition(";")[0]
    return SourceUnavailable(
        f"{operation}: answered {response.status_code} with {media_type} that is not Alfresco's JSON; "
        "check that the setting `url` is the address of the repository's server"
    )


def looks_like_login_page(response: httpx.Response, body: bytes) -> bool:
    is_html = "html" in response.headers.get("content-type", "").lower()
    return is_html and b"password" in body[:100_000].lower()


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, from either form of Retry-After; None when it does not say."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _unauthorized(response: httpx.Response, body: bytes, operation: str) -> SightlineError:
    return unauthorized(response, body, operation, hint=_SIGN_IN_HINT)


def _forbidden(response: httpx.Response, body: bytes, operation: str) -> SightlineError:
    if error_key(body) is not None:
        return AccessRefused(f"{operation}: the account may not read it")
    if looks_like_login_page(response, body):
        return _unauthorized(response, body, operation)
    return SourceUnavailable(
        f"{operation}: answered 403 without Alfresco's error body; a proxy before `url` may refuse"
    )


def _not_found(_response: httpx.Response, body: bytes, operation: str) -> SightlineError:
    if error_key(body) is not None:
        return NodeMissing(f"{operation}: there is no such entity, or the account may not see it")
    return SourceUnavailable(
        f"{operation}: answered 404 without Alfresco's error body; check the setting `url`, or wait for the repository"
    )


def _archived(_response: httpx.Response, _body: bytes, operation: str) -> SightlineError:
    return ContentUnavailable(f"{operation}: the content lies in cold storage", reason="archived")


def _timed_out(_response: httpx.Response, _body: bytes, operation: str) -> SightlineError:
    return SourceUnavailable(f"{operation}: the server gave up waiting")


def _too_many(response: httpx.Response, _body: bytes, operation: str) -> SightlineError:
    return RateLimited(f"{operation}: asked for fewer requests", retry_after_s=retry_after_s(response))


def _disabled(_response: httpx.Response, _body: bytes, operation: str) -> SightlineError:
    return ServiceDisabled(f"{operation}: the server has switched this service off (501)")


_BY_STATUS: dict[int, Callable[[httpx.Response, bytes, str], SightlineError]] = {
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    408: _timed_out,
    412: _archived,
    429: _too_many,
    501: _disabled,
}


def _redirected(response: httpx.Response, operation: str) -> SightlineError:
    target = response.next_request.url.host if response.next_request is not None else "somewhere else"
    return SettingInvalid(
        f"{operation}: redirected to {target}; set `url` to the server's final address, "
        "or `auth` to an account that needs no login page "
        "(redirects are never followed: they would carry the credentials)"
    )


def error_key(body: bytes) -> str | None:
    """The `errorKey` of Alfresco's error body, a fixed word unless code threw free text; None for any other body."""
    try:
        error = json.loads(body)["error"]
        return str(error.get("errorKey", "unnamed"))[:80]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _names_unsupported_scheme(body: bytes) -> bool:
    """Whether this is the repository's word for a scheme that none of its subsystems takes (class Authorization)."""
    try:
        return "not supported" in str(json.loads(body)["error"]["briefSummary"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _unconnected(error: httpx.ConnectError, peer: Peer) -> str:
    """Why there is no connection, and what to look at."""
    name, setting = peer.name, f"check the setting `{peer.url_setting}`"
    reasons = list(_causes(error))
    if any(isinstance(reason, socket.gaierror) for reason in reasons):
        return f"the name of {name} is not known; {setting}"
    if any(isinstance(reason, ssl.SSLError) for reason in reasons):
        return f"{name} does not speak TLS as expected; {setting} (https or http)"
    if any(isinstance(reason, ConnectionRefusedError) for reason in reasons):
        return f"{name} refuses connections; check that it runs, and the setting `{peer.url_setting}` (host and port)"
    return f"no connection to {name}; check the network, and the setting `{peer.url_setting}` (host and port)"


def _certificate_refused(error: BaseException) -> bool:
    return any(
        isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause)
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and whatever led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _words(class_name: str) -> str:
    """`ReadTimeout` as `read timeout`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in class_name).strip()
