"""The error tree: each branch is named by what its receiver does next.

Messages are lower case, short, and free of secrets and document text.
"""

from __future__ import annotations


class SightlineError(Exception):
    """The root: every error that a room raises on purpose."""


class ConfigurationError(SightlineError):
    """Refuse to start. The message names the setting and what it should be."""


class SettingMissing(ConfigurationError):
    """A required setting has no value."""


class SettingInvalid(ConfigurationError):
    """A setting has a value that cannot work."""


class RetryableError(SightlineError):
    """Try again, after `retry_after_s` seconds where the other side said so."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SourceUnavailable(RetryableError):
    """The source did not answer, or answered with a passing fault."""


class RateLimited(RetryableError):
    """The source asked for fewer requests."""


class IndexBusy(RetryableError):
    """The index cannot take the request now."""


class ModelUnavailable(RetryableError):
    """The model does not answer now: it is computed elsewhere, and nobody guesses what it would have said."""


class ModelBusy(RetryableError):
    """The model has as many callers as it takes at once."""


class StateUnavailable(RetryableError):
    """The state store does not answer: without it nobody is admitted, and nothing counts as recorded."""


class SkippedDocument(SightlineError):
    """Record the document with `reason`, count it and go on.

    `reason` is one of a small set of fixed words: it is counted, reported and exported as a metric label.
    """

    reason: str = "failed"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason


class ContentUnavailable(SkippedDocument):
    """The bytes could not be had now; an earlier copy in the index may stay."""

    reason = "content-unavailable"


class ContentGone(SkippedDocument):
    """The source knows the document but has no bytes for it."""

    reason = "content-gone"


class ExtractionFailed(SkippedDocument):
    """The bytes were read but gave no text; `reason` says why.

    encrypted, damaged, unsupported, timeout, out-of-memory or crashed.
    """

    reason = "extraction-failed"


class TooLarge(SkippedDocument):
    """The content exceeds the limit on bytes."""

    reason = "too-large"


class RunAborted(SightlineError):
    """End this run and keep the last checkpoint; nothing unmet is taken for deleted."""


class CredentialsRejected(RunAborted):
    """The source refused the configured credentials."""


class ScopeMissing(RunAborted):
    """A configured site or folder does not exist or cannot be seen."""


class RunStopped(RunAborted):
    """Somebody asked for an orderly end; what was met is settled, and the next run goes on from there."""


class CheckpointInvalid(RunAborted):
    """The saved position cannot be resumed; the next run starts over."""


class RequestRejected(SightlineError):
    """The caller's mistake; becomes one HTTP status."""


class QueryInvalid(RequestRejected):
    """The query cannot be understood; the message says which part."""


class NotAuthenticated(RequestRejected):
    """No token, or one that proves nothing.

    `reason` is one of a small set of fixed words: it is counted and exported as a metric label.
    """

    def __init__(self, message: str, *, reason: str = "unproven") -> None:
        super().__init__(message)
        self.reason = reason


class NotAllowed(RequestRejected):
    """The caller is known and may not do this."""


class ScopeLacking(NotAllowed):
    """The administrator's key opens other things; the message names the scope."""


class IndexUnknown(RequestRejected):
    """No index of that name is configured."""


class DocumentUnknown(RequestRejected):
    """There is no such document, or the reader may not know of it: nobody is told which."""


class ReviewOutdated(RequestRejected):
    """A held document has changed since it was looked at: the decision would be about other text."""


class ModelUnknown(RequestRejected):
    """No model of that name and version is served."""


class SourceUnknown(RequestRejected):
    """No source of that name is configured."""


class RunUnknown(RequestRejected):
    """There is no run of that number."""


class SyncUnderWay(RequestRejected):
    """The source is being synced already; the message says by which run."""


class AuditUnderWay(RequestRejected):
    """The source is being audited already."""


class NoSyncUnderWay(RequestRejected):
    """There is nothing to stop."""


class NumberingMismatch(SightlineError):
    """The index's ACL ids were given by another state: it must not answer until it is synced anew."""
