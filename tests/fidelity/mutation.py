"""Changes one function for a while, as a programmer's slip would.

A table of mutants names functions and replaces one piece of their text, which must occur there once. The function
object stays and gets other code, so everybody who holds it runs the mutant.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import yaml

SIMULATOR = "connectors.alfresco.simulator"
_ANNOTATIONS = __future__.annotations.compiler_flag  # what every module of ours begins with


@dataclass(frozen=True)
class Mutant:
    """One wrong behaviour, and the check that notices it, where the table names one."""

    behaviour: str
    module: str
    function: str
    text: str
    instead: str
    noticed_by: str = ""

    def __str__(self) -> str:
        return self.behaviour

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the function run the changed text.

        Raises:
            LookupError: the text does not occur in the function, or more than once: the table is out of date.
        """
        function = _function(self.module, self.function)
        source = textwrap.dedent(inspect.getsource(function))
        if (times := source.count(self.text)) != 1:
            place = f"{self.module}.{self.function}"
            raise LookupError(f"{self.text!r} stands {times} times in {place}: adapt the table of mutants")
        original = function.__code__
        function.__code__ = _compiled(source.replace(self.text, self.instead), function)
        try:
            yield
        finally:
            function.__code__ = original


def all_mutants(table: str = "mutants.yaml", *, package: str = SIMULATOR) -> list[Mutant]:
    """Return the mutants of a table beside this file, whose modules are those of the package."""
    told: dict[str, dict[str, list[list[str]]]] = yaml.load(
        Path(__file__).with_name(table).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
    )
    return [
        Mutant(behaviour, f"{package}.{module}", function, *rest)
        for module, functions in told.items()
        for function, rows in functions.items()
        for behaviour, *rest in rows
    ]


def _function(module: str, path: str) -> FunctionType:
    found: Any = import_module(module)
    for name in path.split("."):
        found = vars(found)[name]
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, cached_property):
        found = found.func
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    assert isinstance(found, FunctionType), f"{module}.{path} is no function"
    return found


def _compiled(source: str, function: FunctionType) -> CodeType:
    """Return the code of the function that `source` defines; it closes over what the original closes over."""
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    definition.decorator_list = []
    around = ast.parse(f"def around({', '.join(function.__code__.co_freevars)}):\n    pass")
    (outer,) = around.body
    assert isinstance(outer, ast.FunctionDef)
    outer.body = [definition]
    name = f"<mutant of {function.__qualname__}>"
    code = compile(ast.fix_missing_locations(around), name, "exec", _ANNOTATIONS, dont_inherit=True)
    return _code_named(definition.name, _code_named("around", code))


def _code_named(name: str, code: CodeType) -> CodeType:
    return next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name)
