"""`make test-servers` collects only where tests of real servers lie; elsewhere nothing would run them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PLACES = re.compile(r"^SERVERS_TESTS := (?P<places>(?:.*\\\n)*.*)$", re.MULTILINE)


def test_every_test_of_a_server_lies_where_it_is_looked_for(files_of_servers: frozenset[Path]) -> None:
    """Of all tests in `make test`, which collects everything; of those that were collected in a run of some files."""
    told = _PLACES.search((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert told is not None
    places = [ROOT / place for place in told["places"].replace("\\", "").split()]
    missed = {file for file in files_of_servers if not any(file.is_relative_to(place) for place in places)}
    assert missed == set(), "name them in SERVERS_TESTS of the Makefile"
