"""How well a document fits a query's words: BM25 over fields, over what one reader may read.

A document's score is that of its best passage plus that of each field of the document itself:

    score(d) = max over passages p of  sum over clauses c of  idf(c) * clause_weight(c) * saturated(c, body of p)
             + sum over fields f of    sum over clauses c of  idf(c) * clause_weight(c) * saturated(c, f)

How rare a clause is (`inverse_document_frequency`) is counted over the readable documents alone: an engine that counts
the others too would let a hidden document move the order of the visible ones, and so betray its words. The average
lengths are constants, so that neither hidden documents nor the engine nor the collection's growth move a score.

Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), with the always positive
inverse document frequency that Lucene uses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from indexer.search.query_language import Clause, Phrase, Prefix


class TextField(StrEnum):
    """What is searched by words. All but the body belong to the document as a whole."""

    BODY = "body"  # of a passage
    TITLE = "title"
    ATTRIBUTES = "attributes"  # those that the document's description calls searched


@dataclass(frozen=True, slots=True)
class FieldWeight:
    """What a field counts, and what its length does: `length_share` of the score depends on it (BM25's b)."""

    weight: float
    length_share: float
    average_length: float  # in terms


# Average lengths: passages and titles of five judged collections have 55 to 137 and 7 to 14 terms. Title weights from
# 0.35 to 0.75 are equal there in the mean, 2.0 costs 0.01 nDCG@10; with 0.75 a word that is the whole title counts
# still more than one in a passage of average length (docs/decisions/010-ranking.md).
FIELD_WEIGHTS: Mapping[TextField, FieldWeight] = MappingProxyType(
    {
        TextField.BODY: FieldWeight(weight=1.0, length_share=0.75, average_length=120.0),
        TextField.TITLE: FieldWeight(weight=0.75, length_share=0.75, average_length=8.0),
        TextField.ATTRIBUTES: FieldWeight(weight=0.5, length_share=0.75, average_length=20.0),
    }
)
DOCUMENT_FIELDS = tuple(field for field in TextField if field is not TextField.BODY)

SATURATION = 1.2  # BM25's k1; the usual value
PHRASE_WEIGHT = 1.0
IDENTIFIER_WEIGHT = 2.0
PREFIX_WEIGHT = 1.0

Number = TypeVar("Number", float, npt.NDArray[np.float64])


def inverse_document_frequency(*, documents: int, documents_with_clause: int) -> float:
    """Weigh a clause by its rarity among the readable documents; always positive."""
    return math.log1p((documents - documents_with_clause + 0.5) / (documents_with_clause + 0.5))


def clause_weight(clause: Clause) -> float:
    """Return what a clause counts beside its rarity.

    What a long question says twice is what it is about: by words alone, counting repetitions adds 0.06 nDCG@10 on CISI
    and 0.03 on CACM, and changes nothing where queries are short (docs/decisions/010-ranking.md).
    """
    if isinstance(clause, Phrase):
        return IDENTIFIER_WEIGHT if clause.is_identifier else PHRASE_WEIGHT
    return PREFIX_WEIGHT if isinstance(clause, Prefix) else float(clause.times)


def saturated(frequency: Number, length: Number, *, field: TextField) -> Number:
    """Return the part of a clause's score that depends on the text: more for every occurrence, less for long texts.

    `length` is the text's number of terms.
    """
    weight = FIELD_WEIGHTS[field]
    share = weight.length_share
    dampening = SATURATION * (1 - share + share * length / weight.average_length)
    return weight.weight * frequency * (SATURATION + 1) / (frequency + dampening)


def of_prefix(field: TextField) -> float:
    """Return the same for a prefix, which occurs or does not: as once in a text of average length."""
    return saturated(1.0, FIELD_WEIGHTS[field].average_length, field=field)
