"""Run reports as programs read them: `--json` on the command line, and the admin API."""

from __future__ import annotations

from typing import Any

from indexer.state.run_history import RunReport


def report_json(report: RunReport) -> dict[str, Any]:
    """Spell a run report for programs."""
    return {
        "id": report.id,
        "source": report.source,
        "mode": report.mode,
        "state": report.state,
        "resumed": report.resumed,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "took_s": report.took_s,
        **report.tally.as_json(),
        "documents_per_s": per_s(report.tally.scanned, report),
        "passages_per_s": per_s(report.tally.passages_embedded, report),
        "message": report.message,
    }


def per_s(count: int, report: RunReport) -> float | None:
    """How many a second; None while the run is under way, or where it took no time to speak of."""
    return round(count / report.took_s, 2) if report.took_s else None
