"""The rows of `access_cases.yaml` as values, and how to put one into a state store.

    engine = engine_in_memory()
    for case in load_cases():
        acl_ids = await store_case(case, engine)  # document name -> the ACL id it is indexed under
        for reader in case.readers:
            access = await filter_of(case, reader, access_control)  # what a backend's search takes
            ...  # expect exactly the documents named reader.sees
        engine.dispose()

`decision_on` and `may_read_one_by_one` answer a reader the plain way, from the pure functions alone: the reference for
all others. Rows that are told as Alfresco has them come with their repository (`alfresco_cases.py`), which has an
opinion of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from sqlalchemy import Engine, StaticPool, create_engine

from acl import (
    AccessControl,
    AclStore,
    Decision,
    Ground,
    GroupGraph,
    IdentityMapping,
    IdentityStore,
    MappingStore,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
    create_tables,
    decide,
    expand,
)
from acl.folding import fold
from tests.contract.alfresco_cases import Repository, repository_of
from tests.fakes.documents import passage
from vocabulary.access import HIDDEN_ACL, AccessFilter, Acl, AclId, Identity, Membership, Person, Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import Description, Put

TABLE = Path(__file__).with_name("access_cases.yaml")
ISSUER = "https://idp.example.com"
MAIN_SOURCE = "hr"
_SCOPES = {"hr": "hr", "sales": "sales", "idp": ISSUER}


@dataclass(frozen=True, slots=True)
class AccessDocument:
    """A document, as far as access goes."""

    name: str
    source: str
    acl: Acl | None
    owner: Principal | None


@dataclass(frozen=True, slots=True)
class AccessReader:
    """A reader and the names of the documents that they find; without claims, a reader of the public index."""

    claims: ReaderClaims | None
    sees: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccessCase:
    """One row of the table."""

    name: str
    rules: tuple[SourceIdentityRule, ...]
    people: tuple[Person, ...]
    memberships: tuple[Membership, ...]
    documents: tuple[AccessDocument, ...]
    readers: tuple[AccessReader, ...]
    mappings: tuple[IdentityMapping, ...] = ()
    repository: Repository | None = None  # where the row is told as Alfresco has it

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(rule.source for rule in self.rules)

    def identities_of(self, source: str) -> tuple[Identity, ...]:
        """What the source's directory lists."""
        people = (person for person in self.people if person.principal.scope == source)
        return (*people, *(each for each in self.memberships if each.group.scope == source))


@cache
def load_cases(path: Path = TABLE) -> Sequence[AccessCase]:
    """Read the table, once a process.

    Raises:
        ValueError: a key that the table does not have, or a name that occurs twice.
    """
    rows = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    cases = tuple(_case(row) for row in rows)
    if len({case.name for case in cases}) != len(cases):
        raise ValueError("two rows have one name")
    return cases


def engine_in_memory() -> Engine:
    """A state store in memory: one connection for the threads that take turns in it. Disposed of, it is empty again.

    What it has compiled of the statements stays with it, which is a third of the time of a row.
    """
    return create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})


async def store_case(case: AccessCase, engine: Engine) -> Mapping[str, AclId]:
    """Bring the row's people, groups and lists into the state store, as its runs would."""
    create_tables(engine)
    acl_ids: dict[str, AclId] = {}
    for source in case.sources:
        await IdentityStore(engine).replace(source, _listed(case.identities_of(source)))
        documents = [document for document in case.documents if document.source == source]
        lists = [document.acl for document in documents if document.acl is not None]
        numbers = await AclStore(engine).number(source, lists)
        acl_ids |= {each.name: numbers[each.acl.key] if each.acl else HIDDEN_ACL for each in documents}
    for mapping in case.mappings:
        await MappingStore(engine).put(mapping, made_by="the table")
    return acl_ids


async def filter_of(case: AccessCase, reader: AccessReader, access_control: AccessControl) -> AccessFilter:
    """The filter that the reader's searches run under."""
    if reader.claims is None:
        return await access_control.public_filter(case.sources)
    return await access_control.filter_for(reader.claims, case.rules)


def may_read_one_by_one(case: AccessCase, claims: ReaderClaims) -> frozenset[str]:
    """Names of the documents that the bearer of the claims may read."""
    return frozenset(document.name for document in case.documents if decision_on(document, case, claims).allowed)


def decision_on(document: AccessDocument, case: AccessCase, claims: ReaderClaims) -> Decision:
    """The decision on one document for the bearer of the claims."""
    people = {rule.source: _person_of(case, claims, rule) for rule in case.rules}
    if people[document.source] is None and document.acl is not None:
        return Decision(Ground.UNKNOWN_READER)
    graph = GroupGraph.of(case.memberships)
    principals = frozenset(Principal.group(claims.issuer, group) for group in claims.groups)
    for person in people.values():
        principals |= expand(person, graph) if person else frozenset()
    return decide(document.acl, document.owner, principals, source=document.source)


def _person_of(case: AccessCase, claims: ReaderClaims, rule: SourceIdentityRule) -> Person | None:
    """The one enabled person of the source whom the token's user is mapped to; unmapped, the one of their name."""
    people = [person for person in case.people if person.principal.scope == rule.source]
    mapped = [
        each.person for each in case.mappings if (fold(each.user), each.source) == (fold(claims.user), rule.source)
    ]
    if mapped:
        matching = [person for person in people if person.principal.id in mapped]
    else:
        matching = [person for person in people if claims.user and _name(person, rule) == fold(claims.user)]
    return matching[0] if len(matching) == 1 and matching[0].enabled else None


def _name(person: Person, rule: SourceIdentityRule) -> str:
    name = person.email if rule.match_user_by is MatchUserBy.EMAIL else person.username
    return fold(name or "")


async def _listed(identities: Iterable[Identity]) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity


def _case(row: dict[str, Any]) -> AccessCase:
    name = row.pop("name")
    match, tokens = row.pop("match", {}), row.pop("tokens", {})
    mappings = _mappings(row)
    sees, public = row.pop("sees"), row.pop("public", None)
    repository = repository_of(row.pop("alfresco"), source=MAIN_SOURCE) if "alfresco" in row else None
    people, memberships, documents = _of_repository(repository) if repository else _of_row(row)
    if row:
        raise ValueError(f"{name}: unknown keys {sorted(row)}")
    sources = {MAIN_SOURCE, *(person.principal.scope for person in people), *(each.source for each in documents)}
    readers = [
        AccessReader(ReaderClaims(user or "", tuple(tokens.get(user, ())), ISSUER), frozenset(found))
        for user, found in sees.items()
    ]
    if public is not None:
        readers.append(AccessReader(None, frozenset(public)))
    return AccessCase(
        name=name,
        rules=tuple(SourceIdentityRule(source, MatchUserBy(match.get(source, "email"))) for source in sorted(sources)),
        people=people,
        memberships=memberships,
        documents=documents,
        readers=tuple(readers),
        mappings=mappings,
        repository=repository,
    )


_Told: TypeAlias = tuple[tuple[Person, ...], tuple[Membership, ...], tuple[AccessDocument, ...]]


def _of_row(row: dict[str, Any]) -> _Told:
    """Take what the row says of people, groups and documents out of it."""
    documents = row.pop("docs")
    return *_identities(row), tuple(_document(name, document) for name, document in documents.items())


def _of_repository(repository: Repository) -> _Told:
    documents = tuple(
        AccessDocument(name, MAIN_SOURCE, repository.acl_of(name), repository.owner_of(name))
        for name in repository.documents
    )
    return repository.people(), repository.memberships(), documents


def _identities(row: dict[str, Any]) -> tuple[tuple[Person, ...], tuple[Membership, ...]]:
    """Take what the row says of people and groups out of it."""
    people: list[Person] = []
    memberships: list[Membership] = []
    for source, suffix in ((MAIN_SOURCE, ""), ("sales", "@sales")):
        for name, options in row.pop(f"people{suffix}", {}).items():
            people.append(_person(source, name, **options))
        for group, members in row.pop(f"groups{suffix}", {}).items():
            own = Principal.group(source, group)
            memberships.extend(Membership(group=own, member=_principal(member, source)) for member in members)
    return tuple(people), tuple(memberships)


def _mappings(row: dict[str, Any]) -> tuple[IdentityMapping, ...]:
    """Take what the row says of who is who out of it."""
    return tuple(
        IdentityMapping(issuer=ISSUER, user=user, source=source, person=person)
        for source, suffix in ((MAIN_SOURCE, ""), ("sales", "@sales"))
        for user, person in row.pop(f"mapped{suffix}", {}).items()
    )


def _person(source: str, name: str, **options: Any) -> Person:
    person = Person(
        principal=Principal.user(source, options.pop("id", name)),
        username=options.pop("username", name),
        email=options.pop("email", f"{name}@x"),
        display_name=name.title(),
        enabled=not options.pop("disabled", False),
        is_administrator=options.pop("admin", False),
        is_guest=options.pop("guest", False),
    )
    if options:
        raise ValueError(f"{name}: unknown options {sorted(options)}")
    return person


def _document(name: str, options: dict[str, Any]) -> AccessDocument:
    unknown = options.keys() - {"allow", "deny", "owner", "in", "key", "acl"}
    if unknown:
        raise ValueError(f"{name}: unknown options {sorted(unknown)}")
    source, owner = options.get("in", MAIN_SOURCE), options.get("owner")
    return AccessDocument(
        name=name,
        source=source,
        acl=None if options.get("acl") == "unreadable" else _acl(options.get("key", name), options, source),
        owner=None if owner is None else _principal(owner, source),
    )


def _acl(key: str, options: Mapping[str, Any], source: str) -> Acl:
    allow, deny = (frozenset(_principal(text, source) for text in options.get(what, ())) for what in ("allow", "deny"))
    return Acl(key=key, allow=allow, deny=deny)


def _principal(text: str, source: str) -> Principal:
    """Read `ann`, `user:ann`, `group:STAFF`, `everyone`, `administrators`, each with an `@scope` if it is another's."""
    spelling, at, scope_name = text.rpartition("@")
    scope = _SCOPES[scope_name] if at else source
    spelling = spelling if at else text
    if spelling == "everyone":
        return Principal.everyone(scope)
    if spelling == "administrators":
        return Principal.administrators(scope)
    kind, colon, own_id = spelling.partition(":")
    if colon and kind == "group":
        return Principal.group(scope, own_id)
    return Principal.user(scope, own_id if colon and kind == "user" else spelling)


def operations_of(case: AccessCase, acl_ids: Mapping[str, AclId]) -> list[Put]:
    """What an index is told of a row's documents: each says the same, so that only its list keeps it apart."""
    return [
        Put(
            Description(
                document_id=DocumentId(document.source, document.name),
                title=document.name,
                uri=f"https://{document.source}.example/{document.name}",
                path="/",
                acl_id=acl_ids[document.name],
                owner=document.owner,
                attributes={"name": document.name},
            ),
            (passage("the secret plan"),),
        )
        for document in case.documents
    ]
