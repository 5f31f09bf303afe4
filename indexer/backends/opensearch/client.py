"""The connection to a cluster: every call has a timeout, and the library's errors become ours in one place."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import opensearchpy
from opensearchpy import AsyncHttpConnection, AsyncOpenSearch, AWSV4SignerAsyncAuth

from indexer.backends.opensearch.config import AwsSignIn, CertificateSignIn, OpenSearchConfig, PasswordSignIn
from vocabulary.errors import ConfigurationError, IndexBusy, SettingInvalid, SettingMissing

T = TypeVar("T")

_BUSY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_MAX_REASON_CHARACTERS = 300  # a server's words may repeat a document's

# The library logs each answer that is no success, those that are expected among them; what matters reaches our errors.
logging.getLogger("opensearch").setLevel(logging.ERROR)


class RequestTooLarge(IndexBusy):
    """The request has more bytes than the cluster, or a proxy before it, takes at once."""


class Connection:
    """The connections to one cluster, over any number of its hosts. An async context manager."""

    def __init__(self, config: OpenSearchConfig) -> None:
        self.config = config
        self._client: AsyncOpenSearch | None = None

    async def __aenter__(self) -> Self:
        self._client = _client(self.config)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def call(self, request: Callable[[AsyncOpenSearch], Awaitable[T]]) -> T:
        """Send one request through the library; may be repeated, nothing here retries what the cluster refused.

        Raises:
            IndexBusy: the cluster cannot be reached, does not answer in time, or cannot take the request now.
            ConfigurationError: it refuses the credentials or their rights, or the index is not there.
        """
        if self._client is None:
            raise RuntimeError("the connection is not open")
        try:
            return await request(self._client)
        except opensearchpy.TransportError as error:
            raise self._in_our_words(error) from error

    def _in_our_words(self, error: opensearchpy.TransportError) -> Exception:
        if isinstance(error, opensearchpy.ConnectionTimeout):
            return IndexBusy(f"OpenSearch did not answer within {self.config.request_timeout_s:g} s")
        if isinstance(error, opensearchpy.ConnectionError):
            return self._unreachable(error)
        return _refused(error)

    def _unreachable(self, error: opensearchpy.ConnectionError) -> Exception:
        cause = error.info if isinstance(error.info, BaseException) else None
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SettingInvalid(f"ca_certificate: the server's certificate is not trusted ({cause.verify_message})")
        if isinstance(cause, ssl.SSLError):
            return SettingInvalid(f"url: no TLS connection is possible ({cause.reason})")
        return IndexBusy(f"OpenSearch cannot be reached at {', '.join(self.config.urls)}")


def _refused(error: opensearchpy.TransportError) -> Exception:
    """Name an answer that is no success; a request that the cluster does not understand is a mistake of ours."""
    kind, reason = told(error)
    if error.status_code == 413:
        return RequestTooLarge("OpenSearch takes no request of this size (http.max_content_length)")
    if kind == "cluster_block_exception":
        return IndexBusy(f"OpenSearch takes no writes now: {reason}")
    if error.status_code == 401:
        return SettingInvalid("username, password: OpenSearch refuses the credentials")
    if error.status_code == 403:
        return ConfigurationError(f"OpenSearch refuses the request for lack of rights: {reason}")
    if kind == "index_not_found_exception":
        return ConfigurationError(f"the index is not there any more: {reason}")
    if error.status_code in _BUSY_STATUSES:
        return IndexBusy(f"OpenSearch cannot take the request now ({error.status_code} {kind}): {reason}")
    return error


def told(error: opensearchpy.TransportError) -> tuple[str, str]:
    """Return kind and reason of an error, as the cluster tells them."""
    try:
        stated = json.loads(error.error)["error"]
    except (ValueError, TypeError, KeyError):
        return "", str(error.error)[:_MAX_REASON_CHARACTERS]
    if not isinstance(stated, Mapping):
        return "", str(stated)[:_MAX_REASON_CHARACTERS]
    return str(stated.get("type", "")), str(stated.get("reason", ""))[:_MAX_REASON_CHARACTERS]


def _client(config: OpenSearchConfig) -> AsyncOpenSearch:
    options: dict[str, Any] = {}
    if isinstance(config.sign_in, PasswordSignIn):
        options["http_auth"] = (config.sign_in.username, config.sign_in.password.get_secret_value())
    if isinstance(config.sign_in, AwsSignIn):
        options["http_auth"] = _aws_signer(config.sign_in)
    if any(url.startswith("https:") for url in config.urls):
        options["ssl_context"] = _tls(config)
    return AsyncOpenSearch(
        hosts=list(config.urls),
        connection_class=AsyncHttpConnection,
        timeout=config.request_timeout_s,
        max_retries=len(config.urls) - 1,  # another host at once; patience is the caller's
        http_compress=True,
        **options,
    )


def _tls(config: OpenSearchConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_certificate)
    except (OSError, ssl.SSLError) as error:
        raise SettingInvalid(f"ca_certificate: {config.ca_certificate} cannot be used ({error.strerror})") from error
    if isinstance(config.sign_in, CertificateSignIn):
        try:
            context.load_cert_chain(config.sign_in.certificate, config.sign_in.key)
        except (OSError, ssl.SSLError) as error:
            raise SettingInvalid(
                f"client_certificate, client_key: {config.sign_in.certificate} cannot be used ({error.strerror})"
            ) from error
    return context


def _aws_signer(sign_in: AwsSignIn) -> AWSV4SignerAsyncAuth:
    try:
        from botocore.session import get_session  # noqa: PLC0415 - an extra, needed for this sign-in alone
    except ModuleNotFoundError as error:
        raise SettingInvalid("aws_region: install sightline[opensearch-aws] to sign in at AWS") from error
    credentials = get_session().get_credentials()
    if credentials is None:
        raise SettingMissing("aws_region: the AWS SDK finds no credentials in its surroundings")
    return AWSV4SignerAsyncAuth(credentials, sign_in.region, sign_in.service)
