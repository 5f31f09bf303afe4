"""The server that all checks ask, and the JavaScript client's process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from checks import Stand
from js_client import ClientMissing, install, running_worker


@pytest.fixture(scope="session")
def stand() -> Iterator[Stand]:
    """One server for all checks; without the JavaScript client where that cannot be had, which CI does not accept."""
    try:
        install()
    except ClientMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        with Stand(None, missing=str(error)).serving() as serving:
            yield serving
        return
    with running_worker() as worker, Stand(worker).serving() as serving:
        yield serving
