"""What a cluster refuses, in our words: one table from its statuses and kinds of error to what to do next.

The same table serves a whole request and a single row of a bulk request, which fail alike.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import Any

import opensearchpy

from indexer.backends.opensearch.config import OpenSearchConfig
from vocabulary.errors import ConfigurationError, IndexBusy, SettingInvalid

_BUSY_STATUSES = frozenset({408, 500, 502, 503, 504})
# What a full disk brings about, or an administrator: no writes, no new index. The status says 403 or 429.
BLOCKS = frozenset({"cluster_block_exception", "index_create_block_exception"})
RETRY_AFTER_S = 5.0  # a full queue drains within seconds, a node that was killed is away for longer
_MAX_REASON_CHARACTERS = 300  # a server's words may repeat a document's


class RequestTooLarge(IndexBusy):
    """The request has more bytes than the cluster, or a proxy before it, takes at once."""


class TurnedAway(IndexBusy):
    """The cluster's queues are full for now."""


def in_our_words(error: opensearchpy.TransportError, config: OpenSearchConfig) -> Exception:
    """Return the error that says what to do; the error itself where a request was a mistake of ours."""
    if isinstance(error, opensearchpy.ConnectionTimeout):
        words = f"OpenSearch did not answer within {config.request_timeout_s:g} s"
        return IndexBusy(words, retry_after_s=RETRY_AFTER_S)
    if isinstance(error, opensearchpy.ConnectionError):
        return _unreachable(error, config)
    return refusal(int(error.status_code), *told(error)) or error


def refusal(status: int, kind: str, reason: str) -> Exception | None:
    """Return what a refused request or row means; None where the cluster refuses it for what it says."""
    if kind in BLOCKS:
        return IndexBusy(f"OpenSearch takes no writes now: {reason}", retry_after_s=RETRY_AFTER_S)
    if kind == "index_not_found_exception":
        return ConfigurationError(f"alias: the index is not there any more ({reason})")
    if status == 413:
        return RequestTooLarge("OpenSearch takes no request of this size (http.max_content_length)")
    if status == 401:
        return SettingInvalid("username, password: OpenSearch refuses the credentials")
    if status == 429:
        return TurnedAway("OpenSearch turns requests away, its queues are full", retry_after_s=RETRY_AFTER_S)
    if status == 403:
        which = (
            f": {reason}" if reason else ", and does not say which: reading aliases (indices:admin/aliases/get) first"
        )
        return ConfigurationError(f"OpenSearch refuses the request for lack of rights{which}")
    if status in _BUSY_STATUSES:
        words = f"OpenSearch cannot take the request now ({status} {kind}): {reason}"
        return IndexBusy(words, retry_after_s=RETRY_AFTER_S)
    return None


def is_found(item: Mapping[str, Any]) -> bool:
    """Say whether a document of a multi-get is stored.

    Raises:
        IndexBusy: the cluster cannot tell now; taken for missing, a document that is to be hidden would stay in sight.
    """
    if "error" in item:
        kind, reason = kind_and_reason(item["error"])
        raise IndexBusy(f"OpenSearch cannot read a document now ({kind}): {reason}", retry_after_s=RETRY_AFTER_S)
    return bool(item.get("found"))


def told(error: opensearchpy.TransportError) -> tuple[str, str]:
    """Return kind and reason of an error, as the cluster tells them."""
    try:
        stated = json.loads(error.error)["error"]
    except (ValueError, TypeError, KeyError):
        stated = str(error.error)
    return kind_and_reason(stated)


def kind_and_reason(stated: Any) -> tuple[str, str]:
    """Return kind and reason of an error's own object, or of its text."""
    if not isinstance(stated, Mapping):
        return "", str(stated)[:_MAX_REASON_CHARACTERS]
    return str(stated.get("type", "")), str(stated.get("reason", ""))[:_MAX_REASON_CHARACTERS]


def _unreachable(error: opensearchpy.ConnectionError, config: OpenSearchConfig) -> Exception:
    cause = error.info if isinstance(error.info, BaseException) else None
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        told_by_tls = getattr(cause, "certificate_error", cause)  # aiohttp's own error holds the one with the words
        words = getattr(told_by_tls, "verify_message", "") or "not verified"
        return SettingInvalid(f"ca_certificate: the server's certificate is not trusted ({words})")
    if isinstance(cause, ssl.SSLError):
        return SettingInvalid(f"url: no TLS connection is possible ({cause.reason or 'the handshake failed'})")
    return IndexBusy(f"OpenSearch cannot be reached at {', '.join(config.urls)}", retry_after_s=RETRY_AFTER_S)
