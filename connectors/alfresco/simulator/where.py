"""The `where` parameter: conditions in parentheses, joined by `and`.

`(isFile=true and nodeType='cm:content')`, `(zones in ('APP.DEFAULT'))`, `(id BETWEEN ('1','9'))`. The repository's
grammar knows more (`or`, `not`, `exists`); the resources of this server refuse it with 400, as theirs do.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from connectors.alfresco.simulator.wire import ApiError, invalid_argument

_TOKEN = re.compile(r"\s*(?:(?P<mark>[(),=])|'(?P<text>(?:[^'\\]|\\.)*)'|(?P<word>[^\s(),=']+))")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `operator` is `=`, `in` or `between`."""

    name: str
    operator: str
    values: tuple[str, ...]


class Conditions:
    """The conditions of one request by name; all of them hold together."""

    def __init__(self, conditions: list[Condition]) -> None:
        self._by_name = {condition.name: condition for condition in conditions}

    def allow(self, names: Collection[str]) -> None:
        """Refuse every name but these."""
        for name in self._by_name:
            if name not in names:
                raise invalid_argument(f"{name} is not a supported where parameter")

    def text(self, name: str, *, operator: str = "=") -> str | None:
        """Return the first value compared with `name`, or None without such a condition."""
        condition = self._by_name.get(name)
        if condition is None:
            return None
        if condition.operator != operator:
            raise invalid_argument(f"{name} does not support {condition.operator}")
        return condition.values[0]

    def only_text(self, name: str) -> str | None:
        """Return the one value in a list that `name` is to be in, or None without such a condition."""
        value = self.text(name, operator="in")
        if value is None:
            return None
        if not value or len(self._by_name[name].values) > 1:
            raise invalid_argument(f"One value for {name} may be specified, and it cannot be empty")
        return value

    def between(self, name: str) -> tuple[str, str] | None:
        """Return the two values that `name` is to lie between, or None without such a condition."""
        if self.text(name, operator="between") is None:
            return None
        values = self._by_name[name].values
        if len(values) != 2:
            raise invalid_argument(f"{name} needs two values to lie between")
        return values[0], values[1]

    def flag(self, name: str) -> bool | None:
        """Return a condition on a boolean, or None without one; whatever is not `true` is false, as in Java."""
        value = self.text(name)
        return None if value is None else value.casefold() == "true"


def parse_where(text: str | None) -> Conditions:
    """Read the parameter; no text means no condition.

    Raises:
        ApiError: 400, the syntax is wrong or beyond what the resources understand.
    """
    if not text:
        return Conditions([])
    return Conditions(_Reader(text).read())


class _Reader:
    """Reads one predicate from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def read(self) -> list[Condition]:
        self._expect("(")
        conditions = [self._condition()]
        while (word := self._next()) != ")":
            if word.casefold() != "and":
                raise self._invalid()
            conditions.append(self._condition())
        if self._text[self._position :].strip():
            raise self._invalid()
        return conditions

    def _condition(self) -> Condition:
        name = self._next()
        operator = self._next().casefold()
        if name.casefold() == "not" or operator not in {"=", "in", "between"}:
            raise self._invalid()
        values = (self._next(),) if operator == "=" else self._values()
        return Condition(name, operator, values)

    def _values(self) -> tuple[str, ...]:
        self._expect("(")
        values = [self._next()]
        while (mark := self._next()) != ")":
            if mark != ",":
                raise self._invalid()
            values.append(self._next())
        return tuple(values)

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise self._invalid()

    def _next(self) -> str:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise self._invalid()
        self._position = match.end()
        quoted = match.group("text")
        return match.group().strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)

    def _invalid(self) -> ApiError:
        return ApiError(400, "framework.exception.InvalidQuery", f"The query is invalid: {self._text}")
