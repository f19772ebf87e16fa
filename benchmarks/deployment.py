"""A real deployment (embedded Postgres, code server, daemon) in a throw-away home."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from benchmarks.workshop import CannotMeasureError, Workshop
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.finding import Item
from rhizome_pipelines.deployment.intake import add_document, request_processing
from rhizome_pipelines.deployment.presence import somebody_is_there
from rhizome_pipelines.deployment.processes import DagsterProcesses
from rhizome_pipelines.deployment.services import Services, dagster_database_url, open_services
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.settings import load_settings

LOOK_SECONDS = 0.2
START_SECONDS = 180.0
OVER = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PAUSED})


@dataclass(frozen=True)
class Home:
    """The open services of a home in which nothing was done before."""

    services: Services

    @property
    def path(self) -> Path:
        return self.services.settings.home

    def add(self, path: Path, user: UUID, source_type: SourceType = SourceType.PDF) -> Document:
        """Take a file in. A user of its own has no other documents to be compared with."""
        return add_document(self.services, user, Item(source_type, path=path)).document

    def process(
        self, document: Document, limit: float, watch: Callable[[Job], None] = lambda _: None
    ) -> Job:
        """Ask through a row for the document to be processed, and wait at most `limit` seconds.

        Raises CannotMeasureError if it does not come to its end.
        """
        job = request_processing(self.services, document, "benchmark")
        return self.wait(job.id, limit, watch)

    def wait(
        self, job_id: UUID, limit: float, watch: Callable[[Job], None] = lambda _: None
    ) -> Job:
        jobs = JobRepository(self.services.database)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            job = jobs.get(job_id)
            if job is None:
                raise CannotMeasureError("The job that is being measured was deleted.")
            watch(job)
            if job.status is JobStatus.COMPLETED:
                return job
            if job.status in OVER:
                raise CannotMeasureError(
                    f"The job that is being measured ended as {job.status}: {job.error_message}"
                )
            time.sleep(LOOK_SECONDS)
        raise CannotMeasureError(f"The job that is being measured took more than {limit:.0f} s.")

    def run_of(self, document_id: UUID) -> str:
        """The Dagster run of the only attempt that there was on a document."""
        rows = self.services.database.all(
            "select run_id from job_attempts where entity_id = %s", (document_id,)
        )
        if len(rows) != 1 or rows[0]["run_id"] is None:
            raise CannotMeasureError(f"{len(rows)} attempts were made instead of one.")
        return str(rows[0]["run_id"])


def run_seconds(home: Home, run_id: str) -> float:
    """From a run's start to its end in Dagster's record, without the start of its process."""
    url = dagster_database_url(home.services.settings).replace("postgresql+psycopg2", "postgresql")
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(
                "select end_time - start_time from runs where run_id = %s", (run_id,)
            ).fetchone()
            if row is not None and row[0] is not None:
                return float(row[0])
            time.sleep(LOOK_SECONDS)
    raise CannotMeasureError("Dagster does not tell the end of the run that is being measured.")


@contextmanager
def new_home(workshop: Workshop, name: str = "home") -> Iterator[Home]:
    """A home with its database running; all of it is removed afterwards."""
    with workshop.folder(name) as path:
        settings = load_settings(
            home=path, database_url=None, dagster_database_url=None, storage_url=None
        )
        try:
            with open_services(settings) as services:
                yield Home(services)
        finally:
            EmbeddedPostgres(path).stop()


@contextmanager
def deployment(home: Home) -> Iterator[None]:
    """Code server and daemon in the home, as `rhizome up` has them, once their sensor looks."""
    with DagsterProcesses(home.services.settings).running() as processes:
        deadline = time.monotonic() + START_SECONDS
        while not somebody_is_there(home.services.database):
            processes.raise_if_dead()
            if time.monotonic() > deadline:
                raise CannotMeasureError(f"The sensor did not tick within {START_SECONDS:.0f} s.")
            time.sleep(LOOK_SECONDS)
        yield
