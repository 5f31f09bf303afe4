"""Patterns of operators: globs and regular expressions, matched in time linear in the text.

Both run on RE2, which never backtracks: a clumsy or hostile pattern costs no more than a plain one. What RE2 cannot do
(look-around, back-references) is refused when the settings are read.

In a glob `*` stands for any characters but a slash, `?` for one of them, and `**` between slashes for any number of
folders, none included. Nothing else is special, brackets least of all: of these three, no name of Alfresco contains
any. Globs ignore case, as Alfresco does within a folder; regular expressions do not, unless they say `(?i)`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Annotated, TypeAlias

import re2
from pydantic import AfterValidator, Field

_MAX_PATTERN_CHARS = 1000  # a path of ten folders of a hundred characters each
_MAX_PROGRAM_BYTES = 2**20  # of a compiled pattern; .{1000}, RE2's longest repetition, takes a quarter of it

Matcher: TypeAlias = Callable[[bytes], bool]  # of a text as `utf8` spells it: many patterns, one spelling


def path_matcher(glob: str) -> Matcher:
    """Match whole paths such as `/Company Home/Shared/plan.docx`.

    A glob with a slash in front begins at the top, any other in any folder; one with a slash at its end means all
    that lies below.

    Raises:
        ValueError: the glob cannot be understood.
    """
    if "//" in glob:
        raise ValueError("two slashes in a row match nothing")
    anchored = glob if glob.startswith("/") else f"/**/{glob}"
    return word_matcher(f"{anchored}**" if anchored.endswith("/") else anchored)


def word_matcher(glob: str) -> Matcher:
    """Match whole names or MIME types.

    Raises:
        ValueError: the glob cannot be understood.
    """
    return _matcher(f"(?is)^{''.join(_translated(glob.split('/')))}$")


def regex_matcher(pattern: str) -> Matcher:
    """Match texts in which the pattern occurs; `^` and `$` tie it to their ends.

    Raises:
        ValueError: RE2 does not take the pattern.
    """
    return _matcher(pattern)


def _matcher(pattern: str) -> Matcher:
    options = re2.Options()
    options.max_mem = _MAX_PROGRAM_BYTES
    options.log_errors = False
    try:
        compiled = re2.compile(utf8(pattern), options)
    except re2.error as cause:
        raise ValueError(f"not a pattern of RE2: {_complaint(cause)}") from None
    return lambda text: compiled.search(text) is not None


def utf8(text: str) -> bytes:
    """One spelling of accented letters; half a letter, as cut texts end with, has no UTF-8 of its own."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace")


def _complaint(error: Exception) -> str:
    """What RE2 finds wrong, without the part of the pattern that it repeats."""
    first = error.args[0] if error.args else b""
    words = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    return words.partition(":")[0]


def _translated(segments: list[str]) -> Iterator[str]:
    """The parts of the regular expression that a glob stands for."""
    *folders, last = segments
    for folder in folders:
        if folder == "**":
            yield "(?:[^/]+/)*"
        else:
            yield f"{_translated_name(folder)}/"
    yield ".+" if last == "**" and folders else _translated_name(last)


def _translated_name(name: str) -> str:
    if "**" in name:
        raise ValueError("** stands for whole folders: write it between slashes")
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(letter) or str(re2.escape(letter)) for letter in name)


def _checked(check: Callable[[str], Matcher]) -> AfterValidator:
    def checked(pattern: str) -> str:
        check(pattern)
        return pattern

    return AfterValidator(checked)


_Length = Field(min_length=1, max_length=_MAX_PATTERN_CHARS)
PathGlob = Annotated[str, _Length, _checked(path_matcher)]
WordGlob = Annotated[str, _Length, _checked(word_matcher)]
Regex = Annotated[str, _Length, _checked(regex_matcher)]
