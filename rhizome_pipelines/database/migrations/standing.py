"""Where a database stands: one query and the names of some files."""

from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from rhizome_pipelines.database.connection import Connection
from rhizome_pipelines.lifecycle.errors import InvalidInputError

VERSION_TABLE = "rhizome_alembic_version"
"""Alembic's; it holds the revision that the database is at."""

_CURRENT: LiteralString = "select version_num from rhizome_alembic_version"


@dataclass(frozen=True)
class MigrationStatus:
    """Where a database stands: revisions by name, `pending` in the order they will be run."""

    current: str | None
    head: str
    pending: tuple[str, ...]


def revisions() -> list[str]:
    """All revisions, oldest first. A revision's file begins with its name, counted from 0001."""
    files = (Path(__file__).parent / "versions").glob("[0-9]*_*.py")
    return sorted(file.name.partition("_")[0] for file in files)


def read_status(connection: Connection) -> MigrationStatus:
    """Where the database stands. Raises InvalidInputError for a revision that is not known here."""
    current, known = _current(connection), revisions()
    if current is not None and current not in known:
        raise InvalidInputError(
            f"The database is at revision {current!r}, which this version of Rhizome Pipelines "
            "does not know: a newer version has migrated it. Install that version or a newer one."
        )
    start = 0 if current is None else known.index(current) + 1
    return MigrationStatus(current=current, head=known[-1], pending=tuple(known[start:]))


def _current(connection: Connection) -> str | None:
    try:
        # A savepoint, where a transaction is under way: it goes on if there is no table yet.
        with connection.transaction():
            row = connection.execute(_CURRENT).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None
