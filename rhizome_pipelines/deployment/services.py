"""Opening what everything needs: the database (embedded or given) and the object store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.database.connection import Database, normalise_url
from rhizome_pipelines.database.migrations import migrate_opened
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.settings import Settings
from rhizome_pipelines.storage.factory import open_store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from rhizome_pipelines.checkpoints.store import CheckpointStore

OUR_DATABASE = "rhizome"
DAGSTER_DATABASE = "rhizome_dagster"


@dataclass(frozen=True)
class Services:
    """The open services of one process."""

    settings: Settings
    database: Database
    objects: ObjectStore

    def checkpoints(self, document: Document) -> "CheckpointStore":
        """The checkpoints under the document's prefix."""
        # Late, as all that only some who open the services need: they wait for every import.
        from rhizome_pipelines.checkpoints.store import CheckpointStore  # noqa: PLC0415

        return CheckpointStore(self.objects, DocumentKeys(document.user_id, document.id))

    def job_checkpoints(self, user_id: UUID, job_id: UUID) -> "CheckpointStore":
        """The checkpoints of a job that is about no document, or about many."""
        from rhizome_pipelines.checkpoints.store import CheckpointStore  # noqa: PLC0415

        return CheckpointStore(self.objects, DocumentKeys(user_id, job_id))


def database_url(settings: Settings) -> str:
    """URL of our own database; the embedded server is started if it is the one."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = EmbeddedPostgres(settings.home)
    server.ensure_running()
    server.ensure_database(OUR_DATABASE)
    return server.url(OUR_DATABASE)


def dagster_database_url(settings: Settings) -> str:
    """URL of Dagster's own storage, for psycopg 2; the database is made if it is ours to make."""
    if settings.dagster_database_url is not None:
        return _for_psycopg2(settings.dagster_database_url.get_secret_value())
    if settings.database_url is not None:
        given = settings.database_url.get_secret_value()
        Database(given).ensure_sibling_database(DAGSTER_DATABASE)
        return with_database(given, DAGSTER_DATABASE)
    server = EmbeddedPostgres(settings.home)
    server.ensure_running()
    server.ensure_database(DAGSTER_DATABASE)
    return server.url(DAGSTER_DATABASE, driver="psycopg2")


@contextmanager
def open_services(
    settings: Settings, s3_client: Callable[[], "S3Client"] | None = None
) -> Iterator[Services]:
    """Open database and storage, with the tables up to date; closed when the context ends.

    `s3_client` makes the client for an `s3://` storage; Dagster's side hands in its S3Resource's.
    """
    with ExitStack() as stack:
        if settings.database_url is None:
            server = EmbeddedPostgres(settings.home)
            stack.enter_context(server.lease())
        url = database_url(settings)
        database = stack.enter_context(Database(url))
        migrate_opened(database)
        objects = open_store(settings.objects_url, s3_client or default_s3_client(settings))
        yield Services(settings, database, objects)


def default_s3_client(settings: Settings) -> "Callable[[], S3Client]":
    """A maker of the S3 client that the settings describe; keys are found the way boto3 does."""

    def make() -> "S3Client":
        # boto3 takes a while to import, and most homes keep their objects in a folder.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        return boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            region_name=settings.s3_region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
                retries={"max_attempts": 5, "mode": "standard"},
                # Stores other than AWS may refuse the checksums that boto3 adds of itself.
                request_checksum_calculation="when_required",
            ),
        )

    return make


def with_database(url: str, name: str) -> str:
    """The same server's URL with another database, for psycopg 2."""
    return _for_psycopg2(url, database=name)


def _for_psycopg2(url: str, **changes: Any) -> str:
    """Dagster's storage speaks psycopg 2, which SQLAlchemy takes only when it is named."""
    from sqlalchemy import make_url  # noqa: PLC0415 - only Dagster's processes have it anyway

    parts = make_url(normalise_url(url)).set(drivername="postgresql+psycopg2", **changes)
    return parts.render_as_string(hide_password=False)
