"""The calls and lists of one Alfresco server: its own records out, our errors out, nothing decided.

Invariants: a page is returned whole or not at all; nothing is retried here. How a request travels is `exchange.py`'s.
Source: alfresco-core.yaml and alfresco-discovery.yaml; the loop ends on `hasMoreItems`, never on a short page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Generic, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.wire.body import read_pieces
from connectors.alfresco.wire.exchange import CORE, Exchange, operation_of
from connectors.alfresco.wire.faults import status_fault, unreadable_answer
from connectors.alfresco.wire.records import (
    CommentRecord,
    Container,
    Discovery,
    Entry,
    Group,
    GroupMember,
    ListAnswer,
    Node,
    PersonRecord,
    RecordT,
    Rendition,
    Repository,
    Site,
)
from connectors.alfresco.wire.request_counts import RequestCounts, RequestKind
from connectors.alfresco.wire.sign_in import Answer
from vocabulary.errors import SourceUnavailable

_DISCOVERY = "/alfresco/api/discovery"
_SEARCH = "/alfresco/api/-default-/public/search/versions/1/search"
_ME = f"{CORE}/people/-me-"

# One value, comma-separated: the server reads only the first of repeated parameters.
_NODE_INCLUDE = "permissions,path,aspectNames,properties,isLink"

BodyT = TypeVar("BodyT", bound=BaseModel)

_NODE = TypeAdapter(Entry[Node])
_NODES = TypeAdapter(ListAnswer[Node])
_RENDITION = TypeAdapter(Entry[Rendition])
_SITE = TypeAdapter(Entry[Site])
_SITES = TypeAdapter(ListAnswer[Site])
_CONTAINER = TypeAdapter(Entry[Container])
_COMMENTS = TypeAdapter(ListAnswer[CommentRecord])
_PERSON = TypeAdapter(Entry[PersonRecord])
_PEOPLE = TypeAdapter(ListAnswer[PersonRecord])
_GROUPS = TypeAdapter(ListAnswer[Group])
_MEMBERS = TypeAdapter(ListAnswer[GroupMember])
_DISCOVERED = TypeAdapter(Entry[Discovery])


@dataclass(frozen=True, slots=True)
class RecordPage(Generic[RecordT]):
    """One page of a list, complete."""

    records: tuple[RecordT, ...]
    has_more: bool
    total: int | None


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="")


class AlfrescoClient:
    """The calls that a crawl needs, as an async context manager around one pool of connections.

    Raises (from every call): `CredentialsRejected`, `RateLimited`, `SourceUnavailable`, `SettingInvalid`,
    `NodeMissing`, `AccessRefused`, and `RunAborted` for any other refusal.
    """

    def __init__(self, config: AlfrescoConfig) -> None:
        self._config = config
        self._exchange = Exchange(config)

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)

    @property
    def exchange(self) -> Exchange:
        """For requests to other resources of the server than those of the public API."""
        return self._exchange

    @property
    def counts(self) -> RequestCounts:
        """What was asked and received so far."""
        return self._exchange.counts

    def describe_sign_in(self) -> str:
        """How requests are signed in, for people."""
        return self._exchange.describe_sign_in()

    async def discover(self) -> Repository:
        return (await self.entry(_DISCOVERED, _DISCOVERY)).repository

    async def me(self) -> PersonRecord:
        return await self.entry(_PERSON, _ME, kind=RequestKind.IDENTITY)

    async def node(self, node_id: str, *, relative_path: str | None = None) -> Node:
        parameters = {"include": _NODE_INCLUDE} | ({"relativePath": relative_path} if relative_path else {})
        return await self.entry(_NODE, f"{CORE}/nodes/{_quoted(node_id)}", parameters)

    async def children(
        self, folder_id: str, *, skip_count: int, overlap: bool, folders_only: bool = False
    ) -> RecordPage[Node]:
        """One page of a folder's primary children, folders first, then by name; `overlap` begins one entry earlier."""
        path = f"{CORE}/nodes/{_quoted(folder_id)}/children"
        where = "(isFolder=true and isPrimary=true)" if folders_only else "(isPrimary=true)"
        parameters = {"include": _NODE_INCLUDE, "where": where}
        return await self.page(_NODES, path, parameters, skip_count=skip_count - overlap, more_by=int(overlap))

    async def search(self, query: str, *, sort_by: str, skip_count: int) -> RecordPage[Node]:
        """One page of the nodes that an AFTS query finds, ascending by a property, as they are now.

        A page may be short while there are more. No `limits`: they would override the paging (SearchMapper.fromLimits).
        """
        body = {
            "query": {"language": "afts", "query": query},
            "paging": {"maxItems": self._config.page_size, "skipCount": skip_count},
            "include": _NODE_INCLUDE.split(","),
            "sort": [{"type": "FIELD", "field": sort_by, "ascending": True}],
        }
        answer = await self._exchange.answer("POST", _SEARCH, kind=RequestKind.LISTING, json=body)
        return _record_page(read_answer(_NODES, answer))

    async def now(self) -> datetime:
        """The server's own time, to the second, which the dates of its nodes follow."""
        answer = await self._exchange.answer("GET", _ME, kind=RequestKind.LISTING)
        read_answer(_PERSON, answer)
        try:
            return parsedate_to_datetime(answer.response.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError) as cause:
            raise SourceUnavailable("the server's answers carry no date; changes cannot be told from it") from cause

    @property
    def page_size(self) -> int:
        return self._config.page_size

    async def site(self, site_id: str) -> Site:
        return await self.entry(_SITE, f"{CORE}/sites/{_quoted(site_id)}")

    async def document_library(self, site_id: str) -> Container:
        return await self.entry(_CONTAINER, f"{CORE}/sites/{_quoted(site_id)}/containers/documentLibrary")

    def sites(self) -> AsyncIterator[Site]:
        return self._all(_SITES, f"{CORE}/sites", {})

    def comments(self, node_id: str) -> AsyncIterator[CommentRecord]:
        return self._all(_COMMENTS, f"{CORE}/nodes/{_quoted(node_id)}/comments", {}, kind=RequestKind.COMMENTS)

    def people(self) -> AsyncIterator[PersonRecord]:
        parameters = {"include": "capabilities", "orderBy": "id"}
        return self._all(_PEOPLE, f"{CORE}/people", parameters, kind=RequestKind.IDENTITY)

    def groups(self) -> AsyncIterator[Group]:
        """All groups of all zones. No `include`: `description` would silently reduce the list to root groups."""
        return self._all(_GROUPS, f"{CORE}/groups", {"orderBy": "id"}, kind=RequestKind.IDENTITY)

    def group_members(self, group_id: str) -> AsyncIterator[GroupMember]:
        return self._all(_MEMBERS, f"{CORE}/groups/{_quoted(group_id)}/members", {}, kind=RequestKind.IDENTITY)

    async def rendition(self, node_id: str, name: str) -> Rendition:
        return await self.entry(_RENDITION, f"{CORE}/nodes/{_quoted(node_id)}/renditions/{_quoted(name)}")

    def content(self, node_id: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Send the request for a file's bytes and stream the answer, unshortened or with an error."""
        return self._bytes(f"{CORE}/nodes/{_quoted(node_id)}/content")

    def rendition_content(self, node_id: str, name: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """As `content`, of a rendition; `NodeMissing` while there is none."""
        return self._bytes(f"{CORE}/nodes/{_quoted(node_id)}/renditions/{_quoted(name)}/content")

    @asynccontextmanager
    async def _bytes(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._exchange.stream(path, kind=RequestKind.CONTENT) as response:
            operation = operation_of(response.request)
            if response.status_code != 200:
                raise status_fault(response, await self._exchange.read(response), operation)
            await self._refuse_login_page(response, operation)
            yield read_pieces(response, operation)

    async def entry(
        self,
        shape: TypeAdapter[Entry[RecordT]],
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        kind: RequestKind = RequestKind.LISTING,
    ) -> RecordT:
        """Ask for one record of any shape."""
        return (await self._get(shape, path, parameters or {}, kind=kind)).entry

    async def page(
        self,
        shape: TypeAdapter[ListAnswer[RecordT]],
        path: str,
        parameters: Mapping[str, str],
        *,
        skip_count: int,
        more_by: int = 0,
        kind: RequestKind = RequestKind.LISTING,
    ) -> RecordPage[RecordT]:
        """Ask for one page of a list of any shape; with `more_by` entries more than a page usually has."""
        paging = {"skipCount": str(skip_count), "maxItems": str(self._config.page_size + more_by)}
        return _record_page(await self._get(shape, path, {**parameters, **paging}, kind=kind))

    async def _all(
        self,
        shape: TypeAdapter[ListAnswer[RecordT]],
        path: str,
        parameters: Mapping[str, str],
        *,
        kind: RequestKind = RequestKind.LISTING,
    ) -> AsyncIterator[RecordT]:
        """Every record of a list; a page begins with the last record of the full one before it: have they shifted?

        Raises:
            SourceUnavailable: the list changed while it was read, so that records may have slipped past a page's edge.
        """
        skip_count, first_total, last = 0, None, None
        while True:
            overlap = int(last is not None)
            page = await self.page(shape, path, parameters, skip_count=skip_count - overlap, more_by=overlap, kind=kind)
            first_total = page.total if first_total is None else first_total
            shrank = first_total is not None and page.total is not None and page.total < first_total
            if shrank or (last is not None and page.records[:1] != (last,)):
                raise SourceUnavailable(f"{path}: the list changed while it was being read")
            for record in page.records[overlap:]:
                yield record
            if not page.has_more:
                return
            skip_count += self._config.page_size
            last = page.records[-1] if len(page.records) == self._config.page_size + overlap else None

    async def _get(
        self, shape: TypeAdapter[BodyT], path: str, parameters: Mapping[str, str], *, kind: RequestKind
    ) -> BodyT:
        return read_answer(shape, await self._exchange.answer("GET", path, kind=kind, parameters=parameters))

    async def _refuse_login_page(self, response: httpx.Response, operation: str) -> None:
        """Alfresco names the file of every content that it sends; a page from a sign-in proxy does not."""
        is_html = "html" in response.headers.get("content-type", "").lower()
        if not is_html or "content-disposition" in response.headers:
            return
        raise unreadable_answer(response, await self._exchange.read(response), operation, at="")


def read_answer(shape: TypeAdapter[BodyT], answer: Answer) -> BodyT:
    """Read an answer's JSON, or raise what its status means."""
    operation = operation_of(answer.response.request)
    if answer.response.status_code != 200:
        raise status_fault(answer.response, answer.body, operation)
    try:
        return shape.validate_json(answer.body)
    except ValidationError as cause:
        # Not `from cause`: pydantic's errors hold what they read.
        raise unreadable_answer(answer.response, answer.body, operation, at=_first_fault(cause)) from None


def _record_page(answer: ListAnswer[RecordT]) -> RecordPage[RecordT]:
    pagination = answer.list.pagination
    records = tuple(entry.entry for entry in answer.list.entries)
    return RecordPage(records, pagination.has_more_items, pagination.total_items)


def _first_fault(error: ValidationError) -> str:
    """Where the answer departs from the expected form; empty when it is no JSON at all."""
    first = error.errors(include_input=False, include_context=False)[0]
    return "" if first["type"] == "json_invalid" else ".".join(map(str, first["loc"])) or "its top level"
