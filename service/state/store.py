"""The database of the state store, as every command opens it: SQLite on one machine, PostgreSQL for several.

In comes its address, out goes an engine whose tables are there and whose failures belong to our own error tree. A
database that cannot be asked is `StateUnavailable` to whoever asked it: nobody is admitted and nothing is taken for
recorded without its answer. A connection that broke while nobody used it is replaced unnoticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service.state import schema
from vocabulary.errors import SettingInvalid, StateUnavailable

# A second process may hold the write lock while it stores a directory of a hundred thousand people.
SQLITE_BUSY_TIMEOUT_S = 30.0

# Each of asyncio's worker threads may hold a connection; it has at most 32 of them (`ThreadPoolExecutor`).
_MOST_CONNECTIONS = 32

# A server that is gone without a word, its machine or the way to it, is noticed within half a minute, and not after the
# two hours that TCP takes by itself. The address counts more: `?connect_timeout=30`.
# Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_NO_ENDLESS_WAIT = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,  # milliseconds
}

# What the caller got wrong. All else is the database's affair: it is gone, stopping, locked, full, read-only, broken.
_OUR_MISTAKES = (sa.exc.DataError, sa.exc.IntegrityError, sa.exc.NotSupportedError, sa.exc.ProgrammingError)


def open_engine(url: str) -> sa.Engine:
    """Open the database and bring its tables to this version. Blocks; whoever opens it disposes of it.

    Raises:
        SettingInvalid: the address leads to no usable database, or to one of a newer version.
    """
    try:
        engine = _prepared(_make_engine(sa.make_url(url)))
    except ModuleNotFoundError as error:
        raise SettingInvalid(f"state.url: the database driver {error.name} is not installed") from error
    except OSError as error:
        raise SettingInvalid(f"state.url: {error.filename}: {(error.strerror or str(error)).lower()}") from error
    except SQLAlchemyError as error:
        raise SettingInvalid(f"state.url: the database cannot be opened ({_words(error)})") from error
    sa.event.listen(engine, "handle_error", _translate, retval=True)
    return engine


def _prepared(engine: sa.Engine) -> sa.Engine:
    try:
        schema.prepare(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make_engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, hide_parameters=True)
        _prepare_sqlite(engine)
        return engine
    return sa.create_engine(
        url,
        hide_parameters=True,  # errors are logged, and parameters are people and documents
        connect_args={key: value for key, value in _NO_ENDLESS_WAIT.items() if key not in url.query},
        max_overflow=_MOST_CONNECTIONS - 5,  # beyond the five that are kept open
        pool_pre_ping=True,
    )


def _translate(context: ExceptionContext) -> BaseException | None:
    """Say in our own words that the database does not answer; None leaves the error as it is."""
    error = context.sqlalchemy_exception
    if context.is_pre_ping or not isinstance(error, DBAPIError) or isinstance(error, _OUR_MISTAKES):
        return None
    return StateUnavailable(f"the state store does not answer ({_words(error)})")


def _words(error: SQLAlchemyError) -> str:
    """Name the cause. The words of a database server's driver may repeat the address with its password."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    if cause is None:
        return type(error).__name__
    return str(cause) if type(cause).__module__.startswith("sqlite3") else type(cause).__name__


def _prepare_sqlite(engine: sa.Engine) -> None:
    if engine.url.database and engine.url.database != ":memory:":
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    @sa.event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(SQLITE_BUSY_TIMEOUT_S * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")  # `serve` reads while a sync writes
        # A number must never be given to a second ACL after a power cut: an index may already hold the first.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()
