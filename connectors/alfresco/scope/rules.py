"""Ordered rules on what is brought, beside the scope: `exclude` wins, and without `include` everything is included.

A rule is a table of conditions that must all hold; a plain text is a rule on the path. A condition on something that a
node lacks does not hold. Rules are compiled once and judge node records; they are pure. A filtered node's reason is
the place of the rule in the settings, counted from 0 as in their error messages (`exclude.0`), or `not-included`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from connectors.alfresco.scope.patterns import PathGlob, WordGlob, path_matcher, utf8, word_matcher
from connectors.alfresco.scope.property_test import Moment, PropertyCheck, PropertyTest, property_checks
from connectors.alfresco.scope.setting_types import PrefixedName
from connectors.alfresco.wire.records import Node

_MAX_RULES = 100  # of each list: a bound on the reasons that are counted


@dataclass(frozen=True, slots=True)
class _Met:
    """A file as the rules see it, with the texts that patterns match spelled once."""

    node: Node
    path: bytes  # with the file's own name
    name: bytes
    mime_type: bytes

    @classmethod
    def of(cls, node: Node) -> _Met:
        path = f"{node.path.name if node.path else ''}/{node.name}"
        return cls(node, utf8(path), utf8(node.name), utf8(node.content.mime_type if node.content else ""))


_Condition: TypeAlias = Callable[[_Met], bool]


class Rule(PropertyTest):
    """Conditions on one file; all that are given must hold."""

    path: PathGlob | None = None  # with the file's own name, without regard to case
    name: WordGlob | None = None  # without regard to case
    type: PrefixedName | None = None  # the node's own type; its ancestors are not looked at
    aspect: PrefixedName | None = None
    mime_type: WordGlob | None = None  # such as "application/pdf" or "image/*"
    min_bytes: int | None = Field(default=None, ge=0)
    max_bytes: int | None = Field(default=None, ge=0)
    modified_after: Moment | None = None
    modified_before: Moment | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if all(getattr(self, key) is None for key in type(self).model_fields):
            raise ValueError("a rule needs at least one condition")
        return self


def _on_the_path(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


RuleList = Annotated[tuple[Annotated[Rule, BeforeValidator(_on_the_path)], ...], Field(max_length=_MAX_RULES)]


@dataclass(frozen=True, slots=True)
class Rules:
    """Both lists, compiled: each rule as its conditions."""

    include: tuple[tuple[_Condition, ...], ...] = ()
    exclude: tuple[tuple[_Condition, ...], ...] = ()
    exclude_needs_path: bool = False

    @classmethod
    def compiled(cls, *, include: Sequence[Rule], exclude: Sequence[Rule]) -> Rules:
        return cls(
            include=tuple(tuple(_conditions(rule)) for rule in include),
            exclude=tuple(tuple(_conditions(rule)) for rule in exclude),
            exclude_needs_path=any(rule.path is not None for rule in exclude),
        )

    def reason(self, node: Node) -> str:
        """The reason why a file is filtered; empty when the rules let it pass."""
        if not (self.include or self.exclude):
            return ""
        met = _Met.of(node)
        for position, rule in enumerate(self.exclude):
            if _holds(rule, met):
                return f"exclude.{position}"
        if self.exclude_needs_path and not (node.path and node.path.is_complete):
            return "path-unknown"  # the account may not read all folders above, so a rule may fit unseen
        if self.include and not any(_holds(rule, met) for rule in self.include):
            return "not-included"
        return ""


def told(rule: Rule) -> str:
    """The rule as an operator would say it."""
    conditions = rule.model_dump(mode="json", exclude_none=True, by_alias=True)
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in conditions.items())


def _holds(rule: tuple[_Condition, ...], met: _Met) -> bool:
    return all(condition(met) for condition in rule)


def _conditions(rule: Rule) -> Iterator[_Condition]:
    yield from _text_conditions(rule)
    yield from _size_conditions(rule)
    yield from _time_conditions(rule)
    for check in property_checks(rule):
        yield _on_properties(check)


def _text_conditions(rule: Rule) -> Iterator[_Condition]:
    if rule.path is not None:
        on_path = path_matcher(rule.path)
        yield lambda met: on_path(met.path)
    if rule.name is not None:
        on_name = word_matcher(rule.name)
        yield lambda met: on_name(met.name)
    if rule.type is not None:
        yield lambda met: met.node.node_type == rule.type
    if rule.aspect is not None:
        yield lambda met: rule.aspect in met.node.aspect_names
    if rule.mime_type is not None:
        on_mime_type = word_matcher(rule.mime_type)
        yield lambda met: on_mime_type(met.mime_type)


def _size_conditions(rule: Rule) -> Iterator[_Condition]:
    smallest, largest = rule.min_bytes, rule.max_bytes
    if smallest is not None:
        yield lambda met: met.node.content is not None and met.node.content.size_in_bytes >= smallest
    if largest is not None:
        yield lambda met: met.node.content is not None and met.node.content.size_in_bytes <= largest


def _time_conditions(rule: Rule) -> Iterator[_Condition]:
    after, before = rule.modified_after, rule.modified_before
    if after is not None:
        yield lambda met: met.node.modified_at is not None and met.node.modified_at > after
    if before is not None:
        yield lambda met: met.node.modified_at is not None and met.node.modified_at < before


def _on_properties(check: PropertyCheck) -> _Condition:
    return lambda met: check(met.node.properties)
