"""What of a request may say who sends it. Nothing else of a request is looked at for that."""

from __future__ import annotations

from dataclasses import dataclass

READER_HEADER = "Sightline-Reader"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The headers as they came, each with every occurrence: what occurs twice is refused, not chosen from."""

    authorization: tuple[str, ...] = ()
    reader: tuple[str, ...] = ()  # of `Sightline-Reader`, in which a trusted caller names its reader
    peer: str | None = None  # address of the connection itself; headers that speak of another one count for nothing
