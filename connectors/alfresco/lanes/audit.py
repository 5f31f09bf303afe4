"""The audit application `CMISChangeLog` as a lane: what was made, modified and deleted, and where rights were set.

It records, where it is switched on, each call with the node that it was about, and nothing of what lies below that
node. Moves, restorations and comments leave no entry. Entries are read in the order of their ids. An id is given
before its transaction is committed: entries younger than a minute are read again by the next run.
Source: alfresco-audit-cmis.xml, CMISChangeLogDataExtractor, AuditImpl; audit-common-SqlMap.xml orders by id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import TypeAdapter

from connectors.alfresco.config import LaneName
from connectors.alfresco.lanes.lane import LaneUnusable, News
from connectors.alfresco.lanes.places import number_of
from connectors.alfresco.wire.client import AlfrescoClient, RecordPage
from connectors.alfresco.wire.exchange import CORE
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing, ServiceDisabled
from connectors.alfresco.wire.records import AuditApplication, AuditEntry, Entry, ListAnswer
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult

_LOG = "CMISChangeLog"
_APPLICATION = f"{CORE}/audit-applications/{_LOG}"
_FOUND = TypeAdapter(Entry[AuditApplication])
_ENTRIES = TypeAdapter(ListAnswer[AuditEntry])

_NO_LIMIT = 2**62  # above every id; the server adds 1 to it in 64 bits (AuditImpl)
_COMMITTED_AFTER = timedelta(minutes=1)  # longer than a person's call takes; what is later is left to the others
_MOST_PAGES_BACK = 10  # of the latest entries: a sweep that comes anyway does not wait for more
_SPACES_STORE = "workspace://SpacesStore/"

_UNREADABLE = f"lane-{LaneName.AUDIT}: unreadable-entry"
_BEGAN_ANEW = f"lane-{LaneName.AUDIT}: began-anew"


class _Happening(NamedTuple):
    kind: str  # CREATED, UPDATED, DELETED or SECURITY
    node_id: str
    at: datetime


class AuditLane:
    """The change log of one server."""

    name = LaneName.AUDIT

    def __init__(self, client: AlfrescoClient) -> None:
        self._client = client

    async def check(self) -> CheckResult:
        subject = f"lane {self.name}"
        try:
            _require_recording(await self._application())
        except SightlineError as fault:
            return CheckResult(subject, passed=False, message=f"{fault}; or take it out of `lanes`")
        return CheckResult(subject, passed=True, message="changes of nodes and of rights are seen in the audit log")

    async def news(self, place: str | None, *, since: datetime, now: datetime) -> AsyncIterator[News]:
        application = await self._application()
        last, notices = await self._beginning(application, place, since=since, now=now)
        settled, is_settling = last, True
        while True:
            page = await self._page(f"(id BETWEEN ('{last + 1}','{_NO_LIMIT}'))")
            for entry in page.records:
                is_settling = is_settling and _at(entry, now) < now - _COMMITTED_AFTER
                settled = entry.id if is_settling else settled
            yield _news(page.records, place=str(settled), now=now, notices=notices)
            if not (page.has_more and page.records):
                break
            last, notices = page.records[-1].id, ()
        _require_recording(application)  # what was recorded before it was switched off is read by now

    async def secured_since(self, moment: datetime, *, now: datetime) -> Mapping[str, datetime]:
        _require_recording(await self._application())
        secured: dict[str, datetime] = {}
        for number in range(_MOST_PAGES_BACK):
            skip_count = number * self._client.page_size
            page = await self._page(_between(moment, now), newest_first=True, skip_count=skip_count)
            for kind, node_id, at in _happenings(page.records, now):
                if kind == "SECURITY":
                    secured.setdefault(node_id, at)
            if not page.has_more:
                break
        return secured

    async def _beginning(
        self, application: AuditApplication, place: str | None, *, since: datetime, now: datetime
    ) -> tuple[int, tuple[str, ...]]:
        """The id behind which to read, and what to say of it."""
        if place is None:
            return await self._last_before(since, now=now), ()
        last = number_of(place)
        newest = await self._newest(application)
        if newest is not None and newest < last:  # the database is another one: a backup, or a new repository
            return await self._last_before(since, now=now), (_BEGAN_ANEW,)
        return last, ()

    async def _last_before(self, moment: datetime, *, now: datetime) -> int:
        """The id behind which everything lies that was committed since a moment."""
        first = (await self._page(_between(moment - _COMMITTED_AFTER, now))).records
        if first:
            return first[0].id - 1
        return await self._newest(await self._application()) or 0

    async def _newest(self, application: AuditApplication) -> int | None:
        """The id of the latest entry, which old servers do not tell of the application."""
        if application.max_entry_id is not None:
            return application.max_entry_id
        latest = (await self._page(None, newest_first=True)).records
        return latest[0].id if latest else None

    async def _application(self) -> AuditApplication:
        with _named_faults():
            return await self._client.entry(_FOUND, _APPLICATION, {"include": "max"})

    async def _page(
        self, where: str | None, *, newest_first: bool = False, skip_count: int = 0
    ) -> RecordPage[AuditEntry]:
        order = "DESC" if newest_first else "ASC"
        parameters = {"include": "values", "omitTotalItems": "true", "orderBy": f"createdAt {order}"}
        parameters |= {"where": where} if where else {}
        with _named_faults():
            return await self._client.page(_ENTRIES, f"{_APPLICATION}/audit-entries", parameters, skip_count=skip_count)


def _require_recording(application: AuditApplication) -> None:
    if not application.is_enabled:
        message = f"the audit application {_LOG} is switched off: enable it on the server"
        raise LaneUnusable(message, reason="disabled")


@contextmanager
def _named_faults() -> Iterator[None]:
    """Say of a refusal what to change."""
    try:
        yield
    except ServiceDisabled as cause:
        raise LaneUnusable("auditing is off: set audit.enabled=true on the server", reason="disabled") from cause
    except NodeMissing as cause:
        message = f"there is no audit application {_LOG}: set audit.cmischangelog.enabled=true on the server"
        raise LaneUnusable(message, reason="disabled") from cause
    except AccessRefused as cause:
        message = "the audit log is for administrators: make the account of `auth` one"
        raise LaneUnusable(message, reason="refused") from cause


def _between(first: datetime, last: datetime) -> str:
    """A range of dates, with a day for clocks that disagree."""
    begin, end = (moment.isoformat(timespec="milliseconds") for moment in (first, last + timedelta(days=1)))
    return f"(createdAt BETWEEN ('{begin}','{end}'))"


def _at(entry: AuditEntry, now: datetime) -> datetime:
    return entry.created_at or now


def _news(entries: Iterable[AuditEntry], *, place: str, now: datetime, notices: tuple[str, ...]) -> News:
    touched, gone, secured = set(), set(), {}
    for kind, node_id, at in _happenings(entries, now):
        match kind:
            case "CREATED" | "UPDATED":
                touched.add(node_id)
            case "DELETED":
                gone.add(node_id)
            case "SECURITY":
                secured[node_id] = at
            case _:
                notices = tuple({*notices, _UNREADABLE})
    return News(place, touched=frozenset(touched), gone=frozenset(gone), secured=secured, notices=notices)


def _happenings(entries: Iterable[AuditEntry], now: datetime) -> Iterator[_Happening]:
    """What entries tell; one that cannot be read has no kind."""
    for entry in entries:
        told = False
        for key, value in entry.values.items():
            kind = key.removeprefix(f"/{_LOG}/").partition("/")[0]
            node_id = _node_id(value)
            told = told or node_id is not None
            if node_id:
                yield _Happening(kind, node_id, _at(entry, now))
        if not told:
            yield _Happening("", "", _at(entry, now))


def _node_id(value: object) -> str | None:
    """The node of a value, `nodeRef` with or without its store; empty for another store's, None where there is none."""
    if not isinstance(value, Mapping):
        return None
    reference = value.get("nodeRef") or value.get("objectId")
    if not isinstance(reference, str):
        return None
    if "://" in reference and not reference.startswith(_SPACES_STORE):
        return ""
    return reference.removeprefix(_SPACES_STORE).partition(";")[0]
