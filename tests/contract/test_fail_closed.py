"""Each way in which search products have opened by mistake, tried on every engine: what is missing stays shut.

A permission that is absent, empty, unreadable, unknown, cut short or out of date must hide. The ways are collected from
the documentation and the bug reports of others: documents without an access list shown to all, an empty list read as
"no restriction", a filter left out for a caller without roles, lists and group sets cut at a limit, the first of two
people with one address taken for both, a refreshed document beside its older and more open copy.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pyroaring import FrozenBitMap
from sqlalchemy import Engine, StaticPool, create_engine

from acl import AccessControl, AclStore, IdentityStore, MatchUserBy, ReaderClaims, SourceIdentityRule, create_tables
from tests.contract.search_backends import ENGINES, EVERY_ENGINE, KEYWORD
from tests.fakes.documents import document, hashed_vector
from vocabulary.access import HIDDEN_ACL, AccessFilter, Acl, Identity, Membership, Person, Principal
from vocabulary.errors import NumberingMismatch, RunAborted
from vocabulary.indexing import Delete, Describe, IndexOperation, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import FacetRequest, Query, SearchMode

SOURCE = "hr"
RULES = (SourceIdentityRule(SOURCE, MatchUserBy.EMAIL), SourceIdentityRule("sales", MatchUserBy.EMAIL))
EVERYONE = Principal.everyone(SOURCE)
STAFF = Principal.group(SOURCE, "STAFF")
MANY = 70_000  # beyond the 65,536 terms that OpenSearch takes, and every documented limit on groups of a caller
LONG = 2_100  # beyond the 200 entries of a list, and the 2,048 groups of a caller, at which another product stops


def person(name: str, *, source: str = SOURCE, email: str | None = None) -> Person:
    return Person(Principal.user(source, name), name, email or f"{name}@x", name)


ANN, BOB, ROOT = person("ann"), person("bob"), replace(person("root"), is_administrator=True)


@dataclass(frozen=True)
class Office:
    """A state store, an access control that remembers, and an index: what a query passes through."""

    engine: Engine
    access_control: AccessControl
    index: SearchBackend

    async def know(self, *identities: Identity, source: str = SOURCE) -> None:
        async def listed() -> AsyncIterator[Identity]:
            for identity in identities:
                yield identity

        await IdentityStore(self.engine).replace(source, listed())

    async def number(self, key: str, *allow: Principal, deny: tuple[Principal, ...] = (), source: str = SOURCE) -> int:
        return (await AclStore(self.engine).number(source, [Acl(key, frozenset(allow), frozenset(deny))]))[key]

    async def write(self, *operations: IndexOperation) -> None:
        assert not await self.index.apply(operations)

    async def found(self, name: str, *groups: str) -> list[str]:
        claims = ReaderClaims(f"{name}@x", groups, "https://idp.example.com")
        return await self.found_under(await self.access_control.filter_for(claims, RULES))

    async def found_under(self, access: AccessFilter) -> list[str]:
        """Titles found in every way there is; the ways must agree, and completions must come from nothing else."""
        answers = []
        for text in ("", "secret"):
            for mode in SearchMode:
                query = Query(text, mode=mode, size=50, facets=(FacetRequest("source"),))
                page = await self.index.search(query, hashed_vector(text), access)
                assert sum(each.count for each in page.facets["source"]) == page.total.value == len(page.hits)
                answers.append(sorted(hit.title for hit in page.hits))
        assert all(answer == answers[0] for answer in answers)
        assert bool(await self.index.suggest("secr", access, size=10)) == bool(answers[0])
        return answers[0]


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=EVERY_ENGINE)
async def office(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> AsyncIterator[Office]:
    """Ann, Bob and an administrator work here; each engine in turn."""
    async with ENGINES[request.param](tmp_path) as index:
        await index.adopt(AclStore(engine).numbering)
        opened = Office(engine, AccessControl(engine), index)
        await opened.know(ANN, BOB, ROOT, Membership(STAFF, BOB.principal))
        yield opened


def paper(title: str, acl: int, *, owner: Person | None = None, name: str = "") -> Put:
    return document(
        name or title, "the secret plan", title=title, source=SOURCE, acl=acl, owner=owner.principal if owner else None
    )


# -- what the document lacks -------------------------------------------------------------------------------------------


async def test_a_document_without_an_access_list_is_nobodys(office: Office) -> None:
    await office.write(paper("secret", HIDDEN_ACL, owner=ANN))
    assert [await office.found(name) for name in ("ann", "bob", "root")] == [[], [], []]


async def test_an_empty_list_is_no_open_door(office: Office) -> None:
    await office.write(paper("secret", await office.number("empty")))
    assert [await office.found(name) for name in ("ann", "bob", "root")] == [[], [], ["secret"]]


async def test_permissions_that_became_unreadable_hide_what_was_open(office: Office) -> None:
    written = paper("secret", await office.number("open", EVERYONE), owner=ANN)
    await office.write(written)
    assert await office.found("ann") == ["secret"]
    await office.write(Describe(replace(written.description, acl_id=HIDDEN_ACL)))
    assert [await office.found(name) for name in ("ann", "bob", "root")] == [[], [], []]


async def test_a_list_number_that_the_state_never_gave_is_nobodys(office: Office) -> None:
    await office.number("open", EVERYONE)
    await office.write(paper("secret", 4_711, owner=ANN))
    assert [await office.found(name) for name in ("ann", "bob", "root")] == [[], [], []]


async def test_a_document_without_an_owner_is_not_owned_by_whoever_owns_nothing(office: Office) -> None:
    await office.write(paper("secret", await office.number("empty")))
    for owners in (frozenset[str](), frozenset({""}), frozenset({"None"}), frozenset({"user:hr/"})):
        access = AccessFilter(AclStore(office.engine).numbering, FrozenBitMap(), FrozenBitMap(range(9)), owners)
        assert await office.found_under(access) == []


# -- what the list names -----------------------------------------------------------------------------------------------


async def test_unknown_principals_in_a_list_stand_for_nobody(office: Office) -> None:
    acl = await office.number("k", Principal.user(SOURCE, "ghost"), Principal.group(SOURCE, "GHOSTS"))
    await office.write(paper("secret", acl))
    assert [await office.found(name) for name in ("ann", "bob", "ghost")] == [[], [], []]


async def test_a_group_that_cannot_be_resolved_lets_nobody_in(office: Office) -> None:
    """And a directory that names no members of a sudden neither empties the groups nor lifts what they are denied."""
    await office.write(paper("allowed", await office.number("allowing", STAFF)))
    await office.write(paper("denied", await office.number("denying", EVERYONE, deny=(STAFF,))))
    with pytest.raises(RunAborted):
        await office.know(ANN, BOB, ROOT)
    assert await office.found("ann") == ["denied"]
    assert await office.found("bob") == ["allowed"]


async def test_the_last_entry_of_a_long_list_counts(office: Office) -> None:
    others = [Principal.user(SOURCE, f"other{number:05}") for number in range(LONG)]
    last = Principal.user(SOURCE, "zoe")
    await office.know(ANN, person("zoe"), Membership(STAFF, BOB.principal))
    await office.write(paper("denied", await office.number("a", *others, EVERYONE, deny=(*others, last))))
    await office.write(paper("allowed", await office.number("b", *others, last)))
    assert await office.found("zoe") == ["allowed"]
    assert await office.found("ann") == ["denied"]


# -- what the reader lacks ---------------------------------------------------------------------------------------------


async def test_no_search_and_no_completion_without_a_filter(office: Office) -> None:
    for method in (type(office.index).search, type(office.index).suggest):
        assert inspect.signature(method).parameters["access"].default is inspect.Parameter.empty
    await office.write(paper("secret", await office.number("open", EVERYONE)))
    with pytest.raises((AttributeError, TypeError)):
        await office.index.search(Query("", mode=KEYWORD), None, None)  # type: ignore[arg-type]
    with pytest.raises((AttributeError, TypeError)):
        await office.index.suggest("secr", None, size=10)  # type: ignore[arg-type]


async def test_a_reader_without_any_principal_finds_nothing(office: Office) -> None:
    await office.write(paper("secret", await office.number("open", EVERYONE)))
    nobody = AccessFilter(AclStore(office.engine).numbering, FrozenBitMap(), FrozenBitMap(), frozenset())
    assert await office.found_under(nobody) == []
    assert await office.found("stranger") == []
    assert await office.found("") == []


async def test_a_token_without_its_groups_opens_nothing_that_they_open(office: Office) -> None:
    acl = await office.number("k", Principal.group("https://idp.example.com", "board"))
    await office.write(paper("secret", acl))
    assert await office.found("ann", "board") == ["secret"]
    assert await office.found("ann") == []
    assert await office.found("ann", "") == []


async def test_an_address_of_two_people_is_not_the_first_ones(office: Office) -> None:
    await office.write(paper("secret", await office.number("k", ANN.principal, EVERYONE)))
    await office.know(ANN, replace(BOB, email="ANN@x"), ROOT, Membership(STAFF, BOB.principal))
    assert await office.found("ann") == []


async def test_groups_of_one_name_in_two_sources_are_two_groups(office: Office) -> None:
    await office.know(
        person("sue", source="sales"), Membership(_sales_staff(), Principal.user("sales", "sue")), source="sales"
    )
    await office.know(ANN, BOB, ROOT, person("sue"), Membership(STAFF, BOB.principal))
    await office.write(paper("secret", await office.number("k", STAFF)))
    assert await office.found("sue") == []
    assert await office.found("bob") == ["secret"]


def _sales_staff() -> Principal:
    return Principal.group("sales", "STAFF")


async def test_a_reader_of_more_groups_than_others_count_keeps_the_last_for_better_and_for_worse(
    office: Office,
) -> None:
    groups = [Principal.group(SOURCE, f"G{number:05}") for number in range(LONG)]
    await office.know(ANN, BOB, *(Membership(group, ANN.principal) for group in groups))
    for at in (0, -1):
        await office.write(paper(f"allowed {at}", await office.number(f"a{at}", groups[at])))
        await office.write(paper(f"denied {at}", await office.number(f"d{at}", EVERYONE, deny=(groups[at],))))
    assert await office.found("ann") == ["allowed -1", "allowed 0"]
    assert await office.found("bob") == ["denied -1", "denied 0"]


async def test_a_filter_of_more_lists_than_an_engine_takes_terms_is_not_cut(office: Office) -> None:
    for title, acl in (("first", 1), ("last", MANY), ("beyond", MANY + 1)):
        await office.write(paper(title, acl))
    numbering = AclStore(office.engine).numbering
    access = AccessFilter(numbering, FrozenBitMap(range(1, MANY + 1)), FrozenBitMap(), frozenset())
    assert await office.found_under(access) == ["first", "last"]


# -- what is out of date -----------------------------------------------------------------------------------------------


async def test_a_filter_made_before_a_list_changed_is_not_used_again(office: Office) -> None:
    await office.write(paper("secret", await office.number("k", ANN.principal)))
    assert await office.found("ann") == ["secret"]
    await office.number("k", BOB.principal)
    assert await office.found("ann") == []


async def test_a_filter_made_before_somebody_left_is_not_used_again(office: Office) -> None:
    await office.write(paper("secret", await office.number("k", STAFF, ANN.principal)))
    assert await office.found("bob") == await office.found("ann") == ["secret"]
    await office.know(replace(ANN, enabled=False), BOB, ROOT, Membership(STAFF, ROOT.principal))
    assert await office.found("bob") == await office.found("ann") == []


async def test_a_document_written_again_leaves_no_older_and_more_open_copy(office: Office) -> None:
    await office.write(paper("secret", await office.number("open", EVERYONE), name="d"))
    await office.write(paper("secret", await office.number("closed", BOB.principal), name="d"))
    assert await office.found("ann") == []
    assert await office.found("bob") == ["secret"]


async def test_a_deleted_document_answers_nobody(office: Office) -> None:
    written = paper("secret", await office.number("open", EVERYONE), owner=ANN)
    await office.write(written)
    await office.write(Delete(written.description.document_id))
    assert [await office.found(name) for name in ("ann", "root")] == [[], []]


# -- what does not belong together, or is not there --------------------------------------------------------------------


async def test_an_index_of_another_state_refuses(office: Office) -> None:
    await office.write(paper("secret", await office.number("open", EVERYONE)))
    foreign = AccessFilter("another state", FrozenBitMap(range(99)), FrozenBitMap(range(99)), frozenset())
    with pytest.raises(NumberingMismatch):
        await office.index.search(Query("", mode=KEYWORD), None, foreign)
    with pytest.raises(NumberingMismatch):
        await office.index.suggest("secr", foreign, size=10)


async def test_an_index_that_belongs_to_no_state_answers_nothing(empty_index: SearchBackend) -> None:
    await empty_index.apply([paper("secret", 1)])
    access = AccessFilter("any", FrozenBitMap(range(99)), FrozenBitMap(range(99)), frozenset())
    page = await empty_index.search(Query("secret", mode=KEYWORD, facets=(FacetRequest("source"),)), None, access)
    assert (page.total.value, page.hits, page.next_cursor) == (0, (), None)
    assert not await empty_index.suggest("secr", access, size=10)


async def test_a_state_that_does_not_answer_makes_no_filter_out_of_what_was_remembered(office: Office) -> None:
    await office.write(paper("secret", await office.number("open", EVERYONE)))
    assert await office.found("ann") == ["secret"]
    with office.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE acl_versions RENAME TO lost")
    with pytest.raises(Exception, match="acl_versions"):
        await office.found("ann")
