"""What the program's log says of a run: one line when it begins, one when it has ended.

A line is words of ours and `key=value` pairs, so that it can be searched and counted. None quotes a document; which
documents they were, `sightline runs show ID` tells.
"""

from __future__ import annotations

import json
import logging

from indexer.state.run_history import RunReport, RunState
from vocabulary.ports import SyncMode

_log = logging.getLogger(__name__)

_TO_LOOK_AT = frozenset({RunState.FAILED, RunState.BRAKED, RunState.INCOMPLETE})


def log_began(source: str, mode: SyncMode, run_id: int, *, resumed: bool) -> None:
    """Log that a run began."""
    _log.info("run began: source=%s mode=%s run=%d resumed=%s", source, mode, run_id, str(resumed).lower())


def log_ended(report: RunReport) -> None:
    """Log how a run ended; what somebody should look at, as a warning."""
    tally = report.tally
    counts: dict[str, object] = {
        "took_s": round(report.took_s or 0.0, 1),
        "scanned": tally.scanned,
        **{str(state): count for state, count in sorted(tally.states.items()) if count},
        "deleted": tally.deleted,
        "requests": tally.requests.total(),
        "bytes_read": tally.bytes_read,
        "passages_embedded": tally.passages_embedded,
    }
    if tally.revoked_within_s is not None:
        counts["revoked_within_s"] = round(tally.revoked_within_s, 1)
    _log.log(
        logging.WARNING if report.state in _TO_LOOK_AT else logging.INFO,
        "run ended: source=%s mode=%s run=%d state=%s %s reasons=%s message=%s",
        report.source,
        report.mode,
        report.id,
        report.state,
        " ".join(f"{key}={value}" for key, value in counts.items()),
        json.dumps(dict(sorted(tally.reasons.items()))),
        json.dumps(report.message),  # quoted: a line break in it makes no second line
    )
