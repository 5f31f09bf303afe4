"""Readable text for generated documents, made when it is asked for: a content keeps its number and size only.

Every document has a title and a reference of its own, so that a search for either finds exactly one. Sizes are exact:
a listing tells them without the text being made.
"""

from __future__ import annotations

from random import Random

from connectors.alfresco.simulator.model import Content

_SUBJECTS = (
    "annual budget", "warehouse inventory", "supplier contract", "travel policy", "safety inspection", "hiring plan",
    "release schedule", "customer survey", "insurance claim", "energy audit", "training course", "patent application",
    "data retention rule", "quality report", "fleet maintenance", "office lease", "price list", "incident review",
    "research proposal", "translation memory", "export licence", "press statement", "board minutes", "network diagram",
)  # fmt: skip
_PLACES = (
    "Aarhus", "Bilbao", "Cork", "Dresden", "Évora", "Fukuoka", "Graz", "Haifa", "İzmir", "Jönköping", "Kraków", "Łódź",
    "Málaga", "Nantes", "Oulu", "Plzeň", "Québec", "Reykjavík", "São Paulo", "Tromsø", "Utrecht", "València", "Zürich",
)  # fmt: skip
_OPENINGS = (
    "The {subject} for {place} was approved after the second reading.",
    "Our colleagues in {place} ask for a shorter {subject}.",
    "Nothing in the {subject} changes before the quarter ends in {place}.",
    "Please compare this {subject} with the one from {place}.",
    "{place} keeps the signed copy of the {subject}; we keep the draft.",
    "A mistake in the {subject} cost {place} three working days.",
    "Whoever needs the {subject} in another language should write to {place}.",
    "The auditors praised the {subject} and doubted the figures of {place}.",
    "Für {place} gilt die gekürzte Fassung: {subject}.",
    "Le bureau de {place} attend la version finale du document « {subject} ».",
)
MIME_TYPES = {"text/plain": "txt", "text/markdown": "md", "text/html": "html"}
_SMALLEST_BYTES = 240  # room for title, reference and a sentence, whatever the type
_LARGEST_BYTES = 2400  # a page; most documents of a sync benchmark should cost little to read


class GeneratedContent(Content):
    """Text that follows from a number; two numbers never give the same bytes."""

    __slots__ = ("number",)

    number: int

    def __init__(self, number: int, mime_type: str) -> None:
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "mime_type", mime_type)
        object.__setattr__(self, "encoding", "UTF-8")

    @property
    def data(self) -> bytes:
        return _document(self.number, self.mime_type, self.size)

    @property
    def size(self) -> int:
        return _SMALLEST_BYTES + self.number * 7919 % (_LARGEST_BYTES - _SMALLEST_BYTES)  # a prime: sizes look random


def reference(number: int) -> str:
    """Return the word by which a search finds this document and no other."""
    return f"REF{number:08d}"


def title(number: int) -> str:
    """Return what a document is called; titles repeat, references do not."""
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    return f"{subject.capitalize()} {_PLACES[number // len(_SUBJECTS) % len(_PLACES)]}"


def sentence(rng: Random) -> str:
    """Return a sentence such as people write under documents."""
    return rng.choice(_OPENINGS).format(subject=rng.choice(_SUBJECTS), place=rng.choice(_PLACES))


def _document(number: int, mime_type: str, size: int) -> bytes:
    before, after = _frame(number, mime_type)
    room = size - len(before) - len(after)
    return before + _running_text(Random(number), room) + after  # noqa: S311 - reproducible, not secret


def _frame(number: int, mime_type: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the running text."""
    name, mark = title(number), reference(number)
    if mime_type == "text/html":
        head = f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{name}</title></head>'
        return f"{head}<body><h1>{name}</h1><p>{mark}. ".encode(), b"</p></body></html>\n"
    heading = f"# {name}" if mime_type == "text/markdown" else name
    return f"{heading}\n\n{mark}. ".encode(), b"\n"


def _running_text(rng: Random, size: int) -> bytes:
    """Return sentences of exactly `size` bytes; the last one is cut where it must be."""
    text = bytearray()
    while len(text) < size:
        text += f"{sentence(rng)}{rng.choice(_GAPS)}".encode()
    return bytes(text[:size]).decode(errors="ignore").encode().ljust(size, b".")


_GAPS = (" ", " ", " ", "\n\n")  # a paragraph has some four sentences
