"""What operators' globs and regular expressions match, and what they cost."""

from __future__ import annotations

import pytest

from connectors.alfresco.scope.patterns import path_matcher, regex_matcher, utf8, word_matcher

PLAN = "/Company Home/Sites/hr/documentLibrary/2024/Plan [v2].docx"


@pytest.mark.parametrize(
    "glob",
    [
        PLAN,
        "/Company Home/Sites/*/documentLibrary/**",
        "/Company Home/Sites/*/documentLibrary/**/*.docx",
        "/Company Home/Sites/hr/documentLibrary/2024/",
        "/company home/SITES/hr/documentlibrary/2024/plan [V2].DOCX",
        "/**",
        "/",
        "**",
        "*.docx",
        "2024/*.docx",
        "documentLibrary/**",
        "hr/**/Plan*",
        "/Company Home/**/**/Plan [v?].docx",
    ],
)
def test_a_path_is_met_by(glob: str) -> None:
    assert path_matcher(glob)(utf8(PLAN))


@pytest.mark.parametrize(
    "glob",
    [
        "/Company Home/Sites/*",
        "/Company Home/Sites/*/**/*.pdf",
        "/Company Home/Sites/hr/documentLibrary/2024",
        "/Sites/**",
        "2024",
        "ibrary/**",
        "docx",
        "/*.docx",
        "/Company Home/Sites/hr/documentLibrary/2024/Plan [v2].docx/**",
        "Plan v.docx",
        "2024/??.docx",
    ],
)
def test_a_path_is_not_met_by(glob: str) -> None:
    assert not path_matcher(glob)(utf8(PLAN))


def test_folders_in_the_middle_may_be_none() -> None:
    assert path_matcher("/a/**/b.txt")(utf8("/a/b.txt"))
    assert not path_matcher("/a/**/b.txt")(utf8("/ab.txt"))
    assert not path_matcher("/a/**")(utf8("/a"))


def test_what_is_special_elsewhere_stands_for_itself() -> None:
    for name in ("a.b", "a+b", "(a)", "[ab]", "{a,b}", "!a", "#a", "a$", "^a", "ünï cödé", " a "):
        assert word_matcher(name)(utf8(name))
    assert not word_matcher("a.b")(utf8("axb"))
    assert not word_matcher("[ab]")(utf8("a"))


def test_names_are_whole_and_letters_are_equal_in_both_spellings() -> None:
    assert not word_matcher("plan")(utf8("plan.docx"))
    assert word_matcher("caf\u00e9*")(utf8("CAFE\u0301.txt"))


def test_a_name_that_ends_in_half_a_letter_is_matched_like_any_other() -> None:
    assert word_matcher("a*")(utf8("a\ud83d"))
    assert not regex_matcher("^b")(utf8("a\ud83d"))


def test_a_regular_expression_is_looked_for_anywhere_and_minds_case() -> None:
    assert regex_matcher("raf")(utf8("draft"))
    assert not regex_matcher("^raf")(utf8("draft"))
    assert not regex_matcher("RAF")(utf8("draft"))
    assert regex_matcher("(?i)RAF")(utf8("draft"))


@pytest.mark.parametrize("glob", ["a**", "/a/b**c/d", "//", "/a//b"])
def test_a_glob_that_cannot_be_meant_is_refused(glob: str) -> None:
    with pytest.raises(ValueError, match=r"two slashes|whole folders"):
        path_matcher(glob)


@pytest.mark.parametrize("pattern", ["(?=look)ahead", r"(a)\1", "(", "a{2000}", "(.{1000}){900}", "*"])
def test_a_pattern_that_needs_backtracking_or_too_much_room_is_refused_without_repeating_it(pattern: str) -> None:
    with pytest.raises(ValueError, match="RE2") as refusal:
        regex_matcher(pattern)
    assert "look" not in str(refusal.value)


@pytest.mark.timeout(60)
def test_patterns_that_blow_up_elsewhere_come_to_an_end() -> None:
    """Python's own `re` would not, within the age of the universe; here each takes milliseconds."""
    text = "a" * 5000
    assert not regex_matcher("^(a*)*b$")(utf8(text))
    assert not regex_matcher("(a|aa)+$")(utf8(text + "!"))
    assert not path_matcher("/**/a*a*a*a*a*a*a*a*a*b/**/a*/**/c")(utf8(f"/{text}/{text}"))
