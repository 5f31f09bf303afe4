"""What scores toxicity, and how a newly approved model takes over in a running program.

    FixedScorer     always the same: the shipped model, none, or what a run has pinned
    ApprovedScorer  the approved version of a model in the folder, as it is at the moment of the question

A version takes over by its approval alone, and scores until its approval is taken back or a newer one is approved. What
cannot be used (exchanged or damaged weights, another encoder's) never scores: the former version goes on, and what is
wrong is told.

Invariant: a scorer is immutable. Whoever holds one scores with one model, whatever is approved meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from embedder.runtimes.port import Runtime
from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.registry import Fingerprint, ModelRegistry, StoredModel

_AGAIN_AFTER_S = 60.0  # what could not be used is tried again, although nothing seems to have changed: disks recover

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """A toxicity model ready to score; a fine-tuned one brings the encoder that has its own layers."""

    model: ToxicityModel
    own_encoder: Runtime | None = None
    sha256: str = ""  # of the file that was approved; empty for the shipped one


class Scoring(Protocol):
    """Tells what scores."""

    @property
    def present(self) -> Scorer | None:
        """What scored when somebody last looked; None: nothing does."""
        ...

    @property
    def trouble(self) -> str:
        """What is wrong with versions that should score and do not, for an operator; empty: nothing."""
        ...

    async def now(self) -> Scorer | None:
        """Look what is approved, and return what scores from now on."""
        ...


@dataclass(frozen=True, slots=True)
class FixedScorer:
    """Scoring that never changes."""

    present: Scorer | None
    trouble: str = ""

    async def now(self) -> Scorer | None:
        return self.present


class ApprovedScorer:
    """Scoring by the newest usable version of a model in the folder, or by the one version that the setting names.

    A look costs a `stat` for each file of the versions; what changed is read once, however many ask. `load` makes a
    scorer of an approved version, or says by any exception why it cannot. Made and looked at by one event loop.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        setting: str,
        first: Scorer,
        *,
        load: Callable[[StoredModel], Scorer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what the start has loaded. Blocks, as it looks for what is wrong with others."""
        self._registry, self._setting = registry, setting
        self._load = load
        self._clock = clock
        self._looking = asyncio.Lock()  # who waits for a look takes no thread
        self._one_look = threading.Lock()  # a look goes on when whoever asked for it is cancelled
        self._seen: Fingerprint | None = None
        self._again_at = 0.0
        self._present: Scorer | None = first
        self._trouble = ""
        self._look()

    @property
    def present(self) -> Scorer | None:
        return self._present

    @property
    def trouble(self) -> str:
        return self._trouble

    async def now(self) -> Scorer | None:
        async with self._looking:
            await asyncio.to_thread(self._look)
            return self._present

    def _look(self) -> None:
        with self._one_look:
            self._take_what_changed()

    def _take_what_changed(self) -> None:
        seen: Fingerprint | None
        try:
            seen = self._registry.fingerprint(self._setting)
            if seen == self._seen and not (self._trouble and self._clock() >= self._again_at):
                return
            scorer, troubles = self._newest_usable()
            if self._registry.fingerprint(self._setting) != seen:  # an approval taken back, the folder gone
                seen, scorer = None, self._present  # the next look sees it whole
        except OSError as error:
            seen, scorer, troubles = None, self._present, [f"the models folder cannot be read: {error}"]
        self._seen, self._again_at = seen, self._clock() + _AGAIN_AFTER_S
        self._take(scorer, "; ".join(troubles))

    def _newest_usable(self) -> tuple[Scorer | None, list[str]]:
        """Return what is to score, and what is wrong with what would have come before it."""
        versions = self._registry.matching(self._setting)
        if not versions:  # a folder that is not mounted takes no approval back
            return self._present, [f"there is no toxicity model {self._setting} in the models folder any more"]
        troubles = []
        for stored in reversed(versions):
            if stored.problem:
                troubles.append(stored.problem)
            if self._is_present(stored):
                return self._present, troubles
            if stored.approval is None:
                continue
            try:
                return self._load(stored), troubles
            except Exception as error:  # noqa: BLE001 - whatever a new version fails of, what scored before goes on
                troubles.append(f"{stored.reference} cannot be used: {error}")
        return None, troubles or [f"no version of {self._setting} is approved any more"]

    def _is_present(self, stored: StoredModel) -> bool:
        """Whether it is what scores, and may go on: as it was approved, or damaged on the disk alone."""
        if self._present is None or stored.reference != self._present.model.version:
            return False
        return bool(stored.damage) if stored.approval is None else stored.approval.sha256 == self._present.sha256

    def _take(self, scorer: Scorer | None, trouble: str) -> None:
        former, self._present = self._present, scorer
        if scorer is not former:
            _log.warning("toxicity is scored by %s from now on, before by %s", _named(scorer), _named(former))
        if trouble and trouble != self._trouble:
            _log.error("toxicity is scored by %s, and: %s", _named(scorer), trouble)
        self._trouble = trouble


def _named(scorer: Scorer | None) -> str:
    return "nothing" if scorer is None else scorer.model.version
