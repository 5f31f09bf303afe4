"""The picture of the index (`catalogue.py`) on disk, beside the index: a start reads it instead of a million rows.

A cache, and never more. Deleted, damaged or of another library, it is made anew from the rows. What it says holds as of
one change of the index; what came later is read from the log of changes, permissions included.

Whether a file belongs to an index is not told by its name. Each file has a random token, and the index's own state
names the token of the file that was put beside it last, committed after everything that is in the picture. Rows and
numbers of changes are used once (AUTOINCREMENT). So an index that names the token, a restored backup included, has that
picture in its past; any other index names another token or none. A process killed between putting the file there and
naming it leaves a file that is not used.

The file: magic and format, the header's length, the header (JSON), arrays and codes at multiples of 64 bytes, and the
SHA-256 of all that. It is mapped, not read: processes share its pages, and what they change is their own.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded import new_file, schema
from indexer.backends.embedded.vector_sidecar import KeptCodes

_log = logging.getLogger(__name__)

_KIND = b"SiLnPic"
_MAGIC = _KIND + b"1"  # the number of the format
_LENGTH = struct.Struct("<Q")
_ALIGNED = 64  # bytes: a line of the processor's cache
_DIGEST_BYTES = hashlib.sha256().digest_size
_TOKEN = "picture"  # noqa: S105 - the key of the index's own state, no secret
_SUFFIX = "-picture"

Section = npt.NDArray[Any]


class PictureDamaged(ValueError):
    """A file that is not as it was written."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPicture:
    """A picture as it is kept: its arrays by name, the owners by code (the first has 1), and the codes."""

    sequence: int
    arrays: Mapping[str, Any]  # numpy arrays of one dimension
    owners: tuple[str, ...]
    codes: KeptCodes


def path_beside(index: Path) -> Path:
    """Return where the picture of an index is kept."""
    return index.with_name(index.name + _SUFFIX)


@contextmanager
def written(index: Path, picture: KeptPicture, *, token: str) -> Iterator[Path]:
    """Write a picture into a new file beside the index, onto the disk, and yield its path (`new_file.py`).

    Blocks for some tenths of a second at a million passages.

    Raises:
        OSError: the disk is full or cannot be written; nothing is left of the file.
    """
    with new_file.new_file(path_beside(index), index=index) as (path, file):
        digest = hashlib.sha256()
        for piece in _pieces(picture, token):
            digest.update(piece)
            file.write(piece)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())
        yield path


def put_in_place(connection: Any, index: Path, path: Path, *, token: str) -> None:
    """Make a written file the picture of the index, in the caller's writing transaction.

    Raises:
        OSError: it cannot be renamed.
    """
    schema.write_state(connection, _TOKEN, token)
    new_file.put_in_place(path, path_beside(index), index=index)


def disown(connection: Any) -> None:
    """Have no picture fit the index any more, in the caller's writing transaction."""
    connection.execute("DELETE FROM state WHERE key = ?", (_TOKEN,))


def read(connection: Any, index: Path, *, dimensions: int) -> KeptPicture | None:
    """Return the picture that belongs to the state that the connection's transaction sees; None where there is none."""
    try:
        return read_or_tell(connection, index, dimensions=dimensions)
    except PictureDamaged as error:
        _log.warning("the picture of %s is made anew: %s", index, error)
        return None


def read_or_tell(connection: Any, index: Path, *, dimensions: int) -> KeptPicture | None:
    """Do what `read` does.

    Raises:
        PictureDamaged: there is one, and it is not as it was written.
    """
    token = schema.read_state(connection, _TOKEN)
    if token is None:
        return None
    try:
        return _mapped(index, token, dimensions)
    except OSError as error:
        _log.info("the picture of %s is made anew: %s", index, error)
        return None


def _made_for(token: str, dimensions: int) -> dict[str, Any]:
    """Return what must be the same where a picture is written and where it is read."""
    return {"token": token, "dimensions": dimensions, "byte_order": sys.byteorder}


def _pieces(picture: KeptPicture, token: str) -> Iterator[bytes | memoryview]:
    """Yield the file, piece by piece, up to its checksum."""
    codes = picture.codes
    header = _made_for(token, codes.centre.size) | {
        "library": codes.library,
        "sequence": picture.sequence,
        "owners": picture.owners,
        "arrays": [(name, each.dtype.str, each.size) for name, each in picture.arrays.items()],
        "blocks": [each.size for each in codes.blocks],
        "block": codes.block,
        "count": codes.count,
        "trained_for": codes.trained_for,
    }
    told = json.dumps(header).encode()
    yield _MAGIC + _LENGTH.pack(len(told)) + told
    at = len(_MAGIC) + _LENGTH.size + len(told)
    for section in (*picture.arrays.values(), codes.centre, *codes.blocks):
        yield bytes(-at % _ALIGNED)
        yield np.ascontiguousarray(section).data.cast("B") if section.size else b""
        at += -at % _ALIGNED + section.nbytes


def _mapped(index: Path, token: str, dimensions: int) -> KeptPicture | None:
    """Map the file beside an index; None where it was made for another state of the index.

    Raises:
        OSError: there is none.
        PictureDamaged: it is not as it was written.
    """
    path = path_beside(index)
    with os.fdopen(new_file.open_kept(path, index=index), "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise PictureDamaged(f"{path.name} is empty")
        whole = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
    if whole[: len(_MAGIC)].tobytes() == _MAGIC[: whole.size]:
        digest = hashlib.sha256(whole[:-_DIGEST_BYTES].data).digest()
        if digest != whole[-_DIGEST_BYTES:].tobytes():
            raise PictureDamaged(f"{path.name} is damaged")
    elif whole[: len(_KIND)].tobytes() != _KIND:
        raise PictureDamaged(f"{path.name} is no picture of an index")
    else:
        return None  # of another version
    return _picture(whole, token, dimensions)


def _picture(whole: npt.NDArray[np.uint8], token: str, dimensions: int) -> KeptPicture | None:
    start = len(_MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(whole[len(_MAGIC) : start].tobytes())
    header = json.loads(whole[start : start + length].tobytes())
    if any(header[key] != value for key, value in _made_for(token, dimensions).items()):
        return None
    sections = _Sections(whole, start + length)
    arrays = {name: sections.next(np.dtype(dtype), size) for name, dtype, size in header["arrays"]}
    centre = sections.next(np.dtype(np.float32), dimensions)
    blocks = [sections.next(np.dtype(np.uint8), size) for size in header["blocks"]]
    codes = KeptCodes(header["library"], header["block"], header["count"], header["trained_for"], centre, tuple(blocks))
    return KeptPicture(header["sequence"], arrays, tuple(header["owners"]), codes)


class _Sections:
    """The arrays of a mapped file, one after the other."""

    def __init__(self, whole: npt.NDArray[np.uint8], at: int) -> None:
        self._whole = whole
        self._at = at

    def next(self, dtype: np.dtype[Any], size: int) -> Section:
        start = self._at + -self._at % _ALIGNED
        self._at = start + size * dtype.itemsize
        return self._whole[start : self._at].view(dtype)
