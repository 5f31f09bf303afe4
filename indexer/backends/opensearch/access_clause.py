"""Who reads, as the one clause that every search bears.

An `AccessFilter` comes in, a filter clause goes out: the document's ACL id is among those that the reader sees, or
among those that show a document to its owner and the reader is the owner; and the document is of the present epoch.
The ids travel as a roaring bitmap, some kilobytes for a hundred thousand of them, where the cluster takes one.

Invariant: ACL 0 is in no clause, whatever the filter contains, and a clause without an id admits nobody.

Source: OpenSearch documentation, "Terms" query, `value_type: bitmap` (since 2.17); its limit of 65,536 plain terms.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pyroaring import BitMap, FrozenBitMap

from indexer.backends.opensearch.mapping import Field
from vocabulary.access import HIDDEN_ACL, AccessFilter, AclId

Clause: TypeAlias = Mapping[str, Any]

NOTHING: Clause = {"match_none": {}}
EVERYTHING: Clause = {"match_all": {}}

BITMAPS_SINCE = (2, 17)
_TERMS_AT_ONCE = 65_536  # `index.max_terms_count`, as clusters come
_SIGNED_FROM = 2**31  # the field is a signed integer: ids from here on lie below zero, where no bitmap reaches


def stored_acl_id(acl_id: AclId | int) -> int:
    """Return an ACL id as the field holds it: 32 bits, the highest of them a sign."""
    return int(acl_id) - 2**32 if acl_id >= _SIGNED_FROM else int(acl_id)


def read_acl_id(stored: int) -> AclId:
    """Return the ACL id that the field holds."""
    return AclId(stored + 2**32 if stored < 0 else stored)


def unheard() -> None:
    """Take no notice."""


@dataclass(frozen=True, slots=True)
class AclIdSpelling:
    """How a cluster wants sets of ACL ids: as bitmaps, or, if it is older than 2.17, one by one.

    `on_plain` hears of each set that is sent one by one: they are slow from some ten thousand ids on, and an operator
    wants to know.
    """

    bitmaps: bool = True
    on_plain: Callable[[], None] = unheard

    def clauses(self, ids: FrozenBitMap) -> Iterator[Clause]:
        """Yield clauses that together hold for the documents under one of the ids; none for an empty set."""
        admitted = BitMap(ids)
        admitted.discard(int(HIDDEN_ACL))
        if not admitted:
            return
        if not self.bitmaps:
            self.on_plain()
            yield from _one_by_one(admitted)
            return
        signed = BitMap(admitted.iter_equal_or_larger(_SIGNED_FROM))
        if len(signed) < len(admitted):
            yield _as_bitmap(admitted - signed)
        yield from _one_by_one(signed)


def spelling_for(told: Mapping[str, Any], *, on_plain: Callable[[], None] = unheard) -> AclIdSpelling:
    """Return how a cluster that tells this of itself wants ACL ids; one that tells no version is a recent one."""
    number = str((told.get("version") or {}).get("number", ""))
    known = tuple(int(part) for part in re.findall(r"\d+", number)[:2])
    return AclIdSpelling(bitmaps=not known or known >= BITMAPS_SINCE, on_plain=on_plain)


def access_clause(access: AccessFilter, *, epoch: int, spelling: AclIdSpelling) -> Clause:
    """Return what holds for the documents that the filter admits, and for no others."""
    admitting = list(spelling.clauses(access.visible))
    if access.owners:
        owned: Clause = {"terms": {Field.OWNER.value: sorted(access.owners)}}
        admitting += [{"bool": {"filter": [each, owned]}} for each in spelling.clauses(access.if_owner)]
    if not admitting:
        return NOTHING
    present: Clause = {"range": {Field.EPOCH.value: {"gte": epoch}}}
    return {"bool": {"filter": [present, any_of(admitting)]}}


def any_of(clauses: Sequence[Clause]) -> Clause:
    """Return what holds where one of the clauses does; nothing, where there is none."""
    if not clauses:
        return NOTHING
    if len(clauses) == 1:
        return clauses[0]
    return {"bool": {"should": list(clauses), "minimum_should_match": 1}}


def _as_bitmap(ids: BitMap) -> Clause:
    ids.run_optimize()
    return {"terms": {Field.ACL_ID.value: [base64.b64encode(ids.serialize()).decode()], "value_type": "bitmap"}}


def _one_by_one(ids: BitMap) -> Iterator[Clause]:
    listed = [stored_acl_id(each) for each in ids]
    for start in range(0, len(listed), _TERMS_AT_ONCE):
        yield {"terms": {Field.ACL_ID.value: listed[start : start + _TERMS_AT_ONCE]}}
