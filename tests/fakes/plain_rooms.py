"""Small rooms for tests of the flow: an extractor of plain text, an enricher by hashing, numbers for ACLs in memory.

They keep the ports' contracts in the simplest way; the real rooms have contract suites of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np

from vocabulary.access import Acl, AclId, Principal
from vocabulary.documents import (
    CLEAN,
    Block,
    Enrichment,
    ExtractedText,
    ReadText,
    TokenIds,
    Tokens,
    Toxicity,
    ToxicityThresholds,
    ToxicSpan,
    Vector,
)
from vocabulary.errors import ExtractionFailed
from vocabulary.numbering import KnownAcl, Reassignment

DIMENSIONS = 16


class PlainTextExtractor:
    """Lines of UTF-8 as paragraphs. A text that begins with `FAIL reason` fails so; `CUT` marks a truncated text."""

    async def extract(self, path: Path, *, mime_type: str) -> ExtractedText:
        text = path.read_text()
        if text.startswith("FAIL "):
            raise ExtractionFailed("as the text asks", reason=text.split()[1])
        blocks = tuple(Block(line) for line in text.splitlines() if line.strip())
        return ExtractedText(blocks, truncated=text.startswith("CUT"))


class HashingEnricher:
    """Words as tokens, and as a vector the normalised sum of one pseudo-random direction for each word."""

    def __init__(self, recipe: str = "hashing/1") -> None:
        self._recipe = recipe
        self.embedded = 0
        self.scored = 0
        self.toxicity_version = ""
        self.toxic_words: Mapping[str, float] = {}  # what each is scored as: a sentence of its own, of the kind "rude"

    async def pinned(self) -> HashingEnricher:
        return self

    @property
    def recipe(self) -> str:
        return self._recipe

    @property
    def toxicity_thresholds(self) -> ToxicityThresholds:
        is_scoring = self.toxicity_version != ""
        return ToxicityThresholds(flag=0.5, hide=0.9) if is_scoring else ToxicityThresholds(flag=1.0, hide=1.0)

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    @property
    def max_tokens(self) -> int:
        return 64

    def tokenise(self, text: str) -> Tokens:
        words = list(re.finditer(r"\S+", text))
        ids = np.array([_number(word.group().lower()) for word in words], dtype=np.int32)
        offsets = np.array([word.span() for word in words], dtype=np.int32).reshape(-1, 2)
        return Tokens(ids, offsets)

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        self.embedded += len(texts)
        vectors = np.array([_direction(text.tokens.ids) for text in texts], dtype=np.float32).reshape(-1, DIMENSIONS)
        return Enrichment(vectors, [self._toxicity_of(text.text) for text in texts])

    async def score(self, texts: Sequence[ReadText]) -> Sequence[Toxicity]:
        self.scored += len(texts)
        return [self._toxicity_of(text.text) for text in texts]

    def _toxicity_of(self, text: str) -> Toxicity:
        spans = tuple(
            ToxicSpan(*word.span(), self.toxic_words[word.group()], "rude")
            for word in re.finditer(r"\w+", text)
            if word.group() in self.toxic_words
        )
        if not spans:
            return CLEAN
        return Toxicity(max(span.score_0_1 for span in spans), "rude", spans)

    async def embed_query(self, text: str) -> Vector:
        return _direction(self.tokenise(text).ids)


@cache
def _number(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:3], "big")


def _direction(ids: TokenIds) -> Vector:
    total = np.ones(DIMENSIONS, dtype=np.float32) * 1e-3
    for number in ids:
        total += _direction_of(int(number))
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


@cache
def _direction_of(number: int) -> Vector:
    return np.random.default_rng(number).standard_normal(DIMENSIONS).astype(np.float32)


class MemoryNumbering:
    """ACL numbers that live as long as the test; what a list gives does not wait, since nobody's filter asks."""

    def __init__(self, numbering: str = "state-1") -> None:
        self._numbering = numbering
        self.lists: dict[tuple[str, str], tuple[AclId, Acl]] = {}
        self.reassigned: list[Reassignment] = []

    @property
    def numbering(self) -> str:
        return self._numbering

    async def number(
        self,
        source: str,
        acls: Iterable[Acl],
        *,
        run: int | None = None,
        changed_at: Mapping[str, datetime] | None = None,
    ) -> Mapping[str, AclId]:
        numbers = {}
        for acl in acls:
            acl_id = self.lists[source, acl.key][0] if (source, acl.key) in self.lists else AclId(len(self.lists) + 1)
            self.lists[source, acl.key] = (acl_id, acl)
            numbers[acl.key] = acl_id
        return numbers

    async def note_reassigned(self, source: str, documents: Sequence[Reassignment], *, run: int | None = None) -> None:
        self.reassigned += documents

    async def slowest_revocation_s(self, run: int) -> float | None:
        return None

    async def look_up(self, source: str, acls: Iterable[Acl]) -> Mapping[str, KnownAcl]:
        stored = {acl.key: self.lists.get((source, acl.key)) for acl in acls}
        return {
            acl.key: KnownAcl(known[0], known[1] != acl) if (known := stored[acl.key]) else KnownAcl(None, True)
            for acl in acls
        }

    async def version(self, source: str) -> int:
        return len(self.lists)

    async def count_changed(self, source: str, *, since: int) -> int:
        return len(self.lists) - since

    async def keys(self, source: str, acl_ids: Collection[AclId]) -> Mapping[AclId, str]:
        return {known[0]: key for (of, key), known in self.lists.items() if of == source and known[0] in acl_ids}

    async def grant(self, source: str, *, run: int | None = None, up_to: int | None = None) -> None:
        """Nothing waits."""

    async def admits_everyone(self, source: str, acl_id: AclId) -> bool:
        acl = next(acl for number, acl in self.lists.values() if number == acl_id)
        return Principal.everyone(source) in acl.allow and not acl.deny
