"""Which files the ordered rules let pass, and how wrong rules are refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from connectors.alfresco.scope.rules import RuleList, Rules, told
from connectors.alfresco.wire.records import Node

RULES = TypeAdapter(RuleList)


def a_file(**changes: Any) -> Node:
    record = {
        "id": "1",
        "name": "Plan.DOCX",
        "nodeType": "acme:plan",
        "isFile": True,
        "modifiedAt": "2024-05-02T10:00:00.000+0000",
        "content": {"mimeType": "application/msword", "sizeInBytes": 1000},
        "aspectNames": ["cm:titled"],
        "properties": {
            "acme:state": "published",
            "acme:level": 3,
            "acme:open": True,
            "acme:tags": ["one", "two"],
            "acme:due": "2024-06-01T02:00:00.000+0200",
            "cm:owner": {"id": "carol", "displayName": "Carol C"},
            "acme:none": "",
        },
        "path": {"name": "/Company Home/Sites/hr/documentLibrary", "isComplete": True},
    }
    return Node.model_validate(record | changes)


def reason(node: Node, *, include: str = "[]", exclude: str = "[]") -> str:
    """Judge a file by two lists of rules, written as in a settings file."""
    written = tomllib.loads(f"include = {include}\nexclude = {exclude}")
    lists = {key: RULES.validate_python(rules) for key, rules in written.items()}
    return Rules.compiled(**lists).reason(node)


def test_without_rules_everything_passes() -> None:
    assert reason(a_file()) == ""


@pytest.mark.parametrize(
    "rule",
    [
        '"/Company Home/Sites/*/documentLibrary/**"',
        '{ path = "*.docx" }',
        '{ name = "plan.*" }',
        '{ type = "acme:plan" }',
        '{ aspect = "cm:titled" }',
        '{ mime_type = "application/*" }',
        '{ mime_type = "APPLICATION/MSWORD" }',
        "{ min_bytes = 1000 }",
        "{ max_bytes = 1000 }",
        "{ modified_after = 2024-05-02 }",
        "{ modified_before = 2024-05-02T12:00:01+02:00 }",
        '{ property = "acme:state", equals = "published" }',
        '{ property = "acme:state", equals = ["draft", "published"] }',
        '{ property = "acme:state", in = ["draft", "published"] }',
        '{ property = "acme:state", matches = "^pub" }',
        '{ property = "acme:state", exists = true }',
        '{ property = "acme:none", exists = false }',
        '{ property = "acme:missing", exists = false }',
        '{ property = "acme:level", equals = 3.0 }',
        '{ property = "acme:level", matches = "^3$" }',
        '{ property = "acme:open", equals = true }',
        '{ property = "acme:open", matches = "true" }',
        '{ property = "acme:tags", equals = "two" }',
        '{ property = "acme:due", equals = 2024-06-01 }',
        '{ property = "acme:due", equals = "2024-06-01T02:00:00.000+0200" }',
        '{ property = "cm:owner", equals = "carol" }',
        '{ name = "*.docx", type = "acme:plan", min_bytes = 1, property = "acme:level", in = [3] }',
    ],
)
def test_a_rule_holds(rule: str) -> None:
    assert reason(a_file(), exclude=f"[{rule}]") == "exclude.0"
    assert reason(a_file(), include=f"[{rule}]") == ""


@pytest.mark.parametrize(
    "rule",
    [
        '"/Company Home/Shared/**"',
        '{ name = "plan" }',
        '{ type = "cm:content" }',
        '{ type = "ACME:plan" }',
        '{ aspect = "acme:other" }',
        '{ mime_type = "image/*" }',
        "{ min_bytes = 1001 }",
        "{ max_bytes = 999 }",
        "{ modified_after = 2024-05-02T10:00:00Z }",
        "{ modified_before = 2024-05-02T10:00:00 }",
        '{ property = "acme:state", equals = "Published" }',
        '{ property = "acme:state", in = [] }',
        '{ property = "acme:state", exists = false }',
        '{ property = "acme:none", exists = true }',
        '{ property = "acme:none", equals = "" }',
        '{ property = "acme:level", equals = "3" }',
        '{ property = "acme:open", equals = 1 }',
        '{ property = "acme:level", equals = true }',
        '{ property = "acme:tags", equals = "one, two" }',
        '{ property = "acme:missing", matches = ".*" }',
        '{ property = "cm:owner", equals = "Carol C" }',
        '{ name = "*.docx", type = "cm:content" }',
    ],
)
def test_a_rule_does_not_hold(rule: str) -> None:
    assert reason(a_file(), exclude=f"[{rule}]") == ""
    assert reason(a_file(), include=f"[{rule}]") == "not-included"


def test_a_condition_on_something_that_a_file_lacks_does_not_hold() -> None:
    bare = a_file(content=None, modifiedAt=None, properties={}, aspectNames=[])
    for rule in ("{ max_bytes = 9 }", '{ mime_type = "*/*" }', "{ modified_before = 2050-01-01 }"):
        assert reason(bare, exclude=f"[{rule}]") == ""


def test_exclude_wins_and_the_first_rule_that_holds_is_named() -> None:
    rules = '["/elsewhere/**", { name = "*.docx" }, { min_bytes = 1 }]'
    assert reason(a_file(), include='["**"]', exclude=rules) == "exclude.1"
    assert reason(a_file(name="a.txt"), include='["**"]', exclude=rules) == "exclude.2"


def test_one_rule_that_holds_is_enough_to_be_included() -> None:
    rules = '[{ name = "*.pdf" }, { name = "*.docx" }]'
    assert reason(a_file(), include=rules) == ""
    assert reason(a_file(name="a.txt"), include=rules) == "not-included"


@pytest.mark.parametrize("path", [None, {"name": "/documentLibrary", "isComplete": False}])
def test_a_file_whose_path_is_not_known_in_full_passes_no_exclusion_by_path(path: Any) -> None:
    assert reason(a_file(path=path), exclude='["/Company Home/secret/**"]') == "path-unknown"
    assert reason(a_file(path=path), include='["/Company Home/Sites/**"]') == "not-included"
    assert reason(a_file(path=path), exclude='[{ name = "*.tmp" }]') == ""


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("{}", (1,)),
        ('""', (1, "path")),
        ('{ path = "a**" }', (1, "path")),
        ('{ pth = "a" }', (1, "pth")),
        ('{ type = "content" }', (1, "type")),
        ("{ min_bytes = -1 }", (1, "min_bytes")),
        ('{ property = "acme:state" }', (1,)),
        ('{ equals = "x" }', (1,)),
        ('{ property = "acme:state", matches = "(?=x)" }', (1, "matches")),
        ('{ property = "acme:state", one_of = ["x"] }', (1, "one_of")),
        ("{ modified_after = 12:30:00 }", (1, "modified_after")),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(rule: str, place: tuple[object, ...]) -> None:
    with pytest.raises(ValidationError) as refusal:
        RULES.validate_python(tomllib.loads(f'rules = ["*.tmp", {rule}]')["rules"])
    assert place in {detail["loc"] for detail in refusal.value.errors()}


def test_patterns_and_lists_have_a_longest_length() -> None:
    for rules in (["x" * 1001], [{"property": "a:b", "matches": "x" * 1001}], ["*.tmp"] * 101):
        with pytest.raises(ValidationError):
            RULES.validate_python(rules)


def test_a_rule_is_told_as_it_was_written() -> None:
    (rule,) = RULES.validate_python([{"name": "*.tmp", "property": "acme:state", "in": ["draft"]}])
    assert told(rule) == 'property = "acme:state", in = ["draft"], name = "*.tmp"'
