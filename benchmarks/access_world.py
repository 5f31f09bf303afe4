"""The people, groups and lists of `benchmarks.access`, made from their numbers alone.

One person is in every group: in those of even number directly, in each odd one because the even one before it is a
member. Everybody else is in a few dozen. A list names as many groups and people as those of a repository do; one in
fifty denies a group.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from acl import MatchUserBy, ReaderClaims, SourceIdentityRule
from vocabulary.access import Acl, Identity, Membership, Person, Principal

SOURCE = "company"
RULES = (SourceIdentityRule(SOURCE, MatchUserBy.EMAIL),)
BUSIEST = 0  # the number of the person who is in every group
SEED = 17
_GROUPS_OF_A_PERSON = 30
_ENTRIES_OF_A_LIST = 5
_DENYING_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Company:
    """How much there is of everything."""

    people: int
    groups: int
    lists: int

    async def identities(self) -> AsyncIterator[Identity]:
        for identity in self._identities():
            yield identity

    def acls(self, numbers: Iterable[int] | None = None, *, version: int = 0) -> Iterator[Acl]:
        """The lists of these numbers; another version of one names others."""
        for number in numbers if numbers is not None else range(self.lists):
            chance = random.Random(f"{SEED} list {number} {version}")
            allow = {self._somebody(chance) for _ in range(_ENTRIES_OF_A_LIST)}
            deny = {self._group(chance)} if chance.random() < _DENYING_SHARE else set[Principal]()
            yield Acl(f"node:{number}", frozenset(allow), frozenset(deny))

    def claims(self, person: int, *, token_group: str = "") -> ReaderClaims:
        """What a token says of a person. With another token group it is a reader of whom nothing is remembered."""
        return ReaderClaims(f"p{person}@company.example", (token_group,) if token_group else (), "https://idp.example")

    def _identities(self) -> Iterator[Identity]:
        for number in range(self.people):
            name = f"p{number}"
            yield Person(Principal.user(SOURCE, name), name, f"{name}@company.example", name)
            for group in self._groups_of(number):
                yield Membership(_named(group), Principal.user(SOURCE, name))
        for number in range(1, self.groups, 2):
            yield Membership(_named(number), _named(number - 1))

    def _groups_of(self, person: int) -> Iterable[int]:
        if person == BUSIEST:
            return range(0, self.groups, 2)
        chance = random.Random(f"{SEED} person {person}")
        return chance.sample(range(self.groups), min(_GROUPS_OF_A_PERSON, self.groups))

    def _somebody(self, chance: random.Random) -> Principal:
        if chance.random() < 0.2:
            return Principal.user(SOURCE, f"p{chance.randrange(self.people)}")
        return self._group(chance)

    def _group(self, chance: random.Random) -> Principal:
        return _named(chance.randrange(self.groups))


def _named(group: int) -> Principal:
    return Principal.group(SOURCE, f"GROUP_{group:06}")
