"""What a source itself says, asked afresh, of who may find which of its documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from vocabulary.access import Principal
from vocabulary.documents import DocumentId


class Verdict(StrEnum):
    """What the source says of one reader and one document, as its own search would have it."""

    ALLOWED = "allowed"
    DENIED = "denied"
    GONE = "gone"  # there is no such document any more
    UNKNOWN = "unknown"  # it did not say, and the reason tells why: nobody may take this for a yes


class Standpoint(StrEnum):
    """How the source was asked."""

    RULES = "rules"  # as an account that reads permissions; the source's rules were applied to what it said
    READER = "reader"  # as the reader themselves: it is the source's own decision


@dataclass(frozen=True, slots=True)
class Question:
    """May this reader find this document? `reader` is a person of the document's source.

    None stands for anybody at all, as the readers of a public index are: what admits everyone and shuts out nobody.
    """

    document_id: DocumentId
    reader: Principal | None


@dataclass(frozen=True, slots=True)
class Statement:
    """The answer to one question. `reason` is one of a small set of fixed words, and empty where nothing is unknown."""

    verdict: Verdict
    standpoint: Standpoint = Standpoint.RULES
    reason: str = ""


class SourceWitness(Protocol):
    """A source, asked whether its people may find its documents: by requests of its own, and by no code of a crawl.

    It is an async context manager; it sends nothing before the first question.
    """

    async def testify(self, questions: Sequence[Question]) -> Sequence[Statement]:
        """Answer the questions, in their order, by what the source says now; nothing of an earlier call is used.

        A question that the source does not answer is `UNKNOWN`, never left out or guessed at. Nothing is retried.

        Raises:
            CredentialsRejected, ConfigurationError: the source refuses to be asked at all.
        """
        ...
