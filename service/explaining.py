"""Why a reader finds a document, or does not: what the index holds of it, and what the reader may see of that.

A document is found if its index holds it, not hidden, and the reader's access filter admits it. The index's own row
counts, since that is what a query meets; the ledger and the runs say how it came to be so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from acl import AccessChange, AccessExplainer, AccessExplanation, AccessRecords, MatchUserBy, ReaderClaims
from indexer.state.holds import Hold, HoldStore
from indexer.state.run_history import RunReport
from service.reader import issuer_meant
from service.search import why_withheld
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings
from service.wiring import State, identity_rules
from vocabulary.access import HIDDEN_ACL, AclId, Principal, PrincipalKind
from vocabulary.documents import DocumentId, DocumentState
from vocabulary.errors import QueryInvalid
from vocabulary.ports import SearchBackend, SyncMode
from vocabulary.stored_text import is_storable

_READ_LISTS = (SyncMode.FULL, SyncMode.PERMISSIONS)
_READ_PEOPLE = (*_READ_LISTS, SyncMode.CHANGES, SyncMode.IDENTITIES)


class Presence(StrEnum):
    """How a document stands in its index, whoever asks."""

    SHOWN = "shown"  # its list decides
    HIDDEN = "hidden"  # held under the list that admits nobody
    WITHHELD = "withheld"  # its index answers nobody: one of the two, index or state store, was put back or exchanged
    ABSENT = "absent"  # met by a run, and not in the index
    UNKNOWN = "unknown"  # no run has met it, or none since it was deleted and the run's documents were pruned


@dataclass(frozen=True, slots=True)
class DocumentStanding:
    """What index and ledger hold of a document.

    `state` and `reason` say how it last ended in a run (None: no run knows it), `run` is the last run that changed
    anything of it, `retry_at` is when it is read again after a failure (None: not by itself). `hold` is why the rule of
    its source for toxic text hides it (None: it does not).
    """

    document_id: DocumentId
    index: str
    access: IndexAccess
    presence: Presence
    title: str = ""
    state: DocumentState | None = None
    reason: str = ""
    run: int | None = None
    retry_at: datetime | None = None
    acl_id: AclId = HIDDEN_ACL
    owner: Principal | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole answer. `reader` is None in a public index, which asks nobody who they are.

    `lists_read_at` and `people_read_at` are when the last complete sync that read all of them began: what was changed
    at the source since, it may not know.
    """

    reader: ReaderClaims | None
    document: DocumentStanding
    access: AccessExplanation
    lists_read_at: datetime | None
    people_read_at: datetime | None
    runs: Mapping[int, RunReport] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """The reader as their token names them."""
        return "" if self.reader is None else self.reader.user

    @property
    def allowed(self) -> bool:
        return self.document.presence is Presence.SHOWN and self.access.allowed


class AccessInspector:
    """Explains access to the documents of all indexes."""

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._explainer = AccessExplainer(state.engine, state.access_control)

    def index_of(self, document_id: DocumentId) -> str:
        """The index that the document's source feeds.

        Raises:
            QueryInvalid: no such source is configured.
        """
        if document_id.source not in self._settings.sources:
            known = ", ".join(self._settings.sources) or "none"
            raise QueryInvalid(f"no such source: {document_id.source} (there are: {known})")
        return self._settings.sources[document_id.source].index

    def issuer(self, named: str | None) -> str:
        """The issuer that an operator means: without a name, the one of the settings if there is one only.

        Raises:
            QueryInvalid: no such issuer is configured.
        """
        return issuer_meant(self._settings, named)

    async def claims(self, user: str, *, issuer: str, groups: tuple[str, ...] = ()) -> ReaderClaims:
        """The reader that an operator names: as a token would, or as a person of a source (`user:SOURCE/ID`).

        Whether a source lists the person is told: whoever asks for somebody else records that first.

        Raises:
            QueryInvalid: the source has no such person, or no token can name that person.
        """
        return ReaderClaims(user=await self._token_name(user), groups=groups, issuer=issuer)

    async def explain(self, backend: SearchBackend, document_id: DocumentId, reader: ReaderClaims) -> Explanation:
        """Explain what the reader's queries make of a document whose index is open as `backend`.

        Raises:
            QueryInvalid: no source of the document's name is configured.
        """
        document = await self._standing(backend, document_id)
        access = await self._access(document, reader)
        return Explanation(
            reader=None if document.access is IndexAccess.PUBLIC else reader,
            document=document,
            access=access,
            lists_read_at=await self._last_begin(document_id.source, *_READ_LISTS),
            people_read_at=await self._last_begin(document_id.source, *_READ_PEOPLE),
            runs=await self._state.runs.some(set(_runs(document, access))),
        )

    async def _access(self, document: DocumentStanding, reader: ReaderClaims) -> AccessExplanation:
        source, acl_id, owner = document.document_id.source, document.acl_id, document.owner
        if document.access is IndexAccess.PUBLIC:
            return await self._explainer.explain_public(source=source, acl_id=acl_id, owner=owner)
        rules = identity_rules(self._settings, document.index)
        return await self._explainer.explain(reader, rules, source=source, acl_id=acl_id, owner=owner)

    async def _token_name(self, user: str) -> str:
        principal = _person_of_source(user)
        if principal is None or principal.scope not in self._settings.sources:
            return user
        stored = await AccessRecords(self._state.engine).person(principal)
        if stored is None:
            raise QueryInvalid(f"source {principal.scope} lists no person {principal.id!r}")
        by = MatchUserBy(self._settings.sources[principal.scope].match_user_by)
        name = stored.person.email if by is MatchUserBy.EMAIL else stored.person.username
        if not name:
            raise QueryInvalid(f"{user} has no {by} by which a token could name them, so nothing is shown to them")
        return name

    async def _standing(self, backend: SearchBackend, document_id: DocumentId) -> DocumentStanding:
        index = self.index_of(document_id)
        access = self._settings.indexes[index].access
        met = (await self._state.ledger.look_up(document_id.source, [document_id.native_id])).get(document_id.native_id)
        held = await backend.look_up([document_id])
        if met is None and not held:
            return await self._departed(DocumentStanding(document_id, index, access, Presence.UNKNOWN))
        described = held[0].put.description if held else None
        acl_id = described.acl_id if described else HIDDEN_ACL
        shown = Presence.HIDDEN if acl_id == HIDDEN_ACL else Presence.SHOWN
        withheld = await why_withheld(backend, await asyncio.to_thread(lambda: self._state.acls.numbering))
        if withheld:  # and what the numbers of lists mean is another state's to say
            acl_id, shown = HIDDEN_ACL, Presence.WITHHELD
        row = met.row if met else None
        retry_at = row.retry_at if row else None
        return DocumentStanding(
            document_id=document_id,
            index=index,
            access=access,
            presence=shown if described else Presence.ABSENT,
            title=described.title if described else "",
            state=row.state if row else None,
            reason=withheld or (row.reason if row else ""),
            run=met.run if met else None,
            retry_at=None if retry_at is None else datetime.fromtimestamp(retry_at, UTC),
            acl_id=acl_id,
            owner=described.owner if described else None,
            hold=await self._hold(document_id) if described and shown is Presence.HIDDEN else None,
        )

    async def _hold(self, document_id: DocumentId) -> Hold | None:
        found = await HoldStore(self._state.engine).look_up(document_id.source, [document_id.native_id])
        hold = found.get(document_id.native_id)
        return hold if hold is not None and hold.is_hidden else None

    async def _departed(self, unknown: DocumentStanding) -> DocumentStanding:
        """A document of which no row is left; the run that deleted it may still tell."""
        last = await self._state.runs.last_of(unknown.document_id)
        if last is None:
            return unknown
        run, ended = last
        return DocumentStanding(
            unknown.document_id,
            unknown.index,
            unknown.access,
            Presence.ABSENT,
            state=ended.state,
            reason=ended.reason,
            run=run,
        )

    async def _last_begin(self, source: str, *modes: SyncMode) -> datetime | None:
        begun_at = await self._state.runs.last_begin(source, modes)
        return None if begun_at is None else datetime.fromtimestamp(begun_at, UTC)


def named_document(text: str) -> DocumentId:
    """Read a document's id as somebody typed it.

    Raises:
        QueryInvalid: it is not of the form `<source>/<id>`, or holds what no id does.
    """
    if not is_storable(text):
        raise QueryInvalid("no document's id has NUL or halves of characters")
    try:
        return DocumentId.parse(text)
    except ValueError as error:
        raise QueryInvalid(str(error)) from None


def _person_of_source(user: str) -> Principal | None:
    try:
        principal = Principal.parse(user)
    except ValueError:
        return None
    return principal if principal.kind is PrincipalKind.USER else None


def _runs(document: DocumentStanding, access: AccessExplanation) -> Iterator[int]:
    """The runs that the answer speaks of."""
    if document.run is not None:
        yield document.run
    for change in _changes(access):
        if change is not None and change.run is not None:
            yield change.run


def _changes(access: AccessExplanation) -> Iterator[AccessChange | None]:
    if access.acl is not None:
        yield access.acl.brought_by
    for entry in access.entries:
        yield entry.brought_by
        yield from (step.brought_by for step in entry.chain)
    for match in access.matches:
        yield from (person.brought_by for person in match.people)
