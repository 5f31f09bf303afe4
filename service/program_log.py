"""What programs that stay write down: one line an event on stderr, with its moment and where it comes from."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr() -> None:
    """Log from now on, and keep libraries from saying what is theirs alone."""
    logging.basicConfig(level=logging.INFO, format=_FORMAT)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the address of every request
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it would log each kind of processor that it has no code for
