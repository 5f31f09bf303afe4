"""A synthetic company with its people: what each finds is theirs to read, and a known post is found by its headline.

Posts are open to the company, a ticket to whoever raised and whoever handles it and to the IT department, a salary to
the person, their superior and the HR department. People, groups and lists go through the state store and
`AccessControl`; what they may read is decided here once more, by those sentences alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, StaticPool, create_engine

from acl import AccessControl, AclStore, IdentityStore, MatchUserBy, ReaderClaims, SourceIdentityRule, create_tables
from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS, document, hashed_vector
from vocabulary.access import AccessFilter, Acl, Identity, Membership, Person, Principal
from vocabulary.indexing import Put
from vocabulary.search import FacetRequest, Page, Query, SearchMode

DATA = Path(__file__).parents[3] / "shared" / "data" / "workplace-enterprisebench"
SOURCE = "company"
RULE = SourceIdentityRule(SOURCE, MatchUserBy.EMAIL)
POSTS, SALARIES = 100, 60  # of each, the first; all tickets
QUERIES = ("", "vpn connectivity", "salary of the director", "strategic growth", "leave days", "Raj Patel")

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the synthetic company's data is not at {DATA}"),
]


@dataclass(frozen=True, slots=True)
class Record:
    """A document of the company: its operation without an ACL id, its list, and who may read it."""

    name: str
    put: Put
    acl: Acl
    may_read: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Company:
    employees: Sequence[Mapping[str, Any]]
    records: Sequence[Record]
    headlines: Mapping[str, str]  # of posts, by document; the index does not hold them
    access_control: AccessControl
    puts: Mapping[str, Put]

    async def filter_of(self, employee: Mapping[str, Any]) -> AccessFilter:
        return await self.access_control.filter_for(ReaderClaims(employee["email"], (), "idp"), [RULE])

    def readable(self, employee: Mapping[str, Any]) -> set[str]:
        return {record.name for record in self.records if record.may_read(employee)}


def rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def user(employee_id: str) -> Principal:
    return Principal.user(SOURCE, employee_id)


def department(name: str) -> Principal:
    return Principal.group(SOURCE, name)


def record(
    name: str, text: str, kind: str, allow: set[Principal], may_read: Callable[[Mapping[str, Any]], bool]
) -> Record:
    put = document(name, text, title="", source=SOURCE, attributes={"kind": kind})
    return Record(name, put, Acl(f"entries:{name}", frozenset(allow)), may_read)


def posts() -> Iterator[tuple[Record, str]]:
    for number, row in enumerate(rows("posts")[:POSTS]):
        yield record(f"post-{number}", row["Post"], "post", {Principal.everyone(SOURCE)}, lambda _: True), row["Title"]


def tickets() -> Iterator[Record]:
    for row in rows("it_tickets"):
        named = {row["raised_by_emp_id"], row["emp_id"]}
        yield record(
            f"ticket-{row['id']}",
            f"{row['Issue']}\n{row['Resolution']}",
            "ticket",
            {department("Information Technology"), *map(user, named)},
            lambda asker, named=named: asker["emp_id"] in named or asker["category"] == "Information Technology",
        )


def salaries(employees: Sequence[Mapping[str, Any]]) -> Iterator[Record]:
    for row in employees[:SALARIES]:
        named = {row["emp_id"], row["reports_to"]} - {None}  # who leads the company reports to nobody
        yield record(
            f"salary-{row['emp_id']}",
            f"Salary of {row['Name']}, {row['Level']}: {row['Salary']}. Leave days taken: {row['Total Leaves Taken']}.",
            "salary",
            {department("HR"), *map(user, named)},
            lambda asker, named=named: asker["emp_id"] in named or asker["category"] == "HR",
        )


async def identities(employees: Sequence[Mapping[str, Any]]) -> AsyncIterator[Identity]:
    for each in employees:
        yield Person(user(each["emp_id"]), each["emp_id"], each["email"], each["Name"])
        yield Membership(department(each["category"]), user(each["emp_id"]))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(engine: Engine) -> Company:
    by_email: dict[str, dict[str, Any]] = {}
    for row in rows("employees"):
        by_email.setdefault(row["email"].casefold(), row)  # six share an address with another, and would match nobody
    employees = list(by_email.values())
    await IdentityStore(engine).replace(SOURCE, identities(employees))
    published = list(posts())
    records = [*(each for each, _ in published), *tickets(), *salaries(employees)]
    acl_ids = await AclStore(engine).number(SOURCE, [each.acl for each in records])
    puts = {
        each.name: replace(each.put, description=replace(each.put.description, acl_id=acl_ids[each.acl.key]))
        for each in records
    }
    headlines = {each.name: headline for each, headline in published}
    return Company(employees, records, headlines, AccessControl(engine), puts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def index(
    company: Company, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedBackend]:
    folder = Path(tmp_path_factory.mktemp("company"))
    async with EmbeddedBackend(folder / "company.db", dimensions=DIMENSIONS) as opened:
        await opened.adopt(AclStore(engine).numbering)
        await opened.apply(list(company.puts.values()))
        yield opened


def askers(company: Company) -> list[Mapping[str, Any]]:
    """One of each department, and a superior whose reports' salaries are in the index."""
    by_department = {each["category"]: each for each in company.employees}
    superiors = {each["reports_to"] for each in company.employees[:SALARIES]}
    superior = next(each for each in company.employees if each["emp_id"] in superiors and each["category"] != "HR")
    return [*by_department.values(), superior]


async def ask(index: EmbeddedBackend, text: str, access: AccessFilter, mode: SearchMode, *, size: int = 1_000) -> Page:
    query = Query(text, mode=mode, size=size, facets=(FacetRequest("kind"),), collapse=False)
    return await index.search(query, hashed_vector(text), access)


async def test_everyone_finds_exactly_what_is_theirs_to_read(company: Company, index: EmbeddedBackend) -> None:
    seen = []
    for asker in askers(company):
        access, readable = await company.filter_of(asker), company.readable(asker)
        everything = await ask(index, "", access, SearchMode.KEYWORD)
        assert {hit.document_id.native_id for hit in everything.hits} == readable
        assert everything.total.value == len(readable)
        for text in QUERIES:
            for mode in SearchMode:
                page = await ask(index, text, access, mode)
                assert {hit.document_id.native_id for hit in page.hits} <= readable
                assert sum(facet.count for facet in page.facets["kind"]) == page.total.value == len(page.hits)
        seen.append(len(readable))
    assert min(seen) < max(seen)  # they do not all read the same


async def test_what_others_may_read_moves_no_score_and_no_order(
    company: Company, index: EmbeddedBackend, engine: Engine, tmp_path: Path
) -> None:
    asker = next(each for each in askers(company) if each["category"] == "Sales")
    access, readable = await company.filter_of(asker), company.readable(asker)
    assert len(readable) < len(company.puts)
    async with EmbeddedBackend(tmp_path / "alone.db", dimensions=DIMENSIONS) as alone:
        await alone.adopt(AclStore(engine).numbering)
        await alone.apply([put for name, put in company.puts.items() if name in readable])
        for text in QUERIES:
            for mode in SearchMode:
                assert await ask(index, text, access, mode) == await ask(alone, text, access, mode)


async def test_a_post_is_found_by_its_headline(company: Company, index: EmbeddedBackend) -> None:
    access = await company.filter_of(askers(company)[0])
    places = []
    for name, headline in company.headlines.items():
        page = await ask(index, headline, access, SearchMode.KEYWORD, size=20)  # later places would add little
        found = [hit.document_id.native_id for hit in page.hits]
        places.append(found.index(name) + 1 if name in found else None)
    reciprocal = sum(1 / place for place in places if place) / len(places)
    assert reciprocal > 0.5, f"mean reciprocal rank {reciprocal:.3f}"
