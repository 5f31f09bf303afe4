"""A source whose documents, pages and faults a test writes down; it keeps the Connector port's contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from vocabulary.access import Acl, Principal
from vocabulary.documents import Change, Checkpoint, Comment, Document, DocumentId, DocumentState, Skipped, Upsert
from vocabulary.errors import ContentGone, SightlineError
from vocabulary.ports import CheckResult

SOURCE = "scripted"
EVERYONE = Acl("node:root", allow=frozenset({Principal.everyone(SOURCE)}))


@dataclass
class ScriptedSource:
    """Documents in id order, `page_size` to a page. `faults` maps a page number to errors raised before that page."""

    texts: dict[str, str] = field(default_factory=dict)
    acls: dict[str, Acl | None] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    comments: dict[str, tuple[Comment, ...]] = field(default_factory=dict)
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: dict[str, Skipped] = field(default_factory=dict)
    page_size: int = 10
    faults: dict[int, list[SightlineError]] = field(default_factory=dict)
    content_faults: dict[str, list[SightlineError]] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    crawled_from: list[str | None] = field(default_factory=list)

    def put(self, native_id: str, text: str, *, acl: Acl | None = EVERYONE) -> None:
        """Add a document, or give one new bytes."""
        self.texts[native_id] = text
        self.acls[native_id] = acl
        self.versions[native_id] = self.versions.get(native_id, 0) + 1

    def remove(self, native_id: str) -> None:
        del self.texts[native_id]

    def skip(self, native_id: str, state: DocumentState, reason: str) -> None:
        self.skipped[native_id] = Skipped(DocumentId(SOURCE, native_id), state, reason)

    def document(self, native_id: str) -> Document:
        return Document(
            id=DocumentId(SOURCE, native_id),
            title=self.titles.get(native_id, f"Title of {native_id}"),
            uri=f"https://source.example.com/{native_id}",
            path="/",
            mime_type="text/plain",
            content_version=str(self.versions[native_id]),
            size_bytes=len(self.texts[native_id]),
            modified_at=None,
            acl=self.acls[native_id],
            comments=self.comments.get(native_id, ()),
            warnings=self.warnings.get(native_id, ()),
        )

    @property
    def requests(self) -> Mapping[str, int]:
        return {"content": len(self.opened)}

    @property
    def absence_is_proof(self) -> bool:
        return True

    async def check(self) -> Sequence[CheckResult]:
        return [CheckResult("scripted source", passed=True, message="it is there")]

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        self.crawled_from.append(checkpoint.position if checkpoint else None)
        first = json.loads(checkpoint.position)["page"] if checkpoint else 0
        ids = sorted(self.texts)
        pages = [ids[start : start + self.page_size] for start in range(0, len(ids), self.page_size)]
        for number, page in enumerate(pages):
            if number < first:
                continue
            if self.faults.get(number):
                raise self.faults[number].pop(0)
            for native_id in page:
                yield self.skipped.get(native_id) or Upsert(self.document(native_id))
            yield Checkpoint(json.dumps({"page": number + 1}))

    @asynccontextmanager
    async def open_content(self, document_id: DocumentId) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened.append(document_id.native_id)
        if self.content_faults.get(document_id.native_id):
            raise self.content_faults[document_id.native_id].pop(0)
        if document_id.native_id not in self.texts:
            raise ContentGone("no such document")
        yield _pieces([self.texts[document_id.native_id].encode()])


async def _pieces(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def numbered(count: int) -> ScriptedSource:
    """A source with documents d000, d001, … of one sentence each."""
    source = ScriptedSource()
    for number in range(count):
        source.put(f"d{number:03}", f"Document number {number} speaks of subject {number}.")
    return source
