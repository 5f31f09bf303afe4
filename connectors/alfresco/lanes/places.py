"""Where a lane stands, as the text that the checkpoint of a reading carries for it."""

from __future__ import annotations

from datetime import datetime

from vocabulary.errors import CheckpointInvalid


def moment_of(place: str) -> datetime:
    """Read a moment, spelled by `isoformat`.

    Raises:
        CheckpointInvalid: it is none.
    """
    try:
        moment = datetime.fromisoformat(place)
    except ValueError:
        raise CheckpointInvalid("the saved position of a lane is not a moment") from None
    if moment.tzinfo is None:
        raise CheckpointInvalid("the saved position of a lane is not a moment")
    return moment


def number_of(place: str) -> int:
    """Read a number, spelled in decimal digits.

    Raises:
        CheckpointInvalid: it is none.
    """
    if not (place.isascii() and place.isdecimal()):
        raise CheckpointInvalid("the saved position of a lane is not a number")
    return int(place)
