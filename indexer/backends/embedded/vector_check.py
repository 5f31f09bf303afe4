"""Whether the file of vectors beside an index says what the rows say: a part of `sightline check --deep`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded import vector_file
from indexer.backends.embedded.codec import vector_bytes
from indexer.backends.embedded.vector_file import VectorFile

_VECTORS_AT_ONCE = 10_000
_VECTORS = "SELECT passage_id, vector FROM embedding WHERE passage_id BETWEEN ? AND ? ORDER BY passage_id"


def inspect(connection: Any, index: Path, *, dimensions: int) -> Iterator[str]:
    """Yield what is wrong with the file, in the caller's transaction; nothing where there is none."""
    token = vector_file.token_of(connection)
    if token is None:
        return
    name = vector_file.path_beside(index).name
    try:
        file = vector_file.opened(index, token=token, dimensions=dimensions)
    except (OSError, vector_file.VectorFileDamaged) as error:
        yield f"{name}: {error}"
        return
    differing = 0 if file is None else _differing(connection, file, size=vector_bytes(dimensions))
    if differing:
        yield f"{differing} vectors of which {name} says otherwise than the rows"


def _differing(connection: Any, file: VectorFile, *, size: int) -> int:
    """Count the stored vectors of which the file says something else, or nothing that can be believed."""
    differing = 0
    ids = file.ids().astype(np.int64)
    for first in range(0, ids.size, _VECTORS_AT_ONCE):
        portion = ids[first : first + _VECTORS_AT_ONCE]
        rows = connection.execute(_VECTORS, (int(portion[0]), int(portion[-1]))).fetchall()
        stored = {row: blob for row, blob in rows if len(blob) == size}
        living: npt.NDArray[np.int64] = np.asarray([each for each in portion.tolist() if each in stored], np.int64)
        is_held, vectors = file.read(living)
        held = zip(living[is_held].tolist(), vectors, strict=True)
        differing += int(np.count_nonzero(~is_held)) + sum(stored[row] != each.tobytes() for row, each in held)
    return differing
