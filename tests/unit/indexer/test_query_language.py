"""What a query's words ask for."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.search.analysis import analyzer
from indexer.search.clauses import frequency, value_predicate
from indexer.search.matching import key_of
from indexer.search.query_language import (
    MAX_CLAUSES,
    Clause,
    FieldTest,
    Phrase,
    Prefix,
    Wanted,
    Word,
    candidate_fields,
    meaning_of,
    parse,
)
from vocabulary.search import Scalar

ENGLISH = analyzer()
FIELDS = ("author", "type", "n", "acme:client")


def read(text: str) -> Wanted:
    return parse(text, ENGLISH, is_field=FIELDS.__contains__)


def row(*terms: str) -> Phrase:
    return Phrase(terms)


def exact(*terms: str) -> Phrase:
    return Phrase(terms, is_identifier=True)


@pytest.mark.parametrize(
    ("text", "any_of"),
    [
        ("Annual budgets", [Word("annual"), Word("budget")]),
        ("How do the Budgets of budget planning work?", [Word("budget"), Word("plan"), Word("work")]),
        ("the of", [Word("the"), Word("of")]),
        ("(budget)", [Word("budget")]),
        ("budg*", [Prefix("budg")]),
        ("a*", [Word("a")]),
        ("INC-04*", [Prefix("inc-04")]),
        ("INC-04711", [exact("inc", "04711")]),
        ("what is INC-04711?", [exact("inc", "04711")]),
        ("printer INC-04711", [exact("inc", "04711"), Word("printer"), Word("inc"), Word("04711")]),
        ("report_v2.final.docx", [exact("report", "v2", "final", "docx")]),
        ("ann@example.org", [exact("ann", "exampl", "org")]),
        ("R&D", [exact("r", "d")]),
        ("well-known", [Word("well"), Word("known")]),
        ("foo:bar baz", [Word("foo"), Word("bar"), Word("baz")]),
        ("10:30", [Word("10"), Word("30")]),
        ('"unbalanced words', [Word("unbalanc"), Word("word")]),
        ("a - b", [Word("b")]),
        ("--verbose", [Word("verbos")]),
        ("東京都 京", [Word("東京"), Word("京都"), Prefix("京")]),
        ("?!", []),
        ("(", []),
        ("((a b))", [Word("b")]),
        ("*", []),
    ],
)
def test_what_is_no_operator_is_words(text: str, any_of: list[Clause]) -> None:
    wanted = read(text)
    assert wanted.any_of == tuple(any_of)
    assert (wanted.required, wanted.excluded, wanted.fields, wanted.excluded_fields) == ((), (), (), ())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('"annual budget"', Wanted(required=(row("annual", "budget"),), meaning="annual budget")),
        ("„annual budget“", Wanted(required=(row("annual", "budget"),), meaning="annual budget")),
        ('"budget"', Wanted(required=(Word("budget"),), meaning="budget")),
        ('"INC-04711"', Wanted(required=(exact("inc", "04711"),), meaning="INC-04711")),
        ('x"p q"', Wanted(any_of=(Word("x"), Word("p"), Word("q")), meaning='x"p q"')),
        ("tax -draft", Wanted(any_of=(Word("tax"),), excluded=(Word("draft"),), meaning="tax")),
        ('-"first draft"', Wanted(excluded=(row("first", "draft"),))),
        ("-INC-04711", Wanted(excluded=(exact("inc", "04711"),))),
        ("-foo:bar", Wanted(excluded=(exact("foo", "bar"),))),
        ("type:pdf", Wanted(fields=(FieldTest("type", "pdf", Word("pdf")),))),
        ("-Type:pdf", Wanted(excluded_fields=(FieldTest("type", "pdf", Word("pdf")),))),
        ('author:"Ann Lee"', Wanted(fields=(FieldTest("author", "Ann Lee", row("ann", "lee")),))),
        ("title:budg*", Wanted(fields=(FieldTest("title", "budg*", Prefix("budg")),))),
        ("acme:client:Lee", Wanted(fields=(FieldTest("acme:client", "Lee", Word("lee")),))),
        ("author:x:y", Wanted(fields=(FieldTest("author", "x:y", exact("x", "y")),))),
        ('foo:"a b"', Wanted(any_of=(Word("foo"),), required=(row("a", "b"),))),
        ("n:?!", Wanted(fields=(FieldTest("n", "?!", None),))),
    ],
)
def test_operators_narrow(text: str, wanted: Wanted) -> None:
    assert read(text) == wanted


def test_prose_quotes_without_requiring() -> None:
    wanted = read('papers on the design of small languages that "grow in use" with their users')
    assert wanted.required == ()
    assert wanted.any_of[0] == row("grow", "in", "use")
    assert {Word("grow"), Word("use"), Word("languag")} <= set(wanted.any_of)
    assert read('papers on small languages that "grow in use"').required == (row("grow", "in", "use"),)


def test_an_address_is_words_and_no_field() -> None:
    assert read("https://a.example/b").any_of == read("https a.example/b").any_of
    assert meaning_of("https://a.example/b") == "https://a.example/b"


def test_the_meaning_is_the_query_without_operators_exclusions_and_fields() -> None:
    text = 'how is the "annual budget" plan* -draft author:lee -type:pdf approved'
    assert meaning_of(text) == read(text).meaning == "how is the annual budget plan approved"


@pytest.mark.parametrize("text", ["", "  ", "-draft", "type:pdf", "-type:pdf -draft", '""', "*"])
def test_without_anything_to_look_for_a_query_browses(text: str) -> None:
    assert read(text).is_browse


@pytest.mark.parametrize("text", ["?!", "(", "budget", '"budget"', "foo:bar", "the"])
def test_anything_else_looks_for_something(text: str) -> None:
    assert not read(text).is_browse


def test_candidate_fields_are_the_names_before_colons() -> None:
    assert candidate_fields('Author:lee -acme:client:"x y" 10:30 https://x') == {
        "Author", "author", "acme:client",
    }  # fmt: skip
    assert candidate_fields("acme:client:x") == {"acme", "acme:client"}


def test_a_long_query_is_cut() -> None:
    assert len(read(" ".join(f"word{number}" for number in range(1_000))).any_of) == MAX_CLAUSES


pieces = st.sampled_from(
    [
        "budget",
        '"',
        "-",
        "*",
        ":",
        "author:",
        "title:",
        "foo:",
        "INC-04711",
        " ",
        " ",
        "(",
        ")",
        "“",
        "東京",
        "a.b",
        "\ud800",
        "\0",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=20).map("".join) | st.text(max_size=60))
def test_any_text_is_a_query(text: str) -> None:
    wanted = read(text)
    assert wanted.meaning == meaning_of(text)
    assert {test.field for test in (*wanted.fields, *wanted.excluded_fields)} <= candidate_fields(text)
    assert not (text.strip() == "" and not wanted.is_browse)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["annual", "budgets", "the", "INC-04711", "東京都", "x_1"]), min_size=1, max_size=5).map(
        " ".join
    )
)
def test_a_quoted_text_finds_itself_and_everything_it_is_part_of(text: str) -> None:
    (clause,) = read(f'"{text}"').required
    for stored in (text, f"before {text} behind", text.upper()):
        assert frequency(clause, ENGLISH.analysed(stored)) >= 1


@pytest.mark.parametrize(
    ("clause", "text", "found"),
    [
        (Word("budget"), "budgets and Budget", 2),
        (row("annual", "budget"), "annual budgets; annual: budget, budget annual", 2),
        (row("a", "a"), "a a a", 2),
        (exact("inc", "04711"), "INC-04711-B, inc 04711, INC-04712, INC 4711", 2),
        (Prefix("inc-047"), "INC-04711", 1),
        (Prefix("managem"), "management management", 1),
        (Prefix("manag"), "mange", 0),
    ],
)
def test_how_often_a_text_holds_a_clause(clause: Clause, text: str, found: int) -> None:
    assert frequency(clause, ENGLISH.analysed(text)) == found


MAY = datetime(2026, 5, 31, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "value", "passes"),
    [
        ("lee", "Ann Lee", True),
        ('"ann lee"', "Dr. Ann Lee", True),
        ('"lee ann"', "Ann Lee", False),
        ("le*", "Ann Lee", True),
        ("lee", "Leeds", False),
        ("7", 7, True),
        ("7.0", 7, True),
        ("7", 8, False),
        ("nan", 7, False),
        ("7", "no 7", True),
        ("yes", True, True),
        ("true", 1, False),
        ("1", True, False),
        ("2026", MAY, True),
        ("2026-05", MAY, True),
        ("2026-06", MAY, False),
        ("2026-05-31", MAY, True),
        ("2026-05-31T23:59", MAY, True),
        ("2026-05-31T23:58", MAY, False),
        ("2025", MAY, False),
        ("9999-12", MAY, False),
        ("?!", "?!", False),
    ],
)
def test_a_field_holds_a_value_by_its_kind(typed: str, value: Scalar, passes: bool) -> None:
    (test,) = read(f"n:{typed}").fields
    key = key_of(value)
    assert key is not None
    assert value_predicate(test, ENGLISH)(key) is passes


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "x-" * 100_000, 'x"' * 100_000, ":" * 100_000, "a:" * 50_000, '" ' * 50_000]
)
def test_a_long_query_is_read_in_linear_time(text: str) -> None:
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 5  # quadratic would take minutes


def test_a_word_that_is_said_twice_is_one_word_said_twice() -> None:
    wanted = read("budgets of the harbour, and the budget")
    assert [(clause.term, clause.times) for clause in wanted.any_of if isinstance(clause, Word)] == [
        ("budget", 2),
        ("harbour", 1),
    ]
