"""Connections to Postgres: a small pool, opened on first use, with errors a person can read."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, Self

import psycopg
from psycopg import conninfo, sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from rhizome_pipelines.database.row_values import row_adapters
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError

Connection = psycopg.Connection[tuple[Any, ...]]
Parameters = Sequence[Any] | Mapping[str, Any]

CONNECT_TIMEOUT = 10
"""Seconds that the making of one connection may take."""

_DRIVER = re.compile(r"^postgres(?:ql)?(?:\+[a-z0-9]+)?://")
_UNREACHABLE_CLASSES = ("08", "57P")
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connections, rolled back
# transactions (deadlocks), resources, an operator's intervention, the server's own system.
_TRANSIENT_CLASSES = ("08", "40", "53", "57", "58")
_LOCK_NOT_AVAILABLE = "55P03"
# A lock or an object in use; a standby that is about to be the primary; transactions timed out.
_TRANSIENT_STATES = frozenset({_LOCK_NOT_AVAILABLE, "55006", "25006", "25P03", "25P04"})


class LockedError(TransientError):
    """Somebody else's lock was waited for in vain; the database as such is there."""


class DatabaseAwayError(TransientError):
    """The database cannot be reached, or broke off: nobody's fault who was at work on it."""


def normalise_url(url: str) -> str:
    """The URL as libpq takes it: `postgres://` and SQLAlchemy's `+driver` spellings are accepted.

    Raises InvalidInputError, without repeating the URL (it may hold a password).
    """
    plain = _DRIVER.sub("postgresql://", url.strip())
    try:
        if not plain.startswith("postgresql://"):
            raise psycopg.ProgrammingError  # noqa: TRY301 - one message for both faults
        conninfo.conninfo_to_dict(plain)
    except psycopg.ProgrammingError:
        raise InvalidInputError(
            "The database URL cannot be understood. It has the form "
            "postgresql://user:password@host:port/name, with special characters in the user's "
            "name and password percent-encoded."
        ) from None
    return plain


def place(url: str) -> str:
    """Where a database is, without user and password: `host:port/name`."""
    parts = conninfo.conninfo_to_dict(url)
    host = str(parts.get("host") or parts.get("hostaddr") or "local socket")
    port = f":{parts['port']}" if parts.get("port") and not host.startswith("/") else ""
    return f"{host}{port}/{parts.get('dbname') or parts.get('user') or ''}"


def connect(url: str, *, autocommit: bool = True) -> Connection:
    """One connection of one's own (not of the pool). Raises TransientError if it cannot be had."""
    plain = normalise_url(url)
    try:
        return psycopg.connect(plain, autocommit=autocommit, **_settings(plain))
    except psycopg.OperationalError as error:
        raise translated(plain, error) from None


def is_transient(error: psycopg.Error) -> bool:
    """Whether the same statement may succeed later, by its SQLSTATE.

    Without one no answer came from the server: the connection is gone, or the driver refused.
    """
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith(_TRANSIENT_CLASSES) or state in _TRANSIENT_STATES


def translated(url: str, error: psycopg.Error) -> TransientError:
    """The error as one sentence for a person, with the password never in it."""
    state = error.sqlstate
    if state == _LOCK_NOT_AVAILABLE:
        return LockedError(
            "Another program holds a lock in the database on what this needs; nothing was done. "
            "Try again; if it stays so, end that program's transaction."
        )
    reason = _without_password(url, " ".join(str(error).split()))
    if state is None or state.startswith(_UNREACHABLE_CLASSES):
        return DatabaseAwayError(f"The database {place(url)} cannot be reached: {reason}")
    return TransientError(f"The database {place(url)} could not do this now: {reason}")


def _without_password(url: str, text: str) -> str:
    password = conninfo.conninfo_to_dict(url).get("password")
    return text.replace(str(password), "***") if password else text


def _settings(url: str) -> dict[str, Any]:
    """Settings of every connection; what the URL itself sets has precedence."""
    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "rhizome",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    for name in conninfo.conninfo_to_dict(url):
        settings.pop(name, None)
    # A transaction pooler hands each transaction to another server: nothing may be prepared.
    return settings | {"prepare_threshold": None, "context": row_adapters()}


class Database:
    """A database by URL: a pool of a few connections, opened on first use.

    Not to be carried over a fork. A connection that broke meanwhile (the server was restarted)
    is replaced before it is handed out.
    """

    def __init__(self, url: str, *, max_connections: int = 4, patience: float = 15.0) -> None:
        """`patience`: seconds to wait for a free or a new connection."""
        self.url = normalise_url(url)
        self._max_connections = max_connections
        self._patience = patience
        self._lock_patience: float | None = None
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def limit_lock_waits(self, seconds: float) -> None:
        """From now on a lock of somebody else is waited for no longer: LockedError.

        For who must answer: a person's command, or the one look at all jobs. By itself a
        statement waits as long as the other takes. Not for who sets an isolation level: each
        transaction begins with the setting of the limit.
        """
        self._lock_patience = seconds

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit mode: every statement is a transaction of its own.

        With limited waits for locks, all of them are one.
        Raises TransientError when the database cannot be reached, broke off, or cannot do this
        now; what is wrong with a statement itself is raised as it is.
        """
        try:
            with self._opened().connection() as connection, self._patient(connection):
                yield connection
        except PoolTimeout:
            raise self._why_none() from None
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            raise translated(self.url, error) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back on an error."""
        with self.connection() as connection, connection.transaction():
            yield connection

    def all(self, query: LiteralString, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """The rows of one statement, in a transaction of its own."""
        with self.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def first(self, query: LiteralString, parameters: Parameters = ()) -> dict[str, Any] | None:
        """The first row of one statement, or None."""
        rows = self.all(query, parameters)
        return rows[0] if rows else None

    def execute(self, query: LiteralString, parameters: Parameters = ()) -> int:
        """Run one statement; the number of rows that it wrote."""
        with self.connection() as connection:
            return connection.execute(query, parameters).rowcount

    def _opened(self) -> ConnectionPool[Connection]:
        with self._lock:
            if self._pool is None:
                # The first connection is made here, since its failure tells why, the pool's not.
                connect(self.url).close()
                self._pool = ConnectionPool(
                    self.url,
                    min_size=0,
                    max_size=self._max_connections,
                    timeout=self._patience,
                    num_workers=1,
                    kwargs={"autocommit": True, **_settings(self.url)},
                    check=ConnectionPool.check_connection,
                    open=True,
                )
            return self._pool

    @contextmanager
    def _patient(self, connection: Connection) -> Iterator[None]:
        """Set locally, since a transaction pooler hands the session on to others."""
        if self._lock_patience is None:
            yield
            return
        with connection.transaction():
            milliseconds = str(round(self._lock_patience * 1000))
            connection.execute("select set_config('lock_timeout', %s, true)", (milliseconds,))
            yield

    def ensure_sibling_database(self, name: str) -> None:
        """Create a database of that name on the same server, unless there is one."""
        with self.connection() as connection:
            found = connection.execute("select from pg_database where datname = %s", (name,))
            if found.fetchone() is not None:
                return
            try:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # another process was quicker
            except psycopg.errors.InsufficientPrivilege:
                raise InvalidInputError(
                    f"The database role may not create the database {name!r} at "
                    f"{place(self.url)}: create it yourself, or name another database."
                ) from None

    def _why_none(self) -> TransientError:
        try:
            connect(self.url).close()
        except TransientError as error:
            return error
        return TransientError(
            f"All {self._max_connections} connections to the database {place(self.url)} were in "
            f"use for {self._patience:g} seconds; try again."
        )
