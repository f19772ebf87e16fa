"""One embedded Postgres for the whole test session, and a database of its own for every test.

Workers of pytest-xdist share the server: each holds a lease on it, and whoever is last stops it.
"""

import shutil
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from rhizome_pipelines.server.postgres import EmbeddedPostgres

_TEMPLATE = "rhizome_template"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The session's server, running."""
    base = tmp_path_factory.getbasetemp()
    # A worker's folder lies in the folder of the session.
    alone = not base.name.startswith("popen-")
    home = (base if alone else base.parent) / "postgres-home"
    server = EmbeddedPostgres(home)
    with server.lease():
        yield server
    if server.stop_unless_leased() and alone:
        shutil.rmtree(home)


@pytest.fixture
def empty_database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A fresh, empty database; dropped after the test, whoever is still connected."""
    yield from temporary_database(postgres_server, "template0")


@pytest.fixture
def database_url(migrated_template: str, postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A fresh database with the whole schema; dropped after the test."""
    yield from temporary_database(postgres_server, migrated_template)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a migrated database to clone, made by the first worker that wants it."""
    with _administration(postgres_server) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [_TEMPLATE])
        known = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(known, [_TEMPLATE]).fetchone() is None:
            _migrate_template(postgres_server, connection)
    return _TEMPLATE


def _migrate_template(server: EmbeddedPostgres, connection: psycopg.Connection) -> None:
    from rhizome_pipelines.database.migrations import migrate

    name = _unique_name()
    draft, template = sql.Identifier(name), sql.Identifier(_TEMPLATE)
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(draft))
    migrate(server.url(name))
    # Cloning needs a database without connections, and whatever migrated may keep some.
    connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(draft))
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
    )
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(draft, template))


def temporary_database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The URL of a new database like the template; dropped afterwards."""
    name = _unique_name()
    made, source = sql.Identifier(name), sql.Identifier(template)
    with _administration(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, source))
    yield server.url(name)
    with _administration(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


def _administration(server: EmbeddedPostgres) -> psycopg.Connection:
    return psycopg.connect(server.url("postgres"), autocommit=True)


def _unique_name() -> str:
    return f"test_{uuid.uuid4().hex}"
