"""A random world's state: what syncs bring of it into the state store and an index, and what readers then find.

The stores and the access control live as long as the object, with all that they remember, as in a service; a second
access control stands for another process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from sqlalchemy import Engine

from acl import AccessControl, AclStore, IdentityStore, ReaderClaims
from tests.fakes.access_worlds import AccessWorld, Listed
from tests.fakes.documents import passage
from vocabulary.access import HIDDEN_ACL, AccessFilter, AclId, Identity, Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, Description, IndexOperation, Put

_SHARED_PASSAGE = passage("the same words in every document")


class SyncedWorld:
    """Follows a world as its syncs do. `engine` has the tables."""

    def __init__(self, world: AccessWorld, engine: Engine) -> None:
        self.world = world
        self._acls, self._identities = AclStore(engine), IdentityStore(engine)
        self.processes = (AccessControl(engine), AccessControl(engine))
        self.held: dict[DocumentId, tuple[AclId, Principal | None]] = {}  # what an index holds of each document
        self._numbers: dict[str, Mapping[str, AclId]] = {}
        self.listed: Sequence[Listed] = ()  # the documents as they were when the index was told of them

    async def sync_identities(self) -> None:
        for source in self.world.sources:
            await self._identities.replace(source, _listed(self.world.identities_of(source)), confirmed=True)

    async def sync_lists(self) -> None:
        """Store the lists of all documents, of which the index has not heard as yet."""
        self._numbers = {source: await self._number(source) for source in self.world.sources}

    def operations(self) -> list[IndexOperation]:
        """What the index is told of the documents then; `grant` follows once it was."""
        documents = self.world.documents()
        held = {
            document_id: (self._numbers[document_id.source][acl.key] if acl else HIDDEN_ACL, owner)
            for document_id, acl, owner in documents
        }
        gone: list[IndexOperation] = [Delete(each) for each in self.held.keys() - held.keys()]
        written = [_put(each, *held[each]) for each in held if self.held.get(each) != held[each]]
        self.held, self.listed = held, documents
        return [*gone, *written]

    async def grant(self) -> None:
        """What a complete walk ends with."""
        for source in self.world.sources:
            await self._acls.grant(source)

    async def filter_of(self, claims: ReaderClaims, *, process: int = 0) -> AccessFilter:
        return await self.processes[process].filter_for(claims, self.world.rules)

    def admitted(self, access: AccessFilter) -> frozenset[DocumentId]:
        """The documents that a filter admits, one by one."""
        return frozenset(
            document_id
            for document_id, (acl_id, owner) in self.held.items()
            if access.admits(acl_id, str(owner) if owner else None)
        )

    async def _number(self, source: str) -> Mapping[str, AclId]:
        return await self._acls.number(source, self.world.lists(source))


def _put(document_id: DocumentId, acl_id: AclId, owner: Principal | None) -> Put:
    described = Description(
        document_id=document_id,
        title=document_id.native_id,
        uri=f"https://{document_id.source}.example/{document_id.native_id}",
        path="/",
        acl_id=acl_id,
        owner=owner,
        attributes={"source_and_name": str(document_id)},
    )
    return Put(described, (_SHARED_PASSAGE,))


async def _listed(identities: Iterable[Identity]) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity
