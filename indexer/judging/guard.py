"""The one door through which a sync's writes go: what is held back for review is written as hidden, whatever else says.

A document's readers, place and description change while it is held back; every write that would show it is turned into
one that keeps it under the list that admits nobody. That it is held back is on record before the index is written, and
goes from the record only after the index was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from indexer.judging.rules import Handling, Judgement, ToxicityRule
from indexer.search.toxicity import texts_sha256
from indexer.state.holds import Decision, Hold, HoldStore
from indexer.state.ledger import Ledger
from indexer.state.runs import RunTicket
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import EnrichedPassage
from vocabulary.enricher import Enricher
from vocabulary.indexing import Delete, Describe, IndexOperation, Put, Readmit, Scoring, document_of


@dataclass(frozen=True, slots=True)
class ConfiguredRule:
    """A source's rule as it is configured; without a threshold, the model's own for that use counts."""

    handling: Handling = Handling.INDEX
    threshold_0_1: float | None = None


NOTHING_MADE_OF_SCORES = ConfiguredRule()


@dataclass(slots=True)
class Guarded:
    """Operations as they may be carried out, and what they mean for the record of held documents.

    `judged` are the documents whose passages they write, `held` those that they keep hidden, `noted` those whose row is
    to be written before. Afterwards nothing holds back what is in `cleared`, and what is in `shown` was released and is
    hidden no more.
    """

    operations: list[IndexOperation] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    held: dict[str, Hold] = field(default_factory=dict)
    noted: dict[str, Hold] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)

    def note(self, standing: dict[str, Hold], native_id: str, hold: Hold | None) -> None:
        """Take over what a document's row is to be; `standing` are the rows as they are at this point of the batch."""
        self.noted.pop(native_id, None)
        self.cleared.discard(native_id)
        if hold is None:
            if standing.pop(native_id, None) is not None:
                self.cleared.add(native_id)
        elif hold != standing.get(native_id):
            self.noted[native_id] = standing[native_id] = hold

    def add(self, operation: IndexOperation, hold: Hold | None) -> None:
        """Add an operation on a document with this row; one that would show a held document keeps it hidden."""
        native_id, shows = document_of(operation).native_id, isinstance(operation, Put | Describe | Readmit)
        self.held.pop(native_id, None)
        self.shown.discard(native_id)
        if hold is not None and shows:
            if hold.decision is Decision.RELEASED:
                self.shown.add(native_id)
            else:
                self.held[native_id] = hold
                operation = hidden(operation)
        self.operations.append(operation)


@dataclass(frozen=True, slots=True)
class HoldGuard:
    """Judges what one run of a source writes, by the source's rule. `model` is what scores the run's passages."""

    store: HoldStore
    rule: ToxicityRule
    model: str

    async def guard(
        self, ticket: RunTicket, operations: Sequence[IndexOperation], stored: Mapping[str, Put], *, now: float
    ) -> Guarded:
        """Say how operations on a source's documents may be carried out, and put on record what they hold back.

        `stored` are documents as the index holds them that are to be judged before anything shows them. `now` is in
        epoch seconds.

        Raises:
            RunInProgress: the lease was lost to another run; the index must not be written.
        """
        ids = {document_of(each).native_id for each in operations}
        guarded = self._guarded(operations, await self.store.look_up(ticket.source, ids), stored, now)
        await self.store.put(ticket, list(guarded.noted.values()))
        return guarded

    async def note_written(self, ticket: RunTicket, guarded: Guarded) -> None:
        """Put on record what the index shows, now that it has carried the operations out."""
        await self.store.forget(ticket, guarded.cleared)
        await self.store.note_shown(ticket, guarded.shown)

    def _guarded(
        self, operations: Iterable[IndexOperation], known: Mapping[str, Hold], stored: Mapping[str, Put], now: float
    ) -> Guarded:
        guarded, standing = Guarded(), dict(known)
        for native_id, put in stored.items():
            judgement, before, model = self.rule.judge(put.passages), standing.get(native_id), put.scoring.version
            hold = self.held(native_id, put.passages, judgement, before, model=model, now=now)
            if hold is not None:
                guarded.note(standing, native_id, hold)
        for operation in operations:
            native_id = document_of(operation).native_id
            judged = operation
            if isinstance(operation, Put):
                judgement, before = self.rule.judge(operation.passages), standing.get(native_id)
                hold = self.held(native_id, operation.passages, judgement, before, model=self.model, now=now)
                judged = replace(operation, scoring=Scoring(self.model, judgement.categories))
                guarded.judged.add(native_id)
                guarded.note(standing, native_id, hold)
            elif isinstance(operation, Delete):
                guarded.note(standing, native_id, None)
            guarded.add(judged, standing.get(native_id))
        return guarded

    def held(
        self,
        native_id: str,
        passages: Sequence[EnrichedPassage],
        judgement: Judgement,
        known: Hold | None,
        *,
        model: str,
        now: float,
    ) -> Hold | None:
        """Return the row of a document with these passages: held back, or released of these texts; None: neither.

        `known` is the row that it has, `model` what scored the passages.
        """
        if self.rule.handling is not Handling.HIDE:
            return None
        texts = texts_sha256(each.passage.text for each in sorted(passages, key=lambda each: each.passage.ordinal))
        if known is not None and known.is_decided(Decision.RELEASED, texts):
            return known
        if known is not None and known.is_decided(Decision.KEPT, texts):
            return replace(known, is_hidden=True)
        found = judgement.held_for
        if found is None:
            return self._kept_for_another_model(known, model)
        since = known.held_at if known is not None and known.texts_sha256 == texts else now
        return Hold(
            native_id=native_id,
            texts_sha256=texts,
            model=model,
            category=found.category,
            score_0_1=found.score_0_1,
            ordinal=found.ordinal,
            start=found.start,
            end=found.end,
            held_at=since,
        )

    def _kept_for_another_model(self, known: Hold | None, model: str) -> Hold | None:
        """What another model held back is let go of by the present one's scores alone, and by none where none scores.

        A threshold is one model's: under that of the present one, scores of another could let go of anything.
        """
        is_held = known is not None and known.decision is not Decision.RELEASED
        return known if is_held and model != self.model else None


def hold_guard(ledger: Ledger, enricher: Enricher, configured: ConfiguredRule) -> HoldGuard:
    """Make what guards the writes of a source's runs, by its rule and the model that scores its passages."""
    rule = ToxicityRule.of(configured.handling, configured.threshold_0_1, enricher.toxicity_thresholds)
    return HoldGuard(HoldStore(ledger.engine), rule, enricher.toxicity_version)


def hidden(operation: IndexOperation) -> IndexOperation:
    """Return an operation that does the same to a document, under the list that admits nobody."""
    match operation:
        case Put(description) | Describe(description):
            return replace(operation, description=replace(description, acl_id=HIDDEN_ACL))
        case Readmit():
            return replace(operation, acl_id=HIDDEN_ACL)
    return operation
