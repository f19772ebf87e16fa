"""Looking whether there is anything to run, as every process does when it starts.

Nearly always there is not; so the look does without Alembic, whose import takes far longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from rhizome_pipelines.database.connection import (
    Database,
    connect,
    normalise_url,
    place,
    translated,
)
from rhizome_pipelines.database.migrations.standing import MigrationStatus, read_status
from rhizome_pipelines.lifecycle.errors import PermanentError


def migrate(url: str) -> list[str]:
    """Bring the database to the newest revision; the revisions that were run, [] if none.

    Safe to call from several processes at once: one runs, the others wait and find it done.
    Raises TransientError when the database cannot be reached or a table stays locked, and
    InvalidInputError when existing tables do not fit; then nothing has changed.
    """
    return _run(url) if status(url).pending else []


def migrate_opened(database: Database) -> list[str]:
    """What `migrate` does, the look by a connection that the pool keeps for what comes next."""
    with _explained(database.url), database.connection() as connection:
        pending = read_status(connection).pending
    return _run(database.url) if pending else []


def status(url: str) -> MigrationStatus:
    """Where the database stands; nothing is changed."""
    plain = normalise_url(url)
    with _explained(plain), connect(plain) as connection:
        return read_status(connection)


def _run(url: str) -> list[str]:
    from rhizome_pipelines.database.migrations.upgrade import upgrade  # noqa: PLC0415 - see above

    plain = normalise_url(url)
    with _explained(plain):
        return upgrade(plain)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Errors of the driver told as the rest of the package does."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise translated(url, error) from error
    except psycopg.Error as error:
        raise PermanentError(
            f"The database {place(url)} could not be migrated, and nothing in it was "
            f"changed: {' '.join(str(error).split())}"
        ) from error
