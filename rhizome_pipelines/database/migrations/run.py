"""Running the migrations: one transaction, one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, exc

from rhizome_pipelines.database.connection import connect, normalise_url, place, translated
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError

VERSION_TABLE = "rhizome_alembic_version"
_LOCK = 0x5248495A4F4D4501  # "RHIZOME" and a 1: the advisory lock of whoever migrates


@dataclass(frozen=True)
class MigrationStatus:
    """Where a database stands: revisions by name, `pending` in the order they will be run."""

    current: str | None
    head: str
    pending: tuple[str, ...]


def migrate(url: str) -> list[str]:
    """Bring the database to the newest revision; the revisions that were run, [] if none.

    Safe to call from several processes at once: one runs, the others wait and find it done.
    Raises TransientError when the database cannot be reached or a table stays locked, and
    InvalidInputError when existing tables do not fit; then nothing has changed.
    """
    with _transaction(url) as connection:
        connection.exec_driver_sql("select pg_advisory_xact_lock(%s)", (_LOCK,))
        pending = _status(connection).pending
        if pending:
            command.upgrade(_config(connection), "head")
        return list(pending)


def status(url: str) -> MigrationStatus:
    """Where the database stands; nothing is changed."""
    with _transaction(url) as connection:
        return _status(connection)


def _status(connection: Connection) -> MigrationStatus:
    script = ScriptDirectory.from_config(_config(connection))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    current = context.get_current_revision()
    known = [revision.revision for revision in script.walk_revisions()][::-1]
    if current is not None and current not in known:
        raise InvalidInputError(
            f"The database is at revision {current!r}, which this version of Rhizome Pipelines "
            "does not know: a newer version has migrated it. Install that version or a newer one."
        )
    start = 0 if current is None else known.index(current) + 1
    return MigrationStatus(current=current, head=known[-1], pending=tuple(known[start:]))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    """A SQLAlchemy connection in one transaction, errors told as the rest of the package does."""
    plain = normalise_url(url)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(plain, autocommit=False),
        poolclass=NullPool,
    )
    try:
        with engine.begin() as connection:
            yield connection
    except (exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        if isinstance(cause, psycopg.OperationalError):
            raise translated(plain, cause) from error
        if isinstance(cause, psycopg.Error):
            raise PermanentError(
                f"The database {place(plain)} could not be migrated, and nothing in it was "
                f"changed: {' '.join(str(cause).split())}"
            ) from error
        raise
    finally:
        engine.dispose()
