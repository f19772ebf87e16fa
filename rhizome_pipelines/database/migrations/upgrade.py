"""Running the revisions by Alembic: one transaction, one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine, exc

from rhizome_pipelines.database.connection import connect
from rhizome_pipelines.database.migrations.session import driver_connection_of
from rhizome_pipelines.database.migrations.standing import VERSION_TABLE, read_status

_LOCK = 0x5248495A4F4D4501  # "RHIZOME" and a 1: the advisory lock of whoever migrates


def upgrade(url: str) -> list[str]:
    """Run what is pending; the revisions that were run, [] if another process was quicker.

    `url` is one that libpq takes. Raises what the driver raises.
    """
    with _transaction(url) as connection:
        connection.exec_driver_sql("select pg_advisory_xact_lock(%s)", (_LOCK,))
        pending = read_status(driver_connection_of(connection)).pending
        if pending:
            command.upgrade(_config(connection), "head")
        return list(pending)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    """A SQLAlchemy connection in one transaction; its errors are those of the driver."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connect(url, autocommit=False), poolclass=NullPool
    )
    try:
        with engine.begin() as connection:
            yield connection
    except exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise
    finally:
        engine.dispose()
