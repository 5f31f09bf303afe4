"""The connection to a cluster: every call has a timeout, and the library's errors become ours in one place."""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import opensearchpy
from opensearchpy import AsyncHttpConnection, AsyncOpenSearch, AWSV4SignerAsyncAuth

from indexer.backends.opensearch.config import AwsSignIn, CertificateSignIn, OpenSearchConfig, PasswordSignIn
from indexer.backends.opensearch.faults import in_our_words
from vocabulary.errors import SettingInvalid, SettingMissing

T = TypeVar("T")

# The library logs each answer that is no success, those that are expected among them; what matters reaches our errors.
logging.getLogger("opensearch").setLevel(logging.ERROR)


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
        if self._client is None:
            return
        await self._client.close()
        for host in getattr(self._client.transport, "seed_connections", ()):  # the library forgets those that failed
            await host.close()

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
            ours = in_our_words(error, self.config)
            if ours is error:
                raise
            raise ours from error


def _client(config: OpenSearchConfig) -> AsyncOpenSearch:
    options: dict[str, Any] = {}
    if isinstance(config.sign_in, PasswordSignIn):
        options["headers"] = {"authorization": _basic(config.sign_in)}
    if isinstance(config.sign_in, AwsSignIn):
        options["http_auth"] = _aws_signer(config.sign_in)
    if any(url.startswith("https:") for url in config.urls):
        options["ssl_context"] = _tls(config)
    return AsyncOpenSearch(
        hosts=list(config.urls),
        connection_class=AsyncHttpConnection,
        timeout=config.request_timeout_s,
        max_retries=len(config.urls) - 1,  # another host at once; patience is the caller's
        http_compress=False,  # compressing a bulk request takes longer than sending it
        **options,
    )


def _basic(sign_in: PasswordSignIn) -> str:
    """Return the header of HTTP Basic in UTF-8, as OpenSearch reads it; the library would write Latin-1."""
    credentials = f"{sign_in.username}:{sign_in.password.get_secret_value()}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


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
    return AWSV4SignerAsyncAuth(credentials, sign_in.region, "es")
