"""What an index shows a reader of given documents: asked by a search, under the very filter of that reader's queries.

The search is narrowed to the documents by their attributes and read to its end, so that the answer is the engine's own
and not a second calculation of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from acl import ReaderClaims
from service.audit.drawing import Asked
from service.search import ServedIndex
from service.wiring import State
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId
from vocabulary.indexing import Description
from vocabulary.search import And, Equals, FilterClause, Or, Query, SearchMode
from vocabulary.statements import Question

_Item = TypeVar("_Item")

_LOOKED_UP_AT_ONCE = 50  # they come with their passages
_SEARCHED_AT_ONCE = 20  # times the attributes below, well within what engines take as one filter
# Whatever of these a document has tells it from most others; all of them are compared as they are.
_TELLING = ("path", "modified_at", "created_at", "size_bytes")
_PAGE = 100


class IndexSide:
    """Asks one index about documents of one source."""

    def __init__(self, state: State, index: ServedIndex, *, issuer: str, is_public: bool) -> None:
        self._state = state
        self._index = index
        self._issuer = issuer
        self._is_public = is_public

    async def shown(self, asked: Sequence[Asked]) -> Mapping[Question, bool]:
        """Whether the index shows the document of each question to its reader, now."""
        descriptions = await self._descriptions({each.question.document_id for each in asked})
        shown = {each.question: False for each in asked}
        for user, of_user in groupby(sorted(asked, key=_name), key=_name):
            questions = [each.question for each in of_user if each.question.document_id in descriptions]
            access = await self._access(user)
            for some in _in_pieces(questions, _SEARCHED_AT_ONCE):
                found = await self._found([descriptions[question.document_id] for question in some], access)
                shown |= {question: question.document_id in found for question in some}
        return shown

    async def _access(self, user: str) -> AccessFilter:
        """Make the filter as for a request: anew, from what is stored now."""
        if self._is_public:
            return await self._state.access_control.public_filter(self._index.sources)
        claims = ReaderClaims(user=user, groups=(), issuer=self._issuer)
        return await self._state.access_control.filter_for(claims, self._index.identity_rules)

    async def _descriptions(self, document_ids: Iterable[DocumentId]) -> Mapping[DocumentId, Description]:
        found: dict[DocumentId, Description] = {}
        for some in _in_pieces(sorted(document_ids), _LOOKED_UP_AT_ONCE):
            stored = await self._index.backend.look_up(some)
            found |= {each.put.description.document_id: each.put.description for each in stored}
        return found

    async def _found(self, descriptions: Sequence[Description], access: AccessFilter) -> set[DocumentId]:
        """Those of the documents that a search under this filter finds."""
        wanted = {description.document_id for description in descriptions}
        found: set[DocumentId] = set()
        cursor = None
        while True:
            query = Query(
                "",
                SearchMode.KEYWORD,
                filter=Or(tuple(map(_narrowed_to, descriptions))),
                size=_PAGE,
                cursor=cursor,
                highlight=False,
                collapse=False,
            )
            page = await self._index.backend.search(query, None, access)
            found |= wanted & {hit.document_id for hit in page.hits}
            cursor = page.next_cursor
            if cursor is None or found == wanted:
                return found


def _narrowed_to(description: Description) -> FilterClause:
    clauses = [Equals("source", description.document_id.source)]
    for name in _TELLING:
        value = description.attributes.get(name)
        if value is not None and not isinstance(value, tuple):
            clauses.append(Equals(name, value))
    return And(tuple(clauses))


def _name(asked: Asked) -> str:
    return asked.user or ""


def _in_pieces(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
