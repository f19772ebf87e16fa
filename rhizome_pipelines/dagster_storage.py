"""Dagster's own storage with nothing set: the classes that dagster.yaml names.

`HomePostgresStorage` keeps runs, events and schedules in a database of their own in the same
server as ours, starting the embedded one where it is used. `HomeComputeLogManager` and
`HomeArtifactStorage` keep logs and op outputs under RHIZOME_HOME, so that `dagster dev`,
whose own folder is removed when it ends, loses nothing. `HomeRunLauncher` forks runs from a warm
process, whose files lie there too.
"""

import atexit
from contextlib import ExitStack
from typing import Any

from dagster._config import UserConfigSchema
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData

from rhizome_pipelines.dagster_lean_storage import LeanPostgresStorage
from rhizome_pipelines.deployment.services import dagster_database_url
from rhizome_pipelines.deployment.warm import warm_place
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.settings import Settings, load_settings
from rhizome_pipelines.warm_launcher.compute_logs import QuietComputeLogManager
from rhizome_pipelines.warm_launcher.launcher import WarmRunLauncher
from rhizome_pipelines.warm_launcher.options import Options
from rhizome_pipelines.warm_launcher.worker import is_worker

WORK_MODULES = [
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "psycopg2",
    "alembic.command",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "rhizome_pipelines.deployment.document_stages",
    "rhizome_pipelines.extraction.epub.extractor",
    "rhizome_pipelines.extraction.pdf.extractor",
    "rhizome_pipelines.extraction.web.extractor",
    "rhizome_pipelines.extraction.youtube.extractor",
    "rhizome_pipelines.storage.folder",
]
"""What a run would otherwise import at its first use, after it was forked."""

_leases = ExitStack()


def _hold_server(settings: Settings) -> None:
    """Keep the embedded server up for as long as this process lives."""
    if settings.database_url is None:
        _leases.enter_context(EmbeddedPostgres(settings.home).lease())


class _FromSettings:
    """What is configured by Rhizome's settings and by nothing in dagster.yaml."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No configuration."""
        return {}


class HomePostgresStorage(_FromSettings, LeanPostgresStorage):
    """Dagster's Postgres storage whose URL comes from Rhizome's settings."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "HomePostgresStorage":
        """Start what must be started, and connect."""
        settings = load_settings()
        _hold_server(settings)
        return cls(
            postgres_url=dagster_database_url(settings),
            # Whoever launched the run has made them.
            should_autocreate_tables=not is_worker(),
            inst_data=inst_data,
        )


class HomeArtifactStorage(_FromSettings, LocalArtifactStorage):
    """Dagster's local artifacts under RHIZOME_HOME."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "HomeArtifactStorage":
        """Make the folder's place known."""
        return cls(base_dir=str(load_settings().home / "dagster"), inst_data=inst_data)


class HomeComputeLogManager(_FromSettings, QuietComputeLogManager):
    """Dagster's compute logs under RHIZOME_HOME."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "HomeComputeLogManager":
        """Make the folder's place known."""
        return cls(base_dir=str(load_settings().home / "dagster" / "logs"), inst_data=inst_data)


class HomeRunLauncher(_FromSettings, WarmRunLauncher):
    """The warm launcher with its files under RHIZOME_HOME."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "HomeRunLauncher":
        """What a run imports only when it works is loaded beforehand."""
        settings = load_settings()
        options = Options(
            state_dir=str(warm_place(settings.home).folder),
            grace_seconds=settings.grace_seconds,
            modules=WORK_MODULES,
            prepare=["rhizome_pipelines.deployment.preparation:load_models"],
            watched_files=[".env"],
        )
        return cls(options, inst_data)


atexit.register(_leases.close)
