"""`python -m tests.servers.fetch` brings what the real servers of the tests are made of: no test waits for it then."""

from __future__ import annotations

import sys

from tests.servers.java import ServerMissing
from tests.servers.keycloak import distribution
from tests.servers.opensearch_jars import opensearch_jars, security_jars


def main() -> None:
    """Fetch all of it, or say what cannot be had."""
    try:
        for fetch in (opensearch_jars, distribution, security_jars):
            fetch()
    except ServerMissing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
