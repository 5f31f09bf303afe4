"""What a complete crawl met, as the ledger would know it: the `KnownDocuments` of tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vocabulary.access import Acl
from vocabulary.documents import Document


class Known:
    """What a complete crawl met, as the ledger would know it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._lineages = {document.id.native_id: document.lineage for document in documents}
        self._lists = {document.id.native_id: document.acl.key if document.acl else None for document in documents}

    async def directly_in(self, lineage: Sequence[str]) -> Sequence[str]:
        return [native_id for native_id, at in self._lineages.items() if at == tuple(lineage)]

    async def folders_in(self, lineage: Sequence[str]) -> Sequence[str]:
        depth = len(lineage)
        below = [at for at in self._lineages.values() if len(at) > depth and at[:depth] == tuple(lineage)]
        return sorted({at[depth] for at in below})

    async def below(self, *folder_ids: str) -> Sequence[str]:
        return [native_id for native_id, at in self._lineages.items() if not set(folder_ids).isdisjoint(at)]

    async def held(self, document_ids: Collection[str]) -> Sequence[str]:
        return [native_id for native_id in document_ids if native_id in self._lineages]

    async def under_other_lists(self, lineage: Sequence[str], acl: Acl | None) -> Sequence[str]:
        key = acl.key if acl is not None else None
        return [each for each in await self.directly_in(lineage) if self._lists[each] != key]

    async def list_keys(self) -> Sequence[str]:
        return sorted({key for key in self._lists.values() if key is not None})

    async def under_lists(self, keys: Collection[str]) -> Sequence[str]:
        return [native_id for native_id, key in self._lists.items() if key in keys]
