"""A real PostgreSQL, in a process of its own, with a new database for each test that asks for one.

`python -m tests.servers.postgresql` keeps one running and prints its address; tests use it when that address is in the
environment variable `SIGHTLINE_TEST_POSTGRESQL_URL`, and start their own otherwise. Its databases sort texts as people
do, not by bytes, as those of most servers in use.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tests.servers.java import ServerMissing
from tests.servers.process import free_port, running_process

URL_VARIABLE = "SIGHTLINE_TEST_POSTGRESQL_URL"

_PACKAGED = Path("/usr/lib/postgresql")  # Debian keeps each version's programs apart
_ROLE = "sightline"
_UNPRIVILEGED = "nobody"  # the server refuses to run as root
_START_S = 120  # a quiet machine of two cores needs 1 s
_INITDB_S = 120  # and 3 s for the empty databases

# Nothing here has to survive a power cut, and every test opens connections of its own.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
}


@dataclass
class PostgresServer:
    """A running server, by the address of a database from which others are made."""

    url: sa.URL

    def new_database(self) -> str:
        """Return the address of a new, empty database; `drop` removes it."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{sa.make_url(url).database}" WITH (FORCE)')

    def cut_connections(self, url: str) -> None:
        """End every connection to a database, as a server that is stopped does."""
        of_database = f"datname = '{sa.make_url(url).database}'"
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of_database}")  # noqa: S608

    def dump(self, url: str, file: Path) -> Path:
        """Back a database up into a file, as an operator does."""
        self._run("pg_dump", url, "--format=custom", f"--file={file}")
        return file

    def restore(self, url: str, file: Path) -> None:
        """Put a database back to what the file holds, whoever is connected to it."""
        self._run("pg_restore", url, "--clean", "--if-exists", "--exit-on-error", "--single-transaction", str(file))

    def _run(self, program: str, url: str, *options: str) -> None:
        address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        command = [str(_programs() / program), f"--dbname={address}", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INITDB_S, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr[-1000:]}")

    def execute(self, statement: str) -> None:
        """Carry out a statement as the server's administrator."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def running_postgresql(*, port: int | None = None, folder: Path | None = None) -> Iterator[PostgresServer]:
    """Serve a PostgreSQL from an empty folder, or from one that an earlier server has left.

    Raises:
        ServerMissing: its programs are not on this machine.
        RuntimeError: it did not start.
    """
    programs = _programs()
    if importlib.util.find_spec("psycopg") is None:
        raise ServerMissing("no package psycopg")
    with _own_folder(folder) as home:
        data = home / "data"
        if not data.exists():
            _initialise(programs, data)
        port = port or free_port()
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
        server = PostgresServer(
            sa.URL.create("postgresql+psycopg", _ROLE, host="127.0.0.1", port=port, database="postgres")
        )
        with running_process(
            [str(programs / "postgres"), "-D", str(data), *options],
            environment={},
            log=home / "postgresql.log",
            is_ready=lambda: _answers(server),
            within_s=_START_S,
            user=_user(),
        ):
            yield server


def started_elsewhere() -> PostgresServer | None:
    """Return the server that somebody keeps running for the tests; its role may make databases."""
    url = os.environ.get(URL_VARIABLE)
    return PostgresServer(sa.make_url(url)) if url else None


def _programs() -> Path:
    """Return the folder of the server's programs, the newest where several versions are installed."""
    packaged = sorted(_PACKAGED.glob("*/bin/postgres"), key=lambda program: int(program.parts[-3]))
    found = packaged[-1] if packaged else shutil.which("postgres")
    if found is None:
        raise ServerMissing(f"no PostgreSQL in {_PACKAGED} or PATH (Debian: apt-get install postgresql)")
    return Path(found).parent


@contextmanager
def _own_folder(kept: Path | None) -> Iterator[Path]:
    """A folder that the server may enter: pytest's own are closed to all other users."""
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="postgresql-") as made:
        user = _user()
        if user is not None:
            shutil.chown(made, user)
        yield Path(made)


def _initialise(programs: Path, data: Path) -> None:
    command = [
        str(programs / "initdb"),
        f"--pgdata={data}",
        f"--username={_ROLE}",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--locale-provider=icu",
        "--icu-locale=en-US",
    ]
    made = subprocess.run(
        command, capture_output=True, text=True, timeout=_INITDB_S, check=False, user=_user(), cwd=data.parent
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {made.stdout[-1000:]}{made.stderr[-1000:]}")


def _user() -> str | None:
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def _answers(server: PostgresServer) -> bool:
    try:
        server.execute("SELECT 1")
    except sa.exc.OperationalError:
        return False
    return True


def main() -> None:
    """Keep a server running until the program is stopped."""
    stopped = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    with running_postgresql() as server:
        print(f"export {URL_VARIABLE}={server.url}", flush=True)  # noqa: T201 - what this program is for
        stopped.wait()


if __name__ == "__main__":
    main()
