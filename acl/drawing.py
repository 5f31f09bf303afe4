"""People of one source drawn at random for an audit: evenly, those who have little, and those whom a list speaks of.

Only people whom a token can mean are drawn: who has no address, or shares it, or whose address an operator has mapped
to another, is nobody's reader and finds nothing, whatever the source would show them. Closed accounts are among them,
since they must find nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import Engine, Row, select

from acl.reader import MatchUserBy
from acl.tables import acl_entries, acl_memberships, acl_people
from vocabulary.access import Principal, PrincipalKind
from vocabulary.stored_text import restored

_LITTLE = 4  # one person in four counts as having little: those in the fewest groups


@dataclass(frozen=True, slots=True)
class DrawnReader:
    """A person of the source, and what a token would call them."""

    principal: Principal
    user: str


class ReaderDraw:
    """The people of one source as they are stored at the moment of `read`."""

    def __init__(
        self,
        readers: Sequence[DrawnReader],
        *,
        odd: Sequence[DrawnReader],
        members: Mapping[str, Sequence[str]],
        entries: Mapping[int, Sequence[str]],
        unreachable: int,
    ) -> None:
        self.readers = readers
        self.unreachable = unreachable  # people whom no token can mean
        self._odd = odd
        self._members = members
        self._entries = entries
        self._by_principal = {str(reader.principal): reader for reader in readers}
        self._little = self._with_little()
        self._below: dict[str, list[DrawnReader]] = {}

    @classmethod
    async def read(
        cls,
        engine: Engine,
        source: str,
        *,
        by: MatchUserBy,
        mapped: Mapping[str, frozenset[str]],
        acl_ids: Sequence[int],
    ) -> ReaderDraw:
        """Read the source's people and groups, and the entries of these lists.

        `mapped`: whom operators have said that users are there, by their folded names.
        """
        return await asyncio.to_thread(_read, engine, source, by, mapped, acl_ids)

    def evenly(self, rng: Random) -> DrawnReader:
        """Draw anybody."""
        return rng.choice(self.readers)

    def at_the_edge(self, rng: Random, acl_id: int | None) -> DrawnReader:
        """Draw somebody about whom the list is likely to be wrong if it is: most often one whom an entry speaks of.

        In the other cases somebody in few groups, or an account that is closed, a guest's or an administrator's.
        """
        named = [] if acl_id is None else self._entries.get(acl_id, [])
        draw = rng.random()
        if named and draw < 0.6:
            below = self._people_of(rng.choice(named))
            if below:
                return rng.choice(below)
        if self._odd and draw < 0.8:
            return rng.choice(self._odd)
        return rng.choice(self._little)

    def _with_little(self) -> Sequence[DrawnReader]:
        groups = Counter(member for members in self._members.values() for member in members)
        poorest_first = sorted(self.readers, key=lambda reader: (groups[str(reader.principal)], str(reader.principal)))
        return poorest_first[: max(1, len(poorest_first) // _LITTLE)]

    def _people_of(self, principal: str) -> Sequence[DrawnReader]:
        """Those who act as a principal: the person, the members at any depth, or everybody."""
        if Principal.parse(principal).kind is PrincipalKind.EVERYONE:
            return self.readers
        if principal not in self._below:
            reached, waiting = {principal}, [principal]
            while waiting:
                new = set(self._members.get(waiting.pop(), ())) - reached
                reached |= new
                waiting += sorted(new)
            found = sorted(reached & self._by_principal.keys())
            self._below[principal] = [self._by_principal[each] for each in found]
        return self._below[principal]


def _read(
    engine: Engine, source: str, by: MatchUserBy, mapped: Mapping[str, frozenset[str]], acl_ids: Sequence[int]
) -> ReaderDraw:
    with engine.connect() as connection:
        people = connection.execute(
            select(acl_people).where(acl_people.c.source == source).order_by(acl_people.c.principal)
        ).all()
        of_source = acl_memberships.c.source == source
        members: dict[str, list[str]] = defaultdict(list)
        for group, member in connection.execute(
            select(acl_memberships.c.group, acl_memberships.c.member).where(of_source)
        ):
            members[group].append(member)
        entries: dict[int, list[str]] = defaultdict(list)
        for acl_id in sorted(set(acl_ids)):
            named = select(acl_entries.c.principal).where(acl_entries.c.acl_id == acl_id)
            entries[acl_id] = sorted(connection.execute(named).scalars())
    users = _users(people, source, by, mapped)
    meant = [person for person in people if person.principal in users]
    readers = {each.principal: DrawnReader(Principal.parse(each.principal), users[each.principal]) for each in meant}
    odd = [person for person in meant if not person.enabled or person.is_guest or person.is_administrator]
    return ReaderDraw(
        list(readers.values()),
        odd=[readers[person.principal] for person in odd],
        members=members,
        entries=entries,
        unreachable=len(people) - len(meant),
    )


def _users(
    people: Sequence[Row[Any]], source: str, by: MatchUserBy, mapped: Mapping[str, frozenset[str]]
) -> Mapping[str, str]:
    """What a token calls each person whom one can mean, by their principal: as mapped, or by their own name."""
    spelled, folded = ("email", "email_folded") if by is MatchUserBy.EMAIL else ("username", "username_folded")
    names = Counter(getattr(person, folded) for person in people)
    by_name = {
        person.principal: restored(getattr(person, spelled))
        for person in people
        if (name := getattr(person, folded)) and names[name] == 1 and name not in mapped
    }
    alone = {restored(user): next(iter(whom)) for user, whom in sorted(mapped.items()) if len(whom) == 1}
    return {str(Principal.user(source, person)): user for user, person in alone.items()} | by_name
