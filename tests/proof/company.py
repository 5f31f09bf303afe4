"""The synthetic company of `shared/data`: its people, some of its documents, and who may read each.

Posts are open to the company. A post's draft, word for word the same text, is for its author and the author's superior;
a ticket is for whoever raised and whoever handles it and for the IT department; a salary for the person, their superior
and the HR department. Every document goes to an index with its ACL; `Record.may_read` says the same once more, by these
sentences alone, and asks no code of ours.

Most records answer a question whose words are not all in the index: a post its headline, a ticket's resolution the
issue that was raised, a salary somebody's asking for it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from vocabulary.access import Acl, Identity, Membership, Person, Principal

DATA = Path(__file__).parents[3] / "shared" / "data" / "workplace-enterprisebench"
SOURCE = "company"
# Of each kind, the first: about 21,000 tokens, which the embedding model reads in six or seven seconds of a processor.
POSTS, DRAFTS, TICKETS, SALARIES = 30, 15, 40, 30
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

Employee: TypeAlias = Mapping[str, Any]
MayRead: TypeAlias = Callable[[Employee], bool]


@dataclass(frozen=True, slots=True)
class Record:
    """A document of the company, the question that it answers, its list, and who may read it."""

    name: str
    kind: str
    title: str
    text: str
    question: str
    acl: Acl
    may_read: MayRead

    @property
    def words(self) -> set[str]:
        return words_of(f"{self.title} {self.text}")


@dataclass(frozen=True)
class Company:
    employees: Sequence[Employee]
    records: Sequence[Record]

    @cached_property
    def by_name(self) -> Mapping[str, Record]:
        return {record.name: record for record in self.records}

    def readable(self, employee: Employee) -> dict[str, Record]:
        """Return what somebody may read, by name."""
        return {record.name: record for record in self.records if record.may_read(employee)}

    def answers(self, employee: Employee) -> dict[str, set[str]]:
        """Return the questions that somebody may read an answer to, each with the names of those answers."""
        answers: dict[str, set[str]] = {}
        for record in self.readable(employee).values():
            answers.setdefault(record.question, set()).add(record.name)
        return answers

    async def identities(self) -> AsyncIterator[Identity]:
        """Yield what the company's directory says of its people and departments."""
        for each in self.employees:
            yield Person(_user(each["emp_id"]), each["emp_id"], each["email"], each["Name"])
            yield Membership(_department(each["category"]), _user(each["emp_id"]))

    @cached_property
    def readers(self) -> Mapping[str, Employee]:
        """People of different rights by their role: who sells and who develops have each raised or handled a ticket."""
        tickets = [record for record in self.records if record.kind == "ticket"]
        concerned = {
            each["category"]: each for each in self.employees if any(_names(each, record) for record in tickets)
        }
        departments = ("Sales", "Engineering", "HR", "Information Technology")
        return {
            **{name: concerned[name] for name in departments},
            "a superior": self._reader_of("salary"),
            "an author": self._reader_of("draft"),
        }

    def _reader_of(self, kind: str) -> Employee:
        """Return who may read most records of a kind, of those in no department that may read all of some kind."""
        records = [record for record in self.records if record.kind == kind]
        others = (each for each in self.employees if each["category"] not in ("HR", "Information Technology"))
        return max(others, key=lambda each: sum(record.may_read(each) for record in records))


def company() -> Company:
    """Read the company from `DATA`."""
    by_email: dict[str, Employee] = {}
    for row in _rows("employees"):
        by_email.setdefault(row["email"].casefold(), row)  # six share an address with another, and would match nobody
    employees = list(by_email.values())
    posts = _rows("posts")[:POSTS]
    superiors = {each["emp_id"]: each["reports_to"] for each in employees}
    records = [*_posts(posts), *_drafts(posts[:DRAFTS], superiors), *_tickets(), *_salaries(employees[:SALARIES])]
    return Company(employees, records)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _names(employee: Employee, record: Record) -> bool:
    return _user(employee["emp_id"]) in record.acl.allow


def _user(employee_id: str) -> Principal:
    return Principal.user(SOURCE, employee_id)


def _department(name: str) -> Principal:
    return Principal.group(SOURCE, name)


def _posts(rows: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    for number, row in enumerate(rows):
        acl = Acl(f"entries:post-{number}", frozenset({Principal.everyone(SOURCE)}))
        yield Record(f"post-{number}", "post", f"Post {number}", row["Post"], row["Title"], acl, lambda _: True)


def _drafts(rows: Iterable[Mapping[str, Any]], superiors: Mapping[str, str | None]) -> Iterator[Record]:
    for number, row in enumerate(rows):
        named = {row["emp_id"], superiors.get(row["emp_id"])}
        title = f"Draft of {row['author']}"
        yield _restricted(f"draft-{number}", "draft", title, row["Post"], row["Title"], named=named)


def _tickets() -> Iterator[Record]:
    for row in _rows("it_tickets")[:TICKETS]:
        name, title, text = f"ticket-{row['id']}", f"Ticket {row['id']}", row["Resolution"]
        question = " ".join(_SENTENCE_END.split(row["Issue"])[:2])  # who asks, and what is wrong
        named = {row["raised_by_emp_id"], row["emp_id"]}
        yield _restricted(name, "ticket", title, text, question, named=named, to="Information Technology")


def _salaries(employees: Iterable[Employee]) -> Iterator[Record]:
    for row in employees:
        name, title = f"salary-{row['emp_id']}", f"Salary of {row['Name']}"
        text = f"{row['Name']}, {row['Level']}: {row['Salary']} a year. Leave days taken: {row['Total Leaves Taken']}."
        question = f"How much does {row['Name']} earn?"
        yield _restricted(name, "salary", title, text, question, named={row["emp_id"], row["reports_to"]}, to="HR")


def _restricted(
    name: str, kind: str, title: str, text: str, question: str, *, named: set[Any], to: str | None = None
) -> Record:
    """Return a record for some people, and for a department where one is told."""
    people = named - {None}  # who leads the company reports to nobody
    allowed = {*map(_user, people), *([] if to is None else [_department(to)])}

    def may_read(asker: Employee) -> bool:
        return asker["emp_id"] in people or asker["category"] == to

    return Record(name, kind, title, text, question, Acl(f"entries:{name}", frozenset(allowed)), may_read)
