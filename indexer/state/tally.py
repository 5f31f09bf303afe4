"""What a run counts, and the check that nothing was lost silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vocabulary.documents import DocumentState

_COUNTERS = ("states", "reasons", "warnings", "requests")


@dataclass(slots=True)
class Tally:
    """What a run counted. `check()` is the promise that nothing is lost silently."""

    scanned: int = 0  # documents met for the first time in this walk
    states: Counter[DocumentState] = field(default_factory=Counter)  # each scanned document once
    reasons: Counter[str] = field(default_factory=Counter)  # "state: reason"
    warnings: Counter[str] = field(default_factory=Counter)  # what connectors could not bring of documents they brought
    deleted: int = 0  # not met by a complete walk, or removed by the source's own word
    withheld: int = 0  # indexed and not met by a permissions sweep: hidden until a full sync decides
    lists_changed: int = 0  # ACLs that were new, or had other entries than before
    revoked_within_s: float | None = None  # whom the source shut out, the index shuts out so long after, at most
    # The longest from a change that took something, where the source tells its time, until that was in force.
    revocation_latency_s: float | None = None
    requests: Counter[str] = field(default_factory=Counter)  # sent to the source, by kind
    bytes_read: int = 0  # of content
    passages_embedded: int = 0
    passages_reused: int = 0
    rescored: int = 0  # documents whose stored text was scored anew

    def settle(self, state: DocumentState, reason: str) -> None:
        if state is DocumentState.DELETED:
            self.deleted += 1
        else:
            self.states[state] += 1
        if reason:
            self.reasons[f"{state}: {reason}"] += 1

    def check(self) -> str:
        """Say what does not add up; empty when every scanned document ended in exactly one state."""
        settled = sum(self.states.values())
        if settled == self.scanned:
            return ""
        return f"counts do not add up: {self.scanned} documents scanned, {settled} settled"

    def as_json(self) -> dict[str, Any]:
        return {
            "scanned": self.scanned,
            "states": {str(state): count for state, count in self.states.items()},
            "reasons": dict(self.reasons),
            "warnings": dict(self.warnings),
            "deleted": self.deleted,
            "withheld": self.withheld,
            "lists_changed": self.lists_changed,
            "revoked_within_s": self.revoked_within_s,
            "revocation_latency_s": self.revocation_latency_s,
            "requests": dict(self.requests),
            "bytes_read": self.bytes_read,
            "passages_embedded": self.passages_embedded,
            "passages_reused": self.passages_reused,
            "rescored": self.rescored,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tally:
        counts = {key: value for key, value in stored.items() if key not in _COUNTERS}
        states = Counter({DocumentState(state): count for state, count in stored.get("states", {}).items()})
        reasons, warnings, requests = (Counter[str](stored.get(key, {})) for key in _COUNTERS[1:])
        return cls(states=states, reasons=reasons, warnings=warnings, requests=requests, **counts)
