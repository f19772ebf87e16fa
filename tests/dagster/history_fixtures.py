"""A deployment whose Dagster keeps its history in Postgres, as a real one does."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from dagster import DagsterInstance
from psycopg import sql

from rhizome_pipelines.deployment.services import open_services
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.settings import load_settings
from tests.dagster.world import World
from tests.postgres_fixtures import temporary_database

TABLES = ("runs", "run_tags", "event_logs", "asset_event_tags", "asset_check_executions")


class Storage:
    """What lies in the database of a Dagster instance."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def age(self, days: int) -> None:
        """Let all runs have ended so much earlier."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                b"update runs set create_timestamp = create_timestamp - %(by)s, "
                b"update_timestamp = update_timestamp - %(by)s",
                {"by": timedelta(days=days)},
            )

    def rows(self) -> dict[str, int]:
        """How many rows there are of runs and of all that belongs to them."""
        with psycopg.connect(self.url) as connection:
            return {table: _count(connection, table) for table in TABLES}

    def logs(self) -> set[str]:
        """The runs that have left files of what they wrote."""
        return {path.name for path in (self.folder / "logs").glob("*")}

    def clear_logs(self) -> None:
        """No run has left files."""
        shutil.rmtree(self.folder / "logs", ignore_errors=True)


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def dagster_storage(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    for url in temporary_database(postgres_server, "template0"):
        yield Storage(url, tmp_path_factory.mktemp("dagster"))


@pytest.fixture(scope="module")
def dagster_instance(dagster_storage: Storage) -> Iterator[DagsterInstance]:
    """Made once, since making the tables takes seconds; `history` empties it."""
    url = dagster_storage.url.replace("postgresql://", "postgresql+psycopg2://")
    settings = {
        "storage": {"postgres": {"postgres_url": url}},
        "compute_logs": {
            "module": "dagster._core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(dagster_storage.folder / "logs")},
        },
        "telemetry": {"enabled": False},
    }
    (dagster_storage.folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with DagsterInstance.from_config(str(dagster_storage.folder)) as instance:
        yield instance


@pytest.fixture
def lasting_world(
    dagster_instance: DagsterInstance,
    dagster_storage: Storage,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """As `world`, with a Dagster instance that keeps its history in Postgres."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RHIZOME_DATABASE_URL", database_url)
    monkeypatch.setenv("RHIZOME_TICK_SECONDS", "0.01")
    settings = load_settings()
    with open_services(settings) as services:
        yield World(services, dagster_instance, settings.user)
    dagster_instance.wipe()
    dagster_storage.clear_logs()
