"""Which questions an audit asks: documents × readers, drawn at random from a seed that is told.

Half of the questions are drawn evenly, each document and each person with the same chance: their share of mistakes is
an estimate for all. The other half goes where mistakes are likely and even chances seldom come: every list as often as
any other, and of its readers those whom it names, those in few groups, and odd accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from acl import ReaderClaims, SourceIdentityRule
from acl.drawing import DrawnReader, ReaderDraw
from indexer.state.drawing import DocumentDraw, DrawnDocument
from service.audit.sampling import Sampling
from service.reader import issuer_meant
from service.settings.settings import Settings
from service.wiring import State, identity_rule
from vocabulary.access import Principal
from vocabulary.documents import DocumentId
from vocabulary.errors import QueryInvalid
from vocabulary.statements import Question

_Drawn: TypeAlias = tuple[DrawnDocument, bool]  # and whether it was drawn evenly


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what a token would call the reader; None: no token is needed."""

    question: Question
    user: str | None
    drawn_evenly: bool


@dataclass(frozen=True, slots=True)
class Draw:
    """The questions, each once, about readers with tokens of `issuer`, who calls each of them as in `users`.

    `unreachable` people are nobody's readers and were left out.
    """

    asked: tuple[Asked, ...]
    issuer: str
    users: Mapping[Principal, str] = field(default_factory=dict)
    unreachable: int = 0


async def draw_questions(settings: Settings, state: State, source: str, sampling: Sampling) -> Draw:
    """Draw the questions about a source; none where the index holds nothing of it, or nobody can be its reader.

    Raises:
        QueryInvalid: a token of the named person would mean nobody in the source, or there is no such issuer.
    """
    issuer = issuer_meant(settings, sampling.issuer)
    rng = Random(sampling.seed)  # noqa: S311 - a sample, not a secret; the seed repeats it
    documents = await _documents(state, source, sampling, rng)
    if settings.is_public(source):
        return Draw(_each_once(_asked(source, document, None) for document in documents), issuer)
    rule = identity_rule(settings, source)
    people = await ReaderDraw.read(
        state.engine,
        source,
        by=rule.match_user_by,
        mapped=await state.access_control.people_mapped(issuer=issuer, source=source),
        acl_ids=sorted({document.acl_id for document, _ in documents if document.acl_id is not None}),
    )
    named = None
    if sampling.user is not None:
        named = await _person(state, rule, ReaderClaims(sampling.user, groups=(), issuer=issuer))
    if named is None and not people.readers:
        return Draw((), issuer, unreachable=people.unreachable)
    asked = (_asked(source, document, named or _reader(people, document, rng)) for document in documents)
    users = {reader.principal: reader.user for reader in people.readers}
    return Draw(_each_once(asked), issuer, users, people.unreachable)


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


async def _person(state: State, rule: SourceIdentityRule, claims: ReaderClaims) -> DrawnReader:
    match = await state.access_control.match(claims, rule)
    if match.person is None:
        raise QueryInvalid(f"person: nobody in {rule.source} is meant by that name ({match.outcome})")
    return DrawnReader(match.person.principal, claims.user)


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
