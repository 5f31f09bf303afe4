"""Which questions an audit asks: documents × readers, drawn at random from a seed that is told.

Half of the questions are drawn evenly, each document and each person with the same chance: their share of mistakes is
an estimate for all. The other half goes where mistakes are likely and even chances seldom come: every list as often as
any other, and of its readers those whom it names, those in few groups, and odd accounts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from acl import MatchUserBy
from acl.drawing import DrawnReader, ReaderDraw
from indexer.state.drawing import DocumentDraw, DrawnDocument
from service.settings import Settings
from service.wiring import State
from vocabulary.documents import DocumentId
from vocabulary.errors import QueryInvalid
from vocabulary.statements import Question

# Of an audit that nobody gave a number. Where none of the 250 drawn evenly is wrong, less than 1.6 % of all are (95 %);
# all of them together cost some thousand requests (docs/decisions/012).
USUAL_QUESTIONS = 500

_Drawn: TypeAlias = tuple[DrawnDocument, bool]  # and whether it was drawn evenly


@dataclass(frozen=True, slots=True)
class Sampling:
    """What whoever asks for an audit decides. A person or document that is named takes the place of the drawn ones."""

    questions: int
    seed: int
    user: str | None = None  # as a token would name them
    document: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what a token would call the reader; None: no token is needed."""

    question: Question
    user: str | None
    drawn_evenly: bool


@dataclass(frozen=True, slots=True)
class Draw:
    """The questions, each once. `unreachable` people are nobody's readers and were left out."""

    asked: tuple[Asked, ...]
    unreachable: int


async def draw_questions(settings: Settings, state: State, source: str, sampling: Sampling) -> Draw:
    """Draw the questions about a source; none where the index holds nothing of it, or nobody can be its reader.

    Raises:
        QueryInvalid: a token of the named person would mean nobody in the source.
    """
    rng = Random(sampling.seed)  # noqa: S311 - a sample, not a secret; the seed repeats it
    documents = await _documents(state, source, sampling, rng)
    if settings.is_public(source):
        return Draw(_each_once(_asked(source, document, None) for document in documents), unreachable=0)
    by = MatchUserBy(settings.sources[source].match_user_by)
    lists = sorted({document.acl_id for document, _ in documents if document.acl_id is not None})
    people = await ReaderDraw.read(state.engine, source, by=by, acl_ids=lists)
    named = None if sampling.user is None else await _person(state, source, sampling.user, by=by)
    if named is None and not people.readers:
        return Draw((), people.unreachable)
    asked = (_asked(source, document, named or _reader(people, document, rng)) for document in documents)
    return Draw(_each_once(asked), people.unreachable)


async def _documents(state: State, source: str, sampling: Sampling, rng: Random) -> list[_Drawn]:
    """The documents to ask about, those drawn evenly first."""
    evenly, by_list = sampling.questions - sampling.questions // 2, sampling.questions // 2
    if sampling.document is None:
        drawn = await DocumentDraw(state.engine, source).draw(rng, evenly=evenly, by_list=by_list)
        return [*((each, True) for each in drawn.evenly), *((each, False) for each in drawn.by_list)]
    native_id = sampling.document.native_id
    met = (await state.ledger.look_up(source, [native_id])).get(native_id)
    named = DrawnDocument(native_id, met.row.acl_id if met is not None else None)
    return [(named, position < evenly) for position in range(sampling.questions)]


async def _person(state: State, source: str, user: str, *, by: MatchUserBy) -> DrawnReader:
    match = await state.identities.find(source, user, by=by)
    if match.person is None:
        raise QueryInvalid(f"--person: nobody in {source} is meant by that name ({match.outcome})")
    return DrawnReader(match.person.principal, user)


def _reader(people: ReaderDraw, drawn: _Drawn, rng: Random) -> DrawnReader:
    document, is_even = drawn
    return people.evenly(rng) if is_even else people.at_the_edge(rng, document.acl_id)


def _asked(source: str, drawn: _Drawn, reader: DrawnReader | None) -> Asked:
    document, is_even = drawn
    question = Question(DocumentId(source, document.native_id), reader.principal if reader is not None else None)
    return Asked(question, reader.user if reader is not None else None, is_even)


def _each_once(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """Ask nothing twice; what was drawn evenly as well counts as that."""
    first: dict[Question, Asked] = {}
    for each in asked:
        first.setdefault(each.question, each)
    return tuple(first.values())
