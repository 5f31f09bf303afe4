"""Whether a copy holds what the index holds, and answers alike.

The same documents must be there, each under the same ACL and owner, and what a reader may browse must be the same for
sampled lists: anything else refuses the switch. How questions are answered may differ where the copy was built for
that, by another analysis or another model: it is measured and told.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pyroaring import FrozenBitMap

from vocabulary.access import HIDDEN_ACL, AccessFilter
from vocabulary.documents import DocumentId
from vocabulary.indexing import IndexStatistics, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Page, Query, SearchMode

SAMPLE = 200  # documents compared in full: a fault in one of fifty is found in 98 of 100 copies
_QUESTIONS = 40  # asked while writers wait: a second or two in a large index
_LISTS = 20
_WORDS = 6  # of a passage, as a question
_HITS = 10
_LOOKED_UP = 64


@dataclass(frozen=True, slots=True)
class RowsCompared:
    """What differs among all ids and the rows of a sample; what is written meanwhile may be among it."""

    missing: tuple[DocumentId, ...]
    surplus: tuple[DocumentId, ...]
    differing: tuple[DocumentId, ...]
    sample: tuple[Put, ...]

    @property
    def suspects(self) -> frozenset[DocumentId]:
        """Documents that differ."""
        return frozenset(self.missing + self.surplus + self.differing)

    def __str__(self) -> str:
        return (
            f"{len(self.missing)} documents are missing, {len(self.surplus)} too many, "
            f"{len(self.differing)} of {len(self.sample)} sampled differ"
        )


@dataclass(frozen=True, slots=True)
class AnswersCompared:
    """How both answer while nobody writes."""

    source: IndexStatistics
    copy: IndexStatistics
    lists_asked: int = 0
    lists_differing: int = 0
    questions_asked: int = 0
    questions_alike: int = 0

    @property
    def holds(self) -> bool:
        """Whether the copy shows the same to the same readers."""
        return self.source == self.copy and self.lists_differing == 0

    def __str__(self) -> str:
        return (
            f"{self.copy.documents} of {self.source.documents} documents, "
            f"{self.copy.passages} of {self.source.passages} passages; "
            f"{self.lists_differing} of {self.lists_asked} lists show something else; "
            f"{self.questions_alike} of {self.questions_asked} questions are answered alike"
        )


async def compare_rows(
    source: SearchBackend, copy: SearchBackend, sources: Iterable[str], *, same_model: bool, choice: random.Random
) -> RowsCompared:
    """Compare all ids, and a sample of rows in full; vectors only under the same model."""
    sample, missing, surplus = _Sample(choice), [], []
    for name in sources:
        async for ours, theirs in _merged(source.document_ids(name), copy.document_ids(name)):
            if theirs is None and ours is not None:
                missing.append(ours)
            elif ours is None and theirs is not None:
                surplus.append(theirs)
            elif ours is not None:
                sample.offer(ours)
    rows, copied = await _rows(source, sample.taken), await _rows(copy, sample.taken)
    differing = [each for each in rows if not _is_same(rows[each], copied.get(each), same_model=same_model)]
    return RowsCompared(tuple(missing), tuple(surplus), tuple(differing), tuple(rows.values()))


async def compare_answers(
    source: SearchBackend, copy: SearchBackend, sample: Sequence[Put], *, numbering: str, choice: random.Random
) -> AnswersCompared:
    """Browse both under the ACLs of the sample, and ask both for words of its passages."""
    statistics = await source.statistics(), await copy.statistics()
    acls = sorted({int(put.description.acl_id) for put in sample} - {int(HIDDEN_ACL)})
    lists = [[acl] for acl in choice.sample(acls, min(_LISTS, len(acls)))] + [acls]
    filters = [_filter(numbering, each) for each in lists]
    browsed = [await _answers_alike(source, copy, Query("", size=_HITS), access) for access in filters]
    asked = [
        await _answers_alike(source, copy, question, choice.choice(filters)) for question in _questions(sample, choice)
    ]
    return AnswersCompared(*statistics, len(browsed), browsed.count(False), len(asked), asked.count(True))


class _Sample:
    """So many of a stream of unknown length, each as likely as any other (Vitter's algorithm R)."""

    def __init__(self, choice: random.Random) -> None:
        self._choice = choice
        self._seen = 0
        self.taken: list[DocumentId] = []

    def offer(self, document_id: DocumentId) -> None:
        self._seen += 1
        if len(self.taken) < SAMPLE:
            self.taken.append(document_id)
        elif (place := self._choice.randrange(self._seen)) < SAMPLE:
            self.taken[place] = document_id


async def _merged(
    ours: AsyncIterator[DocumentId], theirs: AsyncIterator[DocumentId]
) -> AsyncIterator[tuple[DocumentId | None, DocumentId | None]]:
    """Yield two ordered streams side by side; None where one lacks the other's id."""
    left, right = await anext(ours, None), await anext(theirs, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left < right):
            yield left, None
            left = await anext(ours, None)
        elif left is None or right < left:
            yield None, right
            right = await anext(theirs, None)
        else:
            yield left, right
            left, right = await anext(ours, None), await anext(theirs, None)


async def _rows(index: SearchBackend, document_ids: Sequence[DocumentId]) -> dict[DocumentId, Put]:
    found: dict[DocumentId, Put] = {}
    for start in range(0, len(document_ids), _LOOKED_UP):
        page = await index.look_up(document_ids[start : start + _LOOKED_UP])
        found |= {each.put.description.document_id: each.put for each in page}
    return found


def _is_same(ours: Put, theirs: Put | None, *, same_model: bool) -> bool:
    if theirs is None or ours.description != theirs.description or len(ours.passages) != len(theirs.passages):
        return False
    pairs = list(zip(ours.passages, theirs.passages, strict=True))
    if not same_model:  # another tokeniser counts other tokens
        return all(our.passage.text == their.passage.text for our, their in pairs)
    return ours.scoring == theirs.scoring and all(
        our.passage == their.passage
        and our.toxicity == their.toxicity
        and np.allclose(our.vector, their.vector, atol=1e-3)  # float16 has three digits
        for our, their in pairs
    )


def _filter(numbering: str, acls: Iterable[int]) -> AccessFilter:
    return AccessFilter(numbering, visible=FrozenBitMap(acls), if_owner=FrozenBitMap(), owners=frozenset())


def _questions(rows: Sequence[Put], choice: random.Random) -> list[Query]:
    """The beginnings of passages: words that are there to be found."""
    passages = [each.passage.text for put in rows for each in put.passages[:1]]
    chosen = choice.sample(passages, min(_QUESTIONS, len(passages)))
    return [Query(" ".join(text.split()[:_WORDS]), mode=SearchMode.KEYWORD, size=_HITS) for text in chosen]


async def _answers_alike(source: SearchBackend, copy: SearchBackend, query: Query, access: AccessFilter) -> bool:
    ours, theirs = await source.search(query, None, access), await copy.search(query, None, access)
    return ours.total == theirs.total and _certain(ours) == _certain(theirs)


def _certain(page: Page) -> list[DocumentId]:
    """The hits whose place on the page no tie decides: those that score as the last one may be on the next page."""
    last = page.hits[-1].score if page.hits else 0.0
    certain = [hit for hit in page.hits if hit.score > last]
    return [hit.document_id for hit in sorted(certain, key=lambda hit: (-hit.score, hit.document_id))]
