"""The search language: what queries say, and which need the index."""

from __future__ import annotations

import pytest

from connectors.alfresco.simulator.afts import (
    TEXT,
    And,
    Everything,
    Expression,
    Not,
    Or,
    Range,
    Term,
    needs_index,
    parse,
    qualified,
)
from connectors.alfresco.simulator.wire import ApiError


def term(field: str, text: str, *, exact: bool = False) -> Term:
    return Term(field, text, is_exact=exact)


A, B, C = term(TEXT, "a"), term(TEXT, "b"), term(TEXT, "c")

QUERIES: dict[str, Expression] = {
    "*": Everything(),
    "a": A,
    'ASPECT:"cm:titled"': term("ASPECT", "cm:titled"),
    "TYPE:'cm:folder'": term("TYPE", "cm:folder"),
    "TYPE:cm:folder": term("TYPE", "cm:folder"),
    '=cm:name:"a b"': term("cm:name", "a b", exact=True),
    'cm:name:"it\'s \\"so\\""': term("cm:name", 'it\'s "so"'),
    "@cm\\:name:plan*": term("cm:name", "plan*"),
    "name:x": term("cm:name", "x"),
    "{http://www.alfresco.org/model/content/1.0}name:x": term("cm:name", "x"),
    'cm:name:""': term("cm:name", ""),
    'cm:modified:["2024-01-01T00:00:00.000Z" TO MAX]': Range(
        "cm:modified", "2024-01-01T00:00:00.000Z", "MAX", includes_low=True, includes_high=True
    ),
    "cm:created:<MIN TO 2024-01-01T00:00:00.000Z>": Range(
        "cm:created", "MIN", "2024-01-01T00:00:00.000Z", includes_low=False, includes_high=False
    ),
    "content.size:[1 TO 9>": Range("cm:content.size", "1", "9", includes_low=True, includes_high=False),
    "a AND b": And((A, B)),
    "a && b || c": Or((And((A, B)), C)),
    "a OR b AND c": Or((A, And((B, C)))),
    "(a OR b) AND c": And((Or((A, B)), C)),
    "NOT a": Not(A),
    "a AND NOT (b OR c)": And((A, Not(Or((B, C))))),
    "a AND -b": And((A, Not(B))),
    "!a": Not(A),
    "a b": Or((A, B)),
    "+a b": A,
    "+a +b": And((A, B)),
    "+a -b c": And((A, Not(B))),
    "a b -c": And((Not(C), Or((A, B)))),
    "cm:name:(a OR b)": Or((term("cm:name", "a"), term("cm:name", "b"))),
    "=cm:name:(a b)": Or((term("cm:name", "a", exact=True), term("cm:name", "b", exact=True))),
    "organisation notes andes": Or((term(TEXT, "organisation"), term(TEXT, "notes"), term(TEXT, "andes"))),
}  # fmt: skip


@pytest.mark.parametrize(("text", "meaning"), QUERIES.items(), ids=QUERIES)
def test_a_query_means(text: str, meaning: Expression) -> None:
    assert parse(text) == meaning


def test_clauses_side_by_side_are_joined_as_the_request_says() -> None:
    assert parse("a b -c", joins_by_and=True) == And((Not(C), A, B))


@pytest.mark.parametrize("text", ["", "(", "a AND", "a)", "TYPE:", "cm:modified:[1 TO", "a^2", "a~0.8", '"open'])
def test_what_is_not_in_the_language_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Failed to parse"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('TYPE:"cm:content" AND ASPECT:"cm:titled" AND NOT =cm:name:"x"', False),
        ('PARENT:"workspace://SpacesStore/1" OR EXACTTYPE:"cm:folder"', False),
        ('cm:name:"x"', True),
        ('="x"', True),
        ("TYPE:cm:con*", True),
        ('TYPE:"cm:content" AND cm:modified:[MIN TO MAX]', True),
        ('ASPECT:"cm:titled" AND SITE:"hr"', True),
        ('NOT ANCESTOR:"workspace://SpacesStore/1"', True),
        ('ASPECT:"cm:titled" OR PATH:"/app:company_home//*"', True),
        ("*", True),
    ],
)
def test_only_types_aspects_parents_and_exact_matches_leave_the_index_alone(text: str, expected: bool) -> None:
    assert needs_index(parse(text)) is expected


def test_names_are_qualified() -> None:
    assert qualified("content") == "cm:content"
    assert qualified("acme:case") == "acme:case"
    assert qualified("{http://www.alfresco.org/model/site/1.0}site") == "st:site"
    assert qualified("{urn:other}x") == "urn:other:x"
