"""The change log, as those who keep a part of the index in memory read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """The row ids of the documents that were written, ascending and distinct."""

    documents: npt.NDArray[np.int64]

    def as_parameter(self) -> Any:
        """Return the ids for `carray(?)`."""
        return id_parameter(self.documents)


def id_parameter(ids: npt.NDArray[np.int64]) -> Any:
    """Return ids for `… IN (SELECT value FROM carray(?))`.

    `carray` takes no empty array; 0 stands for it, which is no row's id and, among ACLs, admits nobody.
    """
    return apsw.carray(np.ascontiguousarray(ids if ids.size else [0], np.int64))


def current_sequence(connection: Any) -> int:
    """Return the number of the last change. In a new transaction this fixes the state that its reads will see."""
    return int(connection.execute("SELECT coalesce(max(sequence), 0) FROM change").fetchone()[0])


def changed_since(connection: Any, sequence: int) -> Changed | None:
    """Return what changed after `sequence`; None when the log does not reach back that far."""
    oldest = connection.execute("SELECT min(sequence) FROM change").fetchone()[0]
    if oldest is not None and oldest > sequence + 1:
        return None
    rows = connection.execute(
        "SELECT DISTINCT document_id FROM change WHERE sequence > ? ORDER BY document_id", (sequence,)
    ).fetchall()
    return Changed(np.asarray([row[0] for row in rows], np.int64))
