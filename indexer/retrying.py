"""When a document that failed is tried again, and when it is given up until it changes. Pure.

What reading the same bytes again cannot mend is never tried again. Everything else, bytes that the source has lost
among it, is tried with the next run, then ever more rarely; after `MAX_FAILURES` it is a dead letter: it stays a
counted failure, visible with its reason, and is read again once the source says that its content changed.

A document that the index cannot hold waits in the same way, but is never given up: what an index can hold changes with
its settings and its engine, of which the document knows nothing.
"""

from __future__ import annotations

from dataclasses import replace

from indexer.extraction.blocks import Reason
from indexer.state.ledger import LedgerRow
from vocabulary.documents import DocumentState
from vocabulary.errors import TooLarge
from vocabulary.indexing import Refusal

# Reading the same bytes again would end the same way, so they are read again only when they change.
LASTING_FAILURES = frozenset({Reason.ENCRYPTED, Reason.DAMAGED, TooLarge.reason})

_HOUR_S = 3600.0
# After the first failure the next run tries; the waits then grow fourfold to a day, so that the last of ten tries comes
# about a week after the first: longer than an outage over a long weekend.
_WAITS_S = (0.0, _HOUR_S / 4, _HOUR_S, 4 * _HOUR_S, 16 * _HOUR_S)
_LONGEST_WAIT_S = 24 * _HOUR_S
MAX_FAILURES = 10


def with_failure(row: LedgerRow, previous: LedgerRow | None, now: float) -> LedgerRow:
    """The row of a document whose content could not be read, with the time of its next try."""
    repeated = previous is not None and previous.content_version == row.content_version
    failures = 1 + (previous.failures if previous is not None and repeated else 0)
    if row.reason in LASTING_FAILURES or failures >= MAX_FAILURES:
        return replace(row, failures=failures, retry_at=None)
    return replace(row, failures=failures, retry_at=now + _wait_s(failures))


def with_rejection(row: LedgerRow, previous: LedgerRow | None, now: float) -> LedgerRow:
    """The row of a document that the index cannot hold as it is, with the time of its next try.

    It says what was tried, so that a change of any part of it is tried at once.
    """
    reason = Refusal.REJECTED.value
    repeated = previous is not None and previous.reason == reason and previous.content_version == row.content_version
    failures = 1 + (previous.failures if previous is not None and repeated else 0)
    return replace(
        row,
        state=DocumentState.FAILED,
        reason=reason,
        in_index=False,
        failures=failures,
        retry_at=now + _wait_s(failures),
    )


def _wait_s(failures: int) -> float:
    return _WAITS_S[failures - 1] if failures <= len(_WAITS_S) else _LONGEST_WAIT_S


def is_due(row: LedgerRow, now: float) -> bool:
    """Whether the document waits for another try and its time has come."""
    return row.retry_at is not None and row.retry_at <= now


def standing_failure(row: LedgerRow | None) -> str:
    """The reason of a failure that is not to be tried now; empty where the content was read, or is to be."""
    if row is None or row.state is not DocumentState.FAILED:
        return ""
    return row.reason if row.failures > 0 or row.reason in LASTING_FAILURES else ""
