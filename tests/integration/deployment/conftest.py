from collections.abc import Iterator
from pathlib import Path

import pytest

from rhizome_pipelines.deployment.services import Services, open_services
from rhizome_pipelines.settings import load_settings
from tests.integration.deployment.command_line import CommandLine
from tests.s3_fixtures import s3_bucket, s3_endpoint

__all__ = ["s3_bucket", "s3_endpoint"]


@pytest.fixture
def home(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment names a home of its own and a database of its own, with nothing in them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RHIZOME_DATABASE_URL", database_url)
    return tmp_path / "home"


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    with open_services(load_settings()) as opened:
        yield opened


@pytest.fixture
def rhizome(home: Path) -> CommandLine:
    return CommandLine()
