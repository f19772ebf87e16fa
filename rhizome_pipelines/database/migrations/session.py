"""What a revision works with: the driver's connection, and the SQL files beside the revisions."""

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import op

from rhizome_pipelines.database.connection import Connection

LOCK_TIMEOUT = "20s"
"""How long a statement waits for a table that others use, before the migration gives up."""


def driver_connection() -> Connection:
    """The psycopg connection under Alembic's, inside its transaction."""
    return driver_connection_of(op.get_bind())


def driver_connection_of(bind: sqlalchemy.Connection) -> Connection:
    """The psycopg connection under one of SQLAlchemy's."""
    connection = bind.connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError(f"The migrations need psycopg 3, not {type(connection).__name__}.")
    return connection


def sql(name: str) -> bytes:
    """The text of `versions/{name}.sql`."""
    return (Path(__file__).parent / "versions" / f"{name}.sql").read_bytes()
