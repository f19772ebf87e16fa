from collections.abc import Iterator
from pathlib import Path

import pytest

from rhizome_pipelines.server.postgres import EmbeddedPostgres
from tests.integration.transfer.transfer_world import Installation, installation
from tests.postgres_fixtures import temporary_database


@pytest.fixture
def here(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, tmp_path / "here") as opened:
        yield opened


@pytest.fixture
def there(
    migrated_template: str, postgres_server: EmbeddedPostgres, tmp_path: Path
) -> Iterator[Installation]:
    """Another installation, of another user, with nothing in it."""
    for url in temporary_database(postgres_server, migrated_template):
        with installation(url, tmp_path / "there") as opened:
            yield opened
