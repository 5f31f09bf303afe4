"""People, groups and direct memberships of an Alfresco server.

All groups of all zones, so that site groups are among them; GROUPEVERYONE is never listed and stands for itself. Ids
stay exactly as the server spells them, because its permission entries are compared case-sensitively. Administrators
are those whose capabilities say so. A list whose pages shift while it is read is an error: a lost membership could be
the one that a denial needs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from connectors.alfresco.mapping import person
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import GroupMember, PersonRecord
from vocabulary.access import Identity, Membership, Principal
from vocabulary.errors import CredentialsRejected, SourceUnavailable

EVERYONE = "GROUPEVERYONE"


async def identities(client: AlfrescoClient, *, source: str, concurrency: int) -> AsyncIterator[Identity]:
    """Yield every person, then every direct membership, each once; a person who has changed meanwhile, again.

    Raises:
        CredentialsRejected: the account may not read groups.
        SourceUnavailable: a list changed while it was being read.
    """
    met: dict[str, PersonRecord] = {}
    async for record in client.people():
        if met.get(record.id) != record:
            met[record.id] = record
            yield person(record, source=source)
    group_ids = list(dict.fromkeys([group.id async for group in client.groups() if group.id != EVERYONE]))
    for start in range(0, len(group_ids), concurrency):
        batch = group_ids[start : start + concurrency]
        for group_id, members in zip(batch, await all_of(_members(client, one) for one in batch), strict=True):
            for member in dict.fromkeys(members):
                yield Membership(Principal.group(source, group_id), _principal(member, source=source))


async def _members(client: AlfrescoClient, group_id: str) -> list[GroupMember]:
    try:
        return [member async for member in client.group_members(group_id)]
    except NodeMissing as cause:  # most likely deleted since the groups were listed; the next attempt will tell
        raise SourceUnavailable(f"the group {group_id} disappeared while it was being read") from cause
    except AccessRefused as cause:
        raise CredentialsRejected(
            f"the account may not read the members of {group_id}; use an administrator"
        ) from cause


def _principal(member: GroupMember, *, source: str) -> Principal:
    make = Principal.group if member.member_type == "GROUP" else Principal.user
    return make(source, member.id)
