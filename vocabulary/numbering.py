"""The Protocol of whoever gives ACLs their integer ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vocabulary.access import Acl, AclId


@dataclass(frozen=True, slots=True)
class KnownAcl:
    """What is stored of a list: its id, if it has one, and whether its entries differ from those that were read."""

    id: AclId | None
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Reassignment:
    """A document that somebody could find under one list, and that an index holds under another, or another owner, now.

    `after` is `HIDDEN_ACL` where nobody finds it any more; `ends_ownership`: it had an owner who is none of it now.
    `changed_at` (aware, UTC) is when that was changed at the source, where that is known.
    """

    native_id: str
    before: AclId
    after: AclId
    ends_ownership: bool
    changed_at: datetime | None = None


class AclNumbering(Protocol):
    """The one place where ACLs get their integer ids."""

    @property
    def numbering(self) -> str:
        """The random name of the state that gives the numbers."""
        ...

    async def number(
        self,
        source: str,
        acls: Iterable[Acl],
        *,
        run: int | None = None,
        changed_at: Mapping[str, datetime] | None = None,
    ) -> Mapping[str, AclId]:
        """Store the lists and return the id of each key. A known key keeps its id.

        Whom a changed list admits no more is shut out at once; whom it admits anew waits for `grant`. Ids are positive
        and are never given twice. What changes is recorded as brought by `run`, with the time (aware, UTC) at which
        each key's list was changed at the source, where that is known.
        """
        ...

    async def note_reassigned(self, source: str, documents: Sequence[Reassignment], *, run: int | None = None) -> None:
        """Record what documents were taken from whom, once the index has acknowledged it. It changes no list."""
        ...

    async def slowest_revocation_s(self, run: int) -> float | None:
        """The longest, in seconds, from a change at the source until what the run took for it was in force.

        Of changes whose time the source tells; None: of none. What only gives is none of them.
        """
        ...

    async def look_up(self, source: str, acls: Iterable[Acl]) -> Mapping[str, KnownAcl]:
        """Compare the lists with what is stored under their keys, and change nothing."""
        ...

    async def version(self, source: str) -> int:
        """A number that grows with every change of the source's lists."""
        ...

    async def count_changed(self, source: str, *, since: int) -> int:
        """How many lists are new, or have other entries, since the source was at that version."""
        ...

    async def keys(self, source: str, acl_ids: Collection[AclId]) -> Mapping[AclId, str]:
        """The keys of stored lists; an id that is none of the source's is missing."""
        ...

    async def grant(self, source: str, *, run: int | None = None, up_to: int | None = None) -> None:
        """Let changed lists admit whom they admit: no document is under a list any more that it has left.

        Lists that changed behind version `up_to` go on waiting; None: none does.
        """
        ...

    async def admits_everyone(self, source: str, acl_id: AclId) -> bool:
        """Whether the list allows the source's everyone and denies nobody, or will: what a public index may hold."""
        ...
