"""Small documents for index tests: vectors from hashed words, so that like texts are near without a model."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
from pyroaring import FrozenBitMap

from vocabulary.access import AccessFilter, AclId, Principal
from vocabulary.documents import AttributeValue, DocumentId, EnrichedPassage, Passage, PassageKind, Toxicity, Vector
from vocabulary.indexing import Description, Put
from vocabulary.search import Page

DIMENSIONS = 32
NUMBERING = "numbering-of-the-tests"
EVERYTHING = AclId(1)


def hashed_vector(text: str, *, dimensions: int = DIMENSIONS) -> Vector:
    """Return the sum of one fixed random direction for each word, unit length."""
    total = np.full(dimensions, 1e-3)
    for word in text.lower().split():
        total += _direction(word, dimensions)
    unit: Vector = (total / np.linalg.norm(total)).astype(np.float32)
    return unit


@cache
def _direction(word: str, dimensions: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=dimensions)


def passage(
    text: str,
    *,
    ordinal: int = 0,
    kind: PassageKind = PassageKind.BODY,
    page: int | None = None,
    heading: str | None = None,
    comment_id: str | None = None,
    toxicity: float = 0.0,
) -> EnrichedPassage:
    """Return a passage with its hashed vector."""
    described = Passage(ordinal, kind, text, 0, len(text), len(text.split()), page, heading, comment_id)
    return EnrichedPassage(described, hashed_vector(text), Toxicity(toxicity))


def description(
    name: str,
    *,
    title: str = "",
    source: str = "wiki",
    acl: int = EVERYTHING,
    owner: Principal | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Description:
    """Return the description of document `name`, titled by its name unless told otherwise."""
    return Description(
        document_id=DocumentId(source, name),
        title=title or name,
        uri=f"https://{source}.example/{name}",
        path="/shelf",
        acl_id=AclId(acl),
        owner=owner,
        attributes=attributes or {},
    )


def document(
    name: str,
    *texts: str,
    title: str = "",
    source: str = "wiki",
    acl: int = EVERYTHING,
    owner: Principal | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Put:
    """Return the operation that stores a document with one passage for each text."""
    described = description(name, title=title, source=source, acl=acl, owner=owner, attributes=attributes)
    return Put(described, tuple(passage(text, ordinal=ordinal) for ordinal, text in enumerate(texts)))


def reader(
    *visible: int, if_owner: Iterable[int] = (), owners: Iterable[Principal] = (), numbering: str = NUMBERING
) -> AccessFilter:
    """Return the filter of a reader who sees these ACLs."""
    return AccessFilter(
        numbering=numbering,
        visible=FrozenBitMap(visible),
        if_owner=FrozenBitMap(if_owner),
        owners=frozenset(map(str, owners)),
    )


def names(page: Page) -> list[str]:
    """Return the native ids of a page's hits, in their order."""
    return [hit.document_id.native_id for hit in page.hits]
