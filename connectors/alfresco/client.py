"""Requests and paging against one Alfresco server: its own records out, our errors out, nothing decided.

Invariants: every request has a timeout, every JSON answer a size limit; redirects are never followed, so credentials
reach only the configured host; a page is returned whole or not at all; nothing is retried here.
Source: alfresco-core.yaml and alfresco-discovery.yaml; the loop ends on `hasMoreItems`, never on a short page.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.faults import looks_like_login_page, status_fault, transport_fault, unreadable_answer
from connectors.alfresco.records import (
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
    Repository,
    Site,
)
from vocabulary.errors import CredentialsRejected, RunAborted, SettingInvalid, SourceUnavailable

_CORE = "/alfresco/api/-default-/public/alfresco/versions/1"
_DISCOVERY = "/alfresco/api/discovery"
_SEARCH = "/alfresco/api/-default-/public/search/versions/1/search"

# A page of 100 nodes with all that we include is about 0.3 MB; 1,000 nodes with long lists and texts stay below this.
_MAX_JSON_BYTES = 64 * 2**20
_PIECE_BYTES = 2**18  # of content; the port allows 1 MiB

# One value, comma-separated: the server reads only the first of repeated parameters.
_NODE_INCLUDE = "permissions,path,aspectNames,properties,isLink"

BodyT = TypeVar("BodyT", bound=BaseModel)

_NODE = TypeAdapter(Entry[Node])
_NODES = TypeAdapter(ListAnswer[Node])
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


def _tls(url: str, ca_certificate: Path | None) -> ssl.SSLContext:
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; loading the authorities takes a while
    if ca_certificate is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(ca_certificate))
    except OSError as cause:  # ssl.SSLError is one
        raise SettingInvalid(f"ca_certificate: {ca_certificate} cannot be read as PEM certificates") from cause


class AlfrescoClient:
    """The calls that a crawl needs, as an async context manager around one pool of connections.

    Raises (from every call): `CredentialsRejected`, `RateLimited`, `SourceUnavailable`, `SettingInvalid`,
    `NodeMissing`, `AccessRefused`, and `RunAborted` for any other refusal.
    """

    def __init__(self, config: AlfrescoConfig) -> None:
        self._config = config

    async def __aenter__(self) -> Self:
        config = self._config
        self._http = httpx.AsyncClient(
            base_url=config.url,
            auth=httpx.BasicAuth(config.auth.username, config.auth.password.get_secret_value()),
            verify=_tls(config.url, config.ca_certificate),
            follow_redirects=False,
            headers={"Accept": "application/json"},
            # Waiting for a free connection is our own queue and has no limit; each request in it has.
            timeout=httpx.Timeout(config.read_timeout_s, connect=config.connect_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=config.max_connections),
            trust_env=False,  # neither .netrc credentials nor proxies that nobody configured here
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def discover(self) -> Repository:
        return (await self._one(_DISCOVERED, _DISCOVERY)).repository

    async def me(self) -> PersonRecord:
        return await self._one(_PERSON, f"{_CORE}/people/-me-")

    async def node(self, node_id: str, *, relative_path: str | None = None) -> Node:
        parameters = {"include": _NODE_INCLUDE} | ({"relativePath": relative_path} if relative_path else {})
        return await self._one(_NODE, f"{_CORE}/nodes/{_quoted(node_id)}", parameters)

    async def children(
        self, folder_id: str, *, skip_count: int, overlap: bool, folders_only: bool = False
    ) -> RecordPage[Node]:
        """One page of a folder's primary children, folders first, then by name; `overlap` begins one entry earlier."""
        path = f"{_CORE}/nodes/{_quoted(folder_id)}/children"
        where = "(isFolder=true and isPrimary=true)" if folders_only else "(isPrimary=true)"
        parameters = {"include": _NODE_INCLUDE, "where": where}
        return await self._page(_NODES, path, parameters, skip_count=skip_count - overlap, more_by=int(overlap))

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
        answer = (await self._post(_NODES, _SEARCH, body)).list
        records = tuple(entry.entry for entry in answer.entries)
        return RecordPage(records, answer.pagination.has_more_items, answer.pagination.total_items)

    async def now(self) -> datetime:
        """The server's own time, to the second, which the dates of its nodes follow."""
        response = await self._send(self._http.build_request("GET", f"{_CORE}/people/-me-"))
        await response.aclose()
        try:
            return parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError) as cause:
            raise SourceUnavailable("the server's answers carry no date; changes cannot be told from it") from cause

    @property
    def page_size(self) -> int:
        return self._config.page_size

    async def site(self, site_id: str) -> Site:
        return await self._one(_SITE, f"{_CORE}/sites/{_quoted(site_id)}")

    async def document_library(self, site_id: str) -> Container:
        return await self._one(_CONTAINER, f"{_CORE}/sites/{_quoted(site_id)}/containers/documentLibrary")

    def sites(self) -> AsyncIterator[Site]:
        return self._all(_SITES, f"{_CORE}/sites", {})

    def comments(self, node_id: str) -> AsyncIterator[CommentRecord]:
        return self._all(_COMMENTS, f"{_CORE}/nodes/{_quoted(node_id)}/comments", {})

    def people(self) -> AsyncIterator[PersonRecord]:
        return self._all(_PEOPLE, f"{_CORE}/people", {"include": "capabilities", "orderBy": "id"})

    def groups(self) -> AsyncIterator[Group]:
        """All groups of all zones. No `include`: `description` would silently reduce the list to root groups."""
        return self._all(_GROUPS, f"{_CORE}/groups", {"orderBy": "id"})

    def group_members(self, group_id: str) -> AsyncIterator[GroupMember]:
        return self._all(_MEMBERS, f"{_CORE}/groups/{_quoted(group_id)}/members", {})

    @asynccontextmanager
    async def content(self, node_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send the request for a file's bytes and stream the answer, unshortened or with an error."""
        path = f"{_CORE}/nodes/{_quoted(node_id)}/content"
        # Unencoded, so that Content-Length is the length of the file; an empty file is a 200 of length 0.
        request = self._http.build_request("GET", path, headers={"Accept": "*/*", "Accept-Encoding": "identity"})
        response = await self._send(request)
        try:
            if response.status_code != 200:
                raise status_fault(response, await _limited_body(response), _operation(request))
            await _refuse_login_page(response)
            yield _pieces(response, _operation(request))
        finally:
            await response.aclose()

    async def _one(
        self, shape: TypeAdapter[Entry[RecordT]], path: str, parameters: Mapping[str, str] | None = None
    ) -> RecordT:
        return (await self._get(shape, path, parameters or {})).entry

    async def _page(
        self,
        shape: TypeAdapter[ListAnswer[RecordT]],
        path: str,
        parameters: Mapping[str, str],
        *,
        skip_count: int,
        more_by: int = 0,
    ) -> RecordPage[RecordT]:
        paging = {"skipCount": str(skip_count), "maxItems": str(self._config.page_size + more_by)}
        answer = (await self._get(shape, path, {**parameters, **paging})).list
        records = tuple(entry.entry for entry in answer.entries)
        return RecordPage(records, answer.pagination.has_more_items, answer.pagination.total_items)

    async def _all(
        self, shape: TypeAdapter[ListAnswer[RecordT]], path: str, parameters: Mapping[str, str]
    ) -> AsyncIterator[RecordT]:
        """Every record of a list.

        Raises:
            SourceUnavailable: the list shrank while it was read, so that records may have slipped past a page's edge.
        """
        skip_count, first_total = 0, None
        while True:
            page = await self._page(shape, path, parameters, skip_count=skip_count)
            first_total = page.total if first_total is None else first_total
            if first_total is not None and page.total is not None and page.total < first_total:
                raise SourceUnavailable(f"{path}: the list changed while it was being read")
            for record in page.records:
                yield record
            if not page.has_more:
                return
            skip_count += self._config.page_size

    async def _get(self, shape: TypeAdapter[BodyT], path: str, parameters: Mapping[str, str]) -> BodyT:
        return await self._read(shape, self._http.build_request("GET", path, params=parameters))

    async def _post(self, shape: TypeAdapter[BodyT], path: str, body: Mapping[str, object]) -> BodyT:
        return await self._read(shape, self._http.build_request("POST", path, json=body))

    async def _read(self, shape: TypeAdapter[BodyT], request: httpx.Request) -> BodyT:
        response = await self._send(request)
        try:
            body = await _limited_body(response)
        finally:
            await response.aclose()
        if response.status_code != 200:
            raise status_fault(response, body, _operation(request))
        try:
            return shape.validate_json(body)
        except ValidationError as cause:
            # Not `from cause`: pydantic's errors hold what they read.
            raise unreadable_answer(response, body, _operation(request), at=_first_fault(cause)) from None

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._http.send(request, stream=True)
        except httpx.HTTPError as cause:
            raise transport_fault(cause, _operation(request)) from cause


def _operation(request: httpx.Request) -> str:
    return f"{request.method} {request.url.path.removeprefix(_CORE)}"


def _first_fault(error: ValidationError) -> str:
    """Where the answer departs from the expected form; empty when it is no JSON at all."""
    first = error.errors(include_input=False, include_context=False)[0]
    return "" if first["type"] == "json_invalid" else ".".join(map(str, first["loc"])) or "its top level"


async def _limited_body(response: httpx.Response) -> bytes:
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _MAX_JSON_BYTES:
                raise RunAborted(f"{_operation(response.request)}: the answer exceeds {_MAX_JSON_BYTES} bytes")
    except httpx.HTTPError as cause:
        raise transport_fault(cause, _operation(response.request)) from cause
    return bytes(body)


async def _refuse_login_page(response: httpx.Response) -> None:
    """Alfresco names the file of every content that it sends; a page from a sign-in proxy does not."""
    is_html = "html" in response.headers.get("content-type", "").lower()
    if not is_html or "content-disposition" in response.headers:
        return
    body = await _limited_body(response)
    if looks_like_login_page(response, body):
        raise CredentialsRejected(
            f"{_operation(response.request)}: answered with a login page; check the setting `auth`"
        )
    raise unreadable_answer(response, body, _operation(response.request), at="")


async def _pieces(response: httpx.Response, operation: str) -> AsyncIterator[bytes]:
    announced = response.headers.get("content-length", "")
    try:
        async for piece in response.aiter_bytes(_PIECE_BYTES):
            yield piece
    except httpx.HTTPError as cause:
        raise transport_fault(cause, operation) from cause
    received = response.num_bytes_downloaded
    if announced.isdecimal() and received != int(announced):
        raise SourceUnavailable(f"{operation}: the transfer broke off after {received} of {announced} bytes")
