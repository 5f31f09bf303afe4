"""Watches what is sent to OpenSearch while a reader is answered: not one search without that reader's filter.

Every request between the beginning and the end of a `search` or `suggest` is looked at, whatever code sends it. It is
the reading of the index's own state, of the cluster's version, or a list of searches of which each one, and each search
of neighbours in it, is under the clause of this very reader; nothing in them looks past their query.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import opensearchpy
import pytest
from pyroaring import BitMap

from indexer.backends.opensearch.access_clause import read_acl_id
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.mapping import STATE_ID
from vocabulary.access import AccessFilter

# What would count, list or open documents that the query does not admit.
_LOOKS_PAST_THE_QUERY = frozenset({"global", "suggest", "post_filter", "more_like_this", "join", "percolate"})

_asked_as: ContextVar[AccessFilter | None] = ContextVar("asked_as", default=None)


class ReaderWatch:
    """Collects what was wrong with the requests of a test, and counts the searches that were right."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.searches = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Look at every request that the library sends while a reader is answered."""
        with pytest.MonkeyPatch.context() as patch:
            send = opensearchpy.AsyncTransport.perform_request
            patch.setattr(opensearchpy.AsyncTransport, "perform_request", self._watched(send))
            for name in ("search", "suggest"):
                patch.setattr(OpenSearchBackend, name, _as_reader(getattr(OpenSearchBackend, name)))
            yield

    def _watched(self, send: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(send)
        async def perform(transport: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
            access = _asked_as.get()
            if access is not None:
                self._look(method, url, options.get("body"), access)
            return await send(transport, method, url, *args, **options)

        return perform

    def _look(self, method: str, url: str, body: Any, access: AccessFilter) -> None:
        if method == "GET" and (url == "/" or url.endswith(f"/_doc/{STATE_ID}")):
            return
        if not url.endswith("/_msearch"):
            self.violations.append(f"{method} {url} while a reader is answered")
            return
        for search in _bodies(body):
            self.searches += 1
            self.violations += violations_of(search, access)


def violations_of(search: Mapping[str, Any], access: AccessFilter) -> list[str]:
    """Return what is wrong with the body of a search that is to answer this reader."""
    found = [f"{name} in a search" for name in sorted(_LOOKS_PAST_THE_QUERY & _names(search))]
    if any(each is not True for each in _values(search, "rescore")):  # `true`: neighbours alone, among those found
        found.append("rescore in a search")
    if not _is_under(search.get("query", {}), access):
        found.append(f"a search that is not under its reader's filter: {json.dumps(search)[:500]}")
    for near in _values(search, "knn"):
        ((_, asked),) = near.items()
        if not _is_under(asked.get("filter", {}), access):
            found.append(f"a search of neighbours that is not under its reader's filter: {json.dumps(asked)[-500:]}")
    return found


def _is_under(query: Mapping[str, Any], access: AccessFilter) -> bool:
    filters = query.get("bool", {}).get("filter", [])
    return any(_is_clause_of(each, access) for each in filters)


def _is_clause_of(clause: Mapping[str, Any], access: AccessFilter) -> bool:
    """Whether the clause admits what the filter admits, ACL 0 apart, in the present epoch alone."""
    visible, if_owner = BitMap(access.visible) - BitMap([0]), BitMap(access.if_owner) - BitMap([0])
    if clause == {"match_none": {}}:
        return not visible and not (if_owner and access.owners)
    parts = clause.get("bool", {}).get("filter", [])
    if len(parts) != 2 or "epoch" not in parts[0].get("range", {}):
        return False
    admitted, owned = BitMap(), BitMap()
    for each in parts[1].get("bool", {}).get("should", [parts[1]]):
        if "terms" in each:
            admitted |= _ids(each)
            continue
        ids, owner = each["bool"]["filter"]
        if owner != {"terms": {"owner": sorted(access.owners)}}:
            return False
        owned |= _ids(ids)
    return admitted == visible and owned == (if_owner if access.owners else BitMap())


def _ids(clause: Mapping[str, Any]) -> BitMap:
    values = clause["terms"]["acl_id"]
    if clause["terms"].get("value_type") == "bitmap":
        return BitMap.deserialize(base64.b64decode(values[0]))
    return BitMap([int(read_acl_id(each)) for each in values])


def _bodies(body: Any) -> Sequence[Mapping[str, Any]]:
    """Return the searches of an `_msearch`, which come as pairs of lines."""
    lines = [json.loads(line) for line in body.splitlines() if line] if isinstance(body, str | bytes) else list(body)
    return lines[1::2]


def _names(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set(value).union(*map(_names, value.values()))
    return set().union(*map(_names, value)) if isinstance(value, list) else set()


def _values(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == name:
                yield each
            yield from _values(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _values(each, name)


def _as_reader(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def asking(backend: Any, asked: Any, *args: Any, **options: Any) -> Any:
        access = options.get("access") or next((each for each in args if isinstance(each, AccessFilter)), None)
        token = _asked_as.set(access)
        try:
            return await method(backend, asked, *args, **options)
        finally:
            _asked_as.reset(token)

    return asking
