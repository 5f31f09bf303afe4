"""An explanation of access, as the admin API shows it and `sightline explain-access --json` prints it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from acl import AccessChange, Change, ConcerningEntry, Effect, Ground, MatchOutcome, Measure, SourceMatch, StoredPerson
from indexer.state.run_history import RunReport
from service.explain_words import matched, remedies, verdict
from service.explaining import Explanation, Presence
from service.routes.told_text import ToldText
from vocabulary.access import Principal
from vocabulary.documents import DocumentState
from vocabulary.ports import SyncMode


class OriginAnswer(BaseModel):
    """What brought a fact. All null: it is older than the record of changes."""

    run: int | None = Field(description="`sightline runs show RUN` tells more")
    mode: SyncMode | None
    at: datetime | None = Field(description="in force here since")
    changed_at: datetime | None = Field(description="when it was changed at the source, where that is told")


class DocumentStandingAnswer(BaseModel):
    """What the index holds of the document."""

    document_id: str
    title: ToldText
    index: str
    presence: Presence
    state: DocumentState | None = Field(description="how it last ended in a run")
    reason: str
    retry_at: datetime | None = Field(description="when it is read again after a failure")
    run: int | None = Field(description="the last run that changed anything of it")
    list_key: str | None = Field(description="which list of the source it is under")
    list_changed: OriginAnswer | None
    owner: str | None


class PersonAnswer(BaseModel):
    """One whom the token's user may mean."""

    principal: str
    display_name: ToldText
    enabled: bool
    administrator: bool
    guest: bool
    brought_by: OriginAnswer


class MatchAnswer(BaseModel):
    """Whom a source takes the reader for."""

    source: str
    matched_by: str
    outcome: MatchOutcome
    mapped: bool = Field(description="an operator's mapping decided, not the name")
    people: list[PersonAnswer]
    words: ToldText


class StepAnswer(BaseModel):
    """One membership of a chain."""

    member: str
    group: str
    brought_by: OriginAnswer


class EntryAnswer(BaseModel):
    """An entry of the list that is about the reader; the first one decided, if the ground is allowed or denied."""

    effect: Effect
    principal: str
    chain: list[StepAnswer] = Field(description="the shortest way from the person to the entry's group")
    adopted: str | None = Field(description="the group, adopted from the token, in which the way begins")
    brought_by: OriginAnswer


class ChangeAnswer(BaseModel):
    """One change of a remedy."""

    measure: Measure
    principal: str | None
    group: str | None


class RemedyAnswer(BaseModel):
    """What would turn the answer round, by itself."""

    changes: list[ChangeAnswer] = Field(description="all of them together; empty where only words can say it")
    words: ToldText


class ExplanationAnswer(BaseModel):
    """Whether a reader finds a document, and why."""

    user: ToldText | None = Field(description="null: the index is public, and asks nobody who they are")
    allowed: bool
    ground: Ground = Field(description="what decided, if the index shows the document to anybody")
    words: ToldText
    document: DocumentStandingAnswer
    reader: list[MatchAnswer] = Field(description="the document's source first")
    entries: list[EntryAnswer]
    owns: bool
    remedies: list[RemedyAnswer]
    lists_read_at: datetime | None = Field(description="when the last complete sync that reads all permissions began")
    people_read_at: datetime | None = Field(description="the same of people and groups")


def explanation_answer(explanation: Explanation) -> ExplanationAnswer:
    """Spell an explanation for programs."""
    access, runs = explanation.access, explanation.runs
    return ExplanationAnswer(
        user=explanation.reader.user if explanation.reader is not None else None,
        allowed=explanation.allowed,
        ground=access.ground,
        words=verdict(explanation),
        document=_document(explanation),
        reader=[_match(match, runs) for match in access.matches],
        entries=[_entry(entry, runs) for entry in access.entries],
        owns=access.owns,
        remedies=[
            RemedyAnswer(changes=[_change(change) for change in remedy], words=words)
            for remedy, words in remedies(explanation)
        ],
        lists_read_at=explanation.lists_read_at,
        people_read_at=explanation.people_read_at,
    )


def _document(explanation: Explanation) -> DocumentStandingAnswer:
    document, acl = explanation.document, explanation.access.acl
    return DocumentStandingAnswer(
        document_id=str(document.document_id),
        title=document.title,
        index=document.index,
        presence=document.presence,
        state=document.state,
        reason=document.reason,
        retry_at=document.retry_at,
        run=document.run,
        list_key=acl.key if acl is not None else None,
        list_changed=_origin(acl.brought_by, explanation.runs) if acl is not None else None,
        owner=_spelled(document.owner),
    )


def _match(match: SourceMatch, runs: Mapping[int, RunReport]) -> MatchAnswer:
    return MatchAnswer(
        source=match.source,
        matched_by=match.match_user_by,
        outcome=match.match.outcome,
        mapped=match.mapped is not None,
        people=[_person(stored, runs) for stored in match.people],
        words=matched(match),
    )


def _person(stored: StoredPerson, runs: Mapping[int, RunReport]) -> PersonAnswer:
    person = stored.person
    return PersonAnswer(
        principal=str(person.principal),
        display_name=person.display_name,
        enabled=person.enabled,
        administrator=person.is_administrator,
        guest=person.is_guest,
        brought_by=_origin(stored.brought_by, runs),
    )


def _entry(entry: ConcerningEntry, runs: Mapping[int, RunReport]) -> EntryAnswer:
    steps = [
        StepAnswer(member=str(step.member), group=str(step.group), brought_by=_origin(step.brought_by, runs))
        for step in entry.chain
    ]
    return EntryAnswer(
        effect=entry.effect,
        principal=str(entry.principal),
        chain=steps,
        adopted=_spelled(entry.adopted),
        brought_by=_origin(entry.brought_by, runs),
    )


def _change(change: Change) -> ChangeAnswer:
    return ChangeAnswer(measure=change.measure, principal=_spelled(change.principal), group=_spelled(change.group))


def _origin(change: AccessChange | None, runs: Mapping[int, RunReport]) -> OriginAnswer:
    if change is None:
        return OriginAnswer(run=None, mode=None, at=None, changed_at=None)
    report = runs.get(change.run) if change.run is not None else None
    mode = report.mode if report is not None else None
    return OriginAnswer(run=change.run, mode=mode, at=change.at, changed_at=change.changed_at)


def _spelled(principal: Principal | None) -> str | None:
    return None if principal is None else str(principal)
