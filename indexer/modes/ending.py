"""How a run that came to its end has ended."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.state.run_history import RunState
from indexer.state.tally import Tally
from indexer.walk import Walk
from vocabulary.documents import DocumentState


@dataclass(frozen=True, slots=True)
class Ending:
    """The state of a complete run, and what to tell whoever reads its report."""

    state: RunState
    message: str = ""


def held_back(walk: Walk) -> str:
    """Say that the source called more documents gone than the brake allows; empty when it did not."""
    if not walk.removals.engaged:
        return ""
    return (
        "the source calls more documents gone than delete_brake allows: hidden, not deleted; "
        "if they are really gone, sync with --confirm-deletes"
    )


def ending(tally: Tally, *, braked: str = "", message: str = "") -> Ending:
    """Judge a complete run by its counts; `braked` says what the deletion brake holds back."""
    discrepancy = tally.check()
    if discrepancy:
        return Ending(RunState.FAILED, discrepancy)
    if braked:
        return Ending(RunState.BRAKED, braked)
    if tally.states[DocumentState.FAILED]:
        failed = f"{tally.states[DocumentState.FAILED]} documents failed"
        return Ending(RunState.INCOMPLETE, f"{failed}; {message}" if message else failed)
    return Ending(RunState.SUCCEEDED, message)
