"""A scripted source that also tells changes, permissions and single documents; every change gets a number."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from tests.fakes.scripted_source import SOURCE, ScriptedSource
from vocabulary.access import Acl
from vocabulary.documents import AccessRead, AclRead, Change, Checkpoint, DocumentId, Removed, Upsert
from vocabulary.errors import SightlineError
from vocabulary.ports import KnownDocuments


@dataclass
class IncrementalSource(ScriptedSource):
    """Keeps the `IncrementalConnector` contract; `sweep_faults` are raised before a page of a permissions sweep."""

    journal: list[str] = field(default_factory=list)  # ids of what was put or removed, in order
    unlisted: set[str] = field(default_factory=set)  # what a crawl and a sweep miss although it is there
    proves_absence: bool = True
    sweep_faults: dict[int, list[SightlineError]] = field(default_factory=dict)
    on_fault: Callable[[], None] = lambda: None
    revisited: list[str] = field(default_factory=list)

    @property
    def absence_is_proof(self) -> bool:
        return self.proves_absence

    def put(self, native_id: str, text: str, *, acl: Acl | None = None) -> None:
        super().put(native_id, text, **({} if acl is None else {"acl": acl}))
        self.journal.append(native_id)

    def remove(self, native_id: str) -> None:
        super().remove(native_id)
        self.journal.append(native_id)

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in super().crawl(checkpoint):
            if not (isinstance(change, Upsert) and change.document.id.native_id in self.unlisted):
                yield change

    async def mark(self) -> Checkpoint:
        return Checkpoint(json.dumps({"entry": len(self.journal)}))

    async def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        first = json.loads(checkpoint.position)["entry"]
        for number, native_id in enumerate(self.journal[first:], start=first + 1):
            yield self._now(native_id)
            yield Checkpoint(json.dumps({"entry": number}))

    async def permissions(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        first = json.loads(checkpoint.position)["page"] if checkpoint else 0
        ids = sorted(set(self.texts) - self.unlisted)
        pages = [ids[start : start + self.page_size] for start in range(0, len(ids), self.page_size)]
        if not first:
            for acl in {acl.key: acl for acl in self.acls.values() if acl is not None}.values():
                yield AclRead(acl)
        for number, page in enumerate(pages[first:], start=first):
            if self.sweep_faults.get(number):
                self.on_fault()
                raise self.sweep_faults[number].pop(0)
            for native_id in page:
                yield AccessRead(DocumentId(SOURCE, native_id), self.acls[native_id])
            yield Checkpoint(json.dumps({"page": number + 1}))

    async def revisit(self, document_ids: Sequence[DocumentId]) -> AsyncIterator[Change]:
        for document_id in document_ids:
            self.revisited.append(document_id.native_id)
            yield self._now(document_id.native_id)

    def _now(self, native_id: str) -> Change:
        if native_id in self.texts:
            return Upsert(self.document(native_id))
        return Removed(DocumentId(SOURCE, native_id))


def incremental(count: int) -> IncrementalSource:
    """A source with documents d000, d001, … of one sentence each."""
    source = IncrementalSource()
    for number in range(count):
        source.put(f"d{number:03}", f"Document number {number} speaks of subject {number}.")
    return source
