"""Principals as small integers, so that a reader's 50,000 groups are one bitmap and meet a list's entries in bulk.

The numbers belong to one process and are stored nowhere. A name that was met once keeps its number, so that numbers
of identities read earlier and of lists read later mean the same; it takes about 200 bytes for the life of the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from pyroaring import BitMap


class PrincipalNumbers:
    """Gives each canonical spelling a number. May be used from any thread."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._lock = Lock()

    def of(self, name: str) -> int:
        """The number of a principal; the same for ever, and nobody else's."""
        number = self._numbers.get(name)
        return self._give(name) if number is None else number

    def of_all(self, names: Iterable[str]) -> BitMap:
        return BitMap([self.of(name) for name in names])

    def name(self, number: int) -> str:
        """The canonical spelling of a principal that was given the number."""
        return self._names[number]

    def names(self, numbers: BitMap) -> frozenset[str]:
        """The canonical spellings of principals that were given numbers."""
        return frozenset(self._names[number] for number in numbers)

    def _give(self, name: str) -> int:
        with self._lock:  # two names must not get one number
            number = self._numbers.get(name)
            if number is None:
                number = len(self._names)
                self._names.append(name)
                self._numbers[name] = number  # last: whoever finds it finds its name
            return number
