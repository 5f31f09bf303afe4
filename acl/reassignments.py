"""Documents that were put under another list or owner: what that takes from somebody is a revocation, too.

It is in force once the index has acknowledged it, so its step is made behind the write, in a realm of its own: no
filter is built anew for it, and the first query behind the step is the first that is known to obey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from acl.list_entries import Entries, in_force, read_entries, takes
from acl.revocations import record_revocation
from acl.tables import Origin, Realm, lock_version, set_version
from vocabulary.access import AclId
from vocabulary.numbering import Reassignment


def record_reassignments(
    connection: Connection, source: str, documents: Sequence[Reassignment], *, run: int | None, at: float
) -> None:
    """Record, as one step, what these documents were taken from; nothing where they were only given to somebody."""
    lists = read_entries(connection, sorted({acl_id for each in documents for acl_id in (each.before, each.after)}))
    takers = [each for each in documents if each.ends_ownership or _takes(lists, each.before, each.after)]
    if not takers:
        return
    told = [each.changed_at for each in takers if each.changed_at is not None]
    first = min(told) if len(told) == len(takers) else None
    realm = Realm.DOCUMENTS
    version = 1 + lock_version(connection, realm=realm, source=source)
    set_version(connection, version, realm=realm, source=source, origin=Origin(run, first), at=at)
    record_revocation(connection, version, realm=realm, source=source, run=run, changed_at=first, at=at)


def _takes(lists: Mapping[AclId, Entries], before: AclId, after: AclId) -> bool:
    """Whether the one list does for somebody what the other does not, or will not once all of it is in force."""
    return before != after and takes(lists[before], in_force(lists[after]))
