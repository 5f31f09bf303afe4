"""Answers questions about who finds what at one Alfresco server: as the readers where it can, else by the rules.

An account that reads permissions is asked for each node, for its ancestors as far as they count, and for each person
and their groups; where the settings hold a reader's own credentials, that reader's requests count instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.exchange import Exchange
from connectors.alfresco.witness.as_reader import statement_as_reader
from connectors.alfresco.witness.hearing import Hearing
from vocabulary.statements import Question, Statement


class AlfrescoWitness:
    """One Alfresco source: a `SourceWitness`, an async context manager that holds the connections."""

    def __init__(self, source: str, config: AlfrescoConfig) -> None:
        self._source = source
        self._extra_granting = config.extra_read_permissions
        accounts = config.audit
        asker = (
            config if accounts is None or accounts.auth is None else config.model_copy(update={"auth": accounts.auth})
        )
        self._exchange = Exchange(asker)
        self._readers = {
            user: Exchange(config.model_copy(update={"auth": auth}))
            for user, auth in (accounts.readers if accounts is not None else {}).items()
        }

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            for exchange in (self._exchange, *self._readers.values()):
                await opened.enter_async_context(exchange)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests were sent since the witness was entered, by kind."""
        counts = [each.counts.requests for each in (self._exchange, *self._readers.values())]
        return {kind: total for kind in counts[0] if (total := sum(each[kind] for each in counts))}

    async def testify(self, questions: Sequence[Question]) -> Sequence[Statement]:
        """Answer by fresh requests; see `SourceWitness`."""
        answers = dict(zip(questions, await all_of(map(self._as_reader, questions)), strict=True))
        left = [question for question, answer in answers.items() if answer is None]
        answers |= await self._by_rules(left)
        return [answer for question in questions if (answer := answers[question]) is not None]

    async def _as_reader(self, question: Question) -> Statement | None:
        user = _user_of(question)
        if user is None or user not in self._readers:
            return None
        return await statement_as_reader(self._readers[user], question.document_id.native_id, user)

    async def _by_rules(self, questions: Sequence[Question]) -> Mapping[Question, Statement]:
        hearing = Hearing(self._exchange, extra_granting=self._extra_granting)
        users = {user for question in questions if (user := _user_of(question)) is not None}
        await hearing.learn(node_ids={question.document_id.native_id for question in questions}, people=users)
        return {
            question: hearing.statement(question.document_id.native_id, _user_of(question)) for question in questions
        }


def _user_of(question: Question) -> str | None:
    return question.reader.id if question.reader is not None else None
