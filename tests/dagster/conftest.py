from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from rhizome_pipelines.deployment.services import open_services
from rhizome_pipelines.settings import load_settings
from tests.dagster.history_fixtures import (  # noqa: F401 - fixtures
    dagster_instance,
    dagster_storage,
    lasting_world,
)
from tests.dagster.launchers import NotesLauncher
from tests.dagster.launching_world import LaunchingWorld, instance_with
from tests.dagster.world import World


@pytest.fixture
def world(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RHIZOME_DATABASE_URL", database_url)
    monkeypatch.setenv("RHIZOME_TICK_SECONDS", "0.01")
    settings = load_settings()
    with DagsterInstance.ephemeral() as instance, open_services(settings) as services:
        yield World(services, instance, settings.user)


@pytest.fixture
def launching(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaunchingWorld]:
    """A deployment whose ticks launch runs themselves; a test does what their workers do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RHIZOME_DATABASE_URL", database_url)
    monkeypatch.setenv("RHIZOME_TICK_SECONDS", "0.01")
    settings = load_settings()
    launcher = NotesLauncher()
    with instance_with(launcher) as instance, open_services(settings) as services:
        yield LaunchingWorld(services, instance, settings.user, launcher=launcher)
