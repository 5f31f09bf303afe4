"""Both sides asked the same questions: what the index shows, and what the source says.

What differs is asked again, both sides anew: a change that was being read, or made, while the questions were asked is
no mistake. What the source did not answer is asked again with growing waits, and stays unknown after the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from indexer.layers import RetryPolicy
from service.audit.drawing import Asked
from service.audit.index_side import IndexSide
from vocabulary.errors import SourceUnavailable
from vocabulary.statements import Question, SourceWitness, Statement, Verdict

ASKED_AT_ONCE = 200  # facts are asked for once within a round, and progress is told after each


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question, and how both sides answered it."""

    asked: Asked
    shown: bool
    statement: Statement

    @property
    def is_unknown(self) -> bool:
        return self.statement.verdict is Verdict.UNKNOWN

    @property
    def differs(self) -> bool:
        return not self.is_unknown and self.shown != (self.statement.verdict is Verdict.ALLOWED)


class BothSides:
    """An index and the witness of a source that feeds it."""

    def __init__(self, index: IndexSide, witness: SourceWitness, policy: RetryPolicy) -> None:
        self._index = index
        self._witness = witness
        self._policy = policy

    async def compare(
        self, asked: Sequence[Asked], *, on_progress: Callable[[int], None] = lambda done: None
    ) -> list[Comparison]:
        """Ask both sides, in rounds; `on_progress` is told how many questions are answered.

        Raises:
            SourceUnavailable: it answered nothing of a whole round.
            CredentialsRejected, ConfigurationError: the source refuses to be asked.
            IndexBusy, NumberingMismatch: the index does not answer.
        """
        compared: list[Comparison] = []
        for start in range(0, len(asked), ASKED_AT_ONCE):
            of_round = await self._round(asked[start : start + ASKED_AT_ONCE])
            if all(_may_come_yet(each.statement) for each in of_round):
                raise SourceUnavailable("the source does not answer the audit's questions")
            compared += of_round
            on_progress(len(compared))
        unlike = [each.asked for each in compared if each.differs]
        second = {each.asked.question: each for each in await self._round(unlike) if not each.is_unknown}
        return [second.get(each.asked.question, each) for each in compared]

    async def _round(self, asked: Sequence[Asked]) -> list[Comparison]:
        if not asked:
            return []
        shown = await self._index.shown(asked)
        said = await self._said([each.question for each in asked])
        return [Comparison(each, shown[each.question], said[each.question]) for each in asked]

    async def _said(self, questions: Iterable[Question]) -> Mapping[Question, Statement]:
        """What the source says; what it does not say at first is asked for again."""
        said: dict[Question, Statement] = {}
        left = list(questions)

        async def ask() -> None:
            said.update(zip(left, await self._witness.testify(left), strict=True))
            left[:] = [question for question in left if _may_come_yet(said[question])]
            if left:
                raise SourceUnavailable(f"{len(left)} questions are not answered yet")

        with suppress(SourceUnavailable):  # what is left stands there as unknown
            await self._policy.call(ask)
        return said


def _may_come_yet(statement: Statement) -> bool:
    """Whether asking again may help: a server that is away comes back, a right that is missing does not."""
    return statement.verdict is Verdict.UNKNOWN and statement.reason == "unavailable"
