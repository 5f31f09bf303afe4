"""Random worlds of people, groups, lists and documents that change, and who may read what in them, one by one.

    world = AccessWorld(random.Random(seed), SMALL, sources=("hr", "sales"))
    world.readable(claims)   # by the pure decision on each document
    print(world.change())    # a list, a membership, an account, an owner, inheritance, a place …

Lists lie in a tree of folders, as in a repository: a folder has entries of its own or none, hands down what it inherits
or cuts it off; documents lie in folders, and a few have entries of their own or permissions that nobody can read. Of
the room that is tested only `decide` is used, which the access table holds to its word; who a reader is and whom they
act as is worked out anew here, in the plainest way.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from acl import MatchUserBy, ReaderClaims, SourceIdentityRule, decide
from vocabulary.access import Acl, Identity, Membership, Person, Principal, PrincipalKind
from vocabulary.documents import DocumentId

ISSUER = "https://idp.example.com"

T = TypeVar("T")
Listed: TypeAlias = tuple[DocumentId, Acl | None, Principal | None]  # a document, its list and its owner


@dataclass(frozen=True)
class Size:
    """How much there is of everything in each source; readers are of the whole world."""

    people: int
    groups: int
    memberships: int
    folders: int
    documents: int
    readers: int


SMALL = Size(people=4, groups=4, memberships=6, folders=3, documents=5, readers=3)


@dataclass
class Folder:
    """Its entries: True allows, False denies."""

    parent: str | None
    entries: dict[Principal, bool]
    inherits: bool = True


@dataclass
class Paper:
    """A document, as far as access goes; `entries` None: it has none of its own."""

    folder: str
    owner: Principal | None
    entries: dict[Principal, bool] | None = None
    is_readable: bool = True  # whether its permissions can be read


@dataclass
class Source:
    people: dict[str, Person] = field(default_factory=dict)
    memberships: set[Membership] = field(default_factory=set)
    folders: dict[str, Folder] = field(default_factory=dict)
    papers: dict[str, Paper] = field(default_factory=dict)


class AccessWorld:
    """Sources that name one another's principals, and readers whom some of them know."""

    def __init__(self, chance: random.Random, size: Size, *, sources: Iterable[str]) -> None:
        self._chance = chance
        self._size = size
        self._made = 0
        self._documents: Sequence[Listed] | None = None  # as they are now
        self.rules = tuple(SourceIdentityRule(name, chance.choice(list(MatchUserBy))) for name in sources)
        self.sources = {rule.source: Source() for rule in self.rules}
        for name, source in self.sources.items():
            self._furnish(name, source)
        names = [*(f"p{number}" for number in range(size.people)), "stranger"]
        readers = [self._claims(chance.choice(names)) for _ in range(size.readers - 1)]
        namesake = replace(readers[0], groups=tuple(chance.sample(self._group_names(), 2)))
        self.readers = (*readers, namesake)  # the same person with another token

    def identities_of(self, name: str) -> Iterator[Identity]:
        """What the source's directory lists."""
        yield from self.sources[name].people.values()
        yield from self.sources[name].memberships

    def documents(self) -> Sequence[Listed]:
        """Every document, its list and its owner."""
        if self._documents is None:
            self._documents = [
                (DocumentId(name, native_id), self._acl(name, paper), paper.owner)
                for name, source in self.sources.items()
                for native_id, paper in source.papers.items()
            ]
        return self._documents

    def lists(self, name: str) -> Sequence[Acl]:
        """Every list of a source, also of folders that hold no document."""
        of_folders = [_acl(*self._entries(name, folder)) for folder in self.sources[name].folders]
        return [*of_folders, *(acl for document_id, acl, _ in self.documents() if acl and document_id.source == name)]

    def readable(self, claims: ReaderClaims, *, among: Sequence[Listed] | None = None) -> frozenset[DocumentId]:
        """The documents that the bearer of the claims may read, each decided by itself; of now or of another time."""
        known, principals = self.principals(claims)
        return frozenset(
            document_id
            for document_id, acl, owner in (self.documents() if among is None else among)
            if document_id.source in known and decide(acl, owner, principals, source=document_id.source).allowed
        )

    def principals(self, claims: ReaderClaims) -> tuple[frozenset[str], frozenset[Principal]]:
        """The sources that know the bearer, and whom the bearer acts as in all of them."""
        principals = {Principal.group(claims.issuer, group) for group in claims.groups}
        known = set()
        for rule in self.rules:
            person = self._person(claims.user, rule)
            if person is not None:
                known.add(rule.source)
                principals |= self._acts_as(person)
        return frozenset(known), frozenset(principals)

    def change(self) -> str:
        """Change one thing, and say what."""
        name = self._chance.choice(list(self.sources))
        source = self.sources[name]
        what = self._chance.choice(_CHANGES)
        what(self, name, source)
        self._documents = None
        return what.__name__.strip("_").replace("_", " ")

    # -- who a reader is -----------------------------------------------------------------------------------------------

    def _person(self, user: str, rule: SourceIdentityRule) -> Person | None:
        by_email = rule.match_user_by is MatchUserBy.EMAIL
        same = [
            person
            for person in self.sources[rule.source].people.values()
            if ((person.email if by_email else person.username) or "").lower() == user.lower() != ""
        ]
        return same[0] if len(same) == 1 and same[0].enabled else None

    def _acts_as(self, person: Person) -> set[Principal]:
        scope = person.principal.scope
        held = {person.principal}
        while True:
            more = {each.group for each in self.sources[scope].memberships if each.member in held} - held
            if not more:
                break
            held |= more
        if not person.is_guest:
            held.add(Principal.everyone(scope))
        if person.is_administrator:
            held.add(Principal.administrators(scope))
        return held

    # -- lists ---------------------------------------------------------------------------------------------------------

    def _acl(self, source: str, paper: Paper) -> Acl | None:
        if not paper.is_readable:
            return None
        key, entries = self._entries(source, paper.folder)
        if paper.entries is not None:
            entries = {**entries, **paper.entries}
            spelled = repr(sorted((str(principal), allows) for principal, allows in entries.items()))
            key = f"entries:{hashlib.sha256(spelled.encode()).hexdigest()}"
        return _acl(key, entries)

    def _entries(self, source: str, name: str) -> tuple[str, Mapping[Principal, bool]]:
        """The list that a folder hands down, and the key of the folder that it begins at."""
        folder = self.sources[source].folders[name]
        if folder.parent is None or not folder.inherits:
            return f"node:{name}", folder.entries
        key, above = self._entries(source, folder.parent)
        return (f"node:{name}", {**above, **folder.entries}) if folder.entries else (key, above)

    # -- making --------------------------------------------------------------------------------------------------------

    def _furnish(self, name: str, source: Source) -> None:
        for number in range(self._size.people):
            person = self._new_person(name, f"p{number}")
            source.people[person.principal.id] = person
        for _ in range(self._size.memberships):
            self._join(name, source)
        for number in range(self._size.folders):
            parent = self._chance.choice([None, *source.folders])
            source.folders[f"f{number}"] = Folder(parent, self._some_entries(name), self._chance.random() < 0.8)
        for _ in range(self._size.documents):
            self._write_a_paper(name, source)

    def _new_person(self, source: str, name: str) -> Person:
        return Person(
            principal=Principal.user(source, name),
            username=self._chance.choice([f"{name}@x", f"{name}@x".upper()]),
            email=self._an_address(name),
            display_name=name,
            enabled=self._chance.random() < 0.9,
            is_administrator=self._chance.random() < 0.08,
            is_guest=self._chance.random() < 0.1,
        )

    def _an_address(self, name: str) -> str | None:
        """Mostly a person's own; sometimes none, or one that several may have."""
        return self._chance.choice([f"{name}@x", f"{name}@x", f"{name}@X", f"{name}@x".upper(), "desk@x", None])

    def _claims(self, name: str) -> ReaderClaims:
        groups = self._chance.sample(self._group_names(), self._chance.choice([0, 0, 1, 2]))
        user = self._chance.choice([f"{name}@x", f"{name}@x", f"{name}@X", "desk@x"])
        return ReaderClaims(user, tuple(groups), ISSUER)

    def _group_names(self) -> list[str]:
        return [f"g{number}" for number in range(self._size.groups)]

    def _some_entries(self, source: str) -> dict[Principal, bool]:
        count = self._chance.choice([0, 1, 2, 3, 4])
        return {self._somebody(source): self._chance.random() < 0.75 for _ in range(count)}

    def _somebody(self, source: str) -> Principal:
        """Whom an entry names: mostly of its own source, sometimes of another or of the token's issuer."""
        draw = self._chance.random()
        if draw < 0.1:
            return Principal.group(ISSUER, self._chance.choice(self._group_names()))
        scope = source if draw < 0.85 else self._chance.choice(list(self.sources))
        if draw < 0.25:
            return Principal.everyone(scope)
        if draw < 0.28:
            return Principal.administrators(scope)
        return self._group(scope) if draw < 0.6 else self._user(scope)

    def _user(self, source: str) -> Principal:
        return Principal.user(source, f"p{self._chance.randrange(self._size.people)}")

    def _group(self, source: str) -> Principal:
        return Principal.group(source, self._chance.choice(self._group_names()))

    def _an_owner(self, source: str) -> Principal | None:
        return self._chance.choice(
            [None, self._user(source), self._user(source), self._group(source), Principal(source, PrincipalKind.USER)]
        )

    # -- changing ------------------------------------------------------------------------------------------------------

    def _join(self, name: str, source: Source) -> None:
        """Any graph, cycles included."""
        member = self._chance.choice([self._user(name), self._user(name), self._group(name)])
        source.memberships.add(Membership(group=self._group(name), member=member))

    def _leave(self, _: str, source: Source) -> None:
        if source.memberships:
            source.memberships.remove(self._chance.choice(sorted(source.memberships, key=repr)))

    def _change_a_list(self, name: str, source: Source) -> None:
        self._some(source.folders).entries = self._some_entries(name)

    def _turn_an_entry_round(self, _: str, source: Source) -> None:
        folder = self._some(source.folders)
        if folder.entries:
            principal = self._chance.choice(sorted(folder.entries))
            folder.entries[principal] = not folder.entries[principal]

    def _deny_somebody_more_or_fewer(self, name: str, source: Source) -> None:
        """Nothing else of the list changes."""
        folder = self._some(source.folders)
        denied = sorted(principal for principal, allows in folder.entries.items() if not allows)
        if denied and self._chance.random() < 0.5:
            del folder.entries[self._chance.choice(denied)]
        else:
            folder.entries.setdefault(self._somebody(name), False)

    def _switch_inheritance(self, _: str, source: Source) -> None:
        folder = self._some(source.folders)
        folder.inherits = not folder.inherits

    def _move_a_paper(self, _: str, source: Source) -> None:
        if source.papers:
            self._some(source.papers).folder = self._chance.choice(list(source.folders))

    def _clear_a_folder_and_open_it(self, name: str, source: Source) -> None:
        """What lay in it was never meant for whom it admits now."""
        cleared = self._chance.choice(list(source.folders))
        for paper in source.papers.values():
            if paper.folder == cleared:
                paper.folder = self._chance.choice(list(source.folders))
        source.folders[cleared].entries = {Principal.everyone(name): True}

    def _give_a_paper_its_own_list(self, name: str, source: Source) -> None:
        if source.papers:
            self._some(source.papers).entries = self._chance.choice([None, self._some_entries(name)])

    def _lose_sight_of_permissions(self, _: str, source: Source) -> None:
        if source.papers:
            paper = self._some(source.papers)
            paper.is_readable = not paper.is_readable

    def _change_an_owner(self, name: str, source: Source) -> None:
        if source.papers:
            self._some(source.papers).owner = self._an_owner(name)

    def _write_a_paper(self, name: str, source: Source) -> None:
        self._made += 1
        own = self._some_entries(name) if self._chance.random() < 0.25 else None
        folder = self._chance.choice(list(source.folders))
        paper = Paper(folder, self._an_owner(name), own, is_readable=self._chance.random() < 0.95)
        source.papers[f"d{self._made}"] = paper

    def _shred_a_paper(self, _: str, source: Source) -> None:
        if source.papers:
            del source.papers[self._chance.choice(list(source.papers))]

    def _open_or_close_an_account(self, _: str, source: Source) -> None:
        self._alter_a_person(source, lambda person: replace(person, enabled=not person.enabled))

    def _appoint_or_dismiss_an_administrator(self, _: str, source: Source) -> None:
        self._alter_a_person(source, lambda person: replace(person, is_administrator=not person.is_administrator))

    def _make_or_unmake_a_guest(self, _: str, source: Source) -> None:
        self._alter_a_person(source, lambda person: replace(person, is_guest=not person.is_guest))

    def _change_an_address(self, _: str, source: Source) -> None:
        self._alter_a_person(source, lambda person: replace(person, email=self._an_address(person.principal.id)))

    def _hire_or_let_go(self, name: str, source: Source) -> None:
        who = self._user(name).id
        if source.people.pop(who, None) is None:
            source.people[who] = self._new_person(name, who)

    def _alter_a_person(self, source: Source, altered: Callable[[Person], Person]) -> None:
        if source.people:
            who = self._chance.choice(list(source.people))
            source.people[who] = altered(source.people[who])

    def _some(self, items: Mapping[str, T]) -> T:
        return items[self._chance.choice(list(items))]


def _acl(key: str, entries: Mapping[Principal, bool]) -> Acl:
    return Acl(
        key,
        allow=frozenset(principal for principal, allows in entries.items() if allows),
        deny=frozenset(principal for principal, allows in entries.items() if not allows),
    )


_CHANGES: tuple[Callable[[AccessWorld, str, Source], None], ...] = (
    AccessWorld._join,
    AccessWorld._leave,
    AccessWorld._change_a_list,
    AccessWorld._turn_an_entry_round,
    AccessWorld._deny_somebody_more_or_fewer,
    AccessWorld._switch_inheritance,
    AccessWorld._move_a_paper,
    AccessWorld._clear_a_folder_and_open_it,
    AccessWorld._give_a_paper_its_own_list,
    AccessWorld._lose_sight_of_permissions,
    AccessWorld._change_an_owner,
    AccessWorld._write_a_paper,
    AccessWorld._shred_a_paper,
    AccessWorld._open_or_close_an_account,
    AccessWorld._appoint_or_dismiss_an_administrator,
    AccessWorld._make_or_unmake_a_guest,
    AccessWorld._change_an_address,
    AccessWorld._hire_or_let_go,
)
