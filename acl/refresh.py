"""Brings a source's people and groups into the identity store."""

from __future__ import annotations

from acl.identity_store import IdentityCounts, IdentityStore
from vocabulary.ports import IdentitySource


async def refresh_identities(
    source_name: str,
    identity_source: IdentitySource,
    store: IdentityStore,
    *,
    confirmed: bool = False,
    run: int | None = None,
) -> IdentityCounts:
    """Replace what is stored of the source by what it lists now; a list that breaks off changes nothing.

    `confirmed`: a person has looked, and an emptiness is real. `run` is the run that does it. Raises as
    `IdentityStore.replace` does.
    """
    return await store.replace(source_name, identity_source.identities(), confirmed=confirmed, run=run)
