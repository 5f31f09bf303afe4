"""A state store that does not answer for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from vocabulary.errors import StateUnavailable


@contextmanager
def away(engine: sa.Engine) -> Iterator[None]:
    """Have every statement fail as on a database that is being started anew."""

    def refuse(*_: object) -> None:
        raise StateUnavailable("the state store does not answer")

    sa.event.listen(engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", refuse)
