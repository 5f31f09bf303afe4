"""What a crawl asks of its server: requests and bytes by kind, for the run's report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class RequestKind(StrEnum):
    """What a request is for."""

    LISTING = "listing"  # nodes, folders, sites, and what else describes the repository
    CONTENT = "content"
    COMMENTS = "comments"
    IDENTITY = "identity"  # people, groups, members
    WITNESS = "witness"  # whether a person may read: audits and late checks
    SIGN_IN = "sign-in"  # tickets and access tokens


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Totals so far. `bytes_received` are those of bodies as they travelled, compressed ones counted compressed."""

    requests: Mapping[RequestKind, int]
    bytes_received: Mapping[RequestKind, int]
    retries_avoided: int  # requests held back while the source wanted none; each would have been refused and repeated

    @property
    def all_requests(self) -> int:
        return sum(self.requests.values())

    @property
    def all_bytes_received(self) -> int:
        return sum(self.bytes_received.values())


class RequestCounter:
    """Counts for one client. Not for several threads."""

    def __init__(self) -> None:
        self._requests = dict.fromkeys(RequestKind, 0)
        self._bytes_received = dict.fromkeys(RequestKind, 0)

    def sent(self, kind: RequestKind) -> None:
        self._requests[kind] += 1

    def received(self, kind: RequestKind, count: int) -> None:
        self._bytes_received[kind] += count

    def totals(self, *, retries_avoided: int) -> RequestCounts:
        return RequestCounts(
            requests=MappingProxyType(dict(self._requests)),
            bytes_received=MappingProxyType(dict(self._bytes_received)),
            retries_avoided=retries_avoided,
        )
