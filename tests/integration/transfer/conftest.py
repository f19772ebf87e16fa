from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.storage.s3 import S3Store
from tests.integration.transfer.editing import TEXT, TREES
from tests.integration.transfer.transfer_world import Installation, installation
from tests.postgres_fixtures import temporary_database
from tests.s3_fixtures import s3_bucket, s3_endpoint

__all__ = ["s3_bucket", "s3_endpoint"]


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


@pytest.fixture
def in_bucket(here: Installation, s3_bucket: tuple[S3Client, str]) -> Installation:
    """`here` with its objects in a bucket."""
    return replace(here, services=replace(here.services, objects=S3Store(*s3_bucket, "prefix")))


@pytest.fixture
def roots(here: Installation, tmp_path: Path) -> Document:
    return here.process(tmp_path, "roots.md", TEXT)


@pytest.fixture
def trees(here: Installation, roots: Document, tmp_path: Path) -> Document:
    return here.process(tmp_path, "trees.md", TREES)
