"""Two clients that others wrote find in the simulated Alfresco what its world holds.

Their answers are compared with the world's records, and each answer on the wire with the official OpenAPI files.
"""

from __future__ import annotations

import pytest
from checks import Check, Stand, all_checks


@pytest.mark.parametrize("check", all_checks(), ids=str)
def test_a_client_finds_what_there_is(check: Check, stand: Stand) -> None:
    if check.kind == "js" and stand.missing:
        pytest.skip(stand.missing)
    check.run(stand)
