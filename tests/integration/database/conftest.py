from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, Job, JobType


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as opened:
        yield opened


@pytest.fixture
def jobs(database: Database) -> JobRepository:
    return JobRepository(database)


@pytest.fixture
def attempts(database: Database) -> AttemptRepository:
    return AttemptRepository(database)


@pytest.fixture
def documents(database: Database) -> DocumentRepository:
    return DocumentRepository(database)


@pytest.fixture
def user() -> UUID:
    return uuid4()


@pytest.fixture
def document(documents: DocumentRepository, user: UUID) -> Document:
    return documents.insert(NewDocument(user, SourceType.PDF, title="On rhizomes"))


@pytest.fixture
def job(jobs: JobRepository, document: Document) -> Job:
    """Pending, to process the document."""
    return jobs.insert(document.user_id, JobType.PROCESS_DOCUMENT, document_id=document.id)


@pytest.fixture
def guarded(database: Database, attempts: AttemptRepository, job: Job) -> GuardedJob:
    """The job as its first attempt may change it."""
    attempt = attempts.begin(job.id, AttemptTrigger.START)
    assert attempt is not None
    return GuardedJob(database, job.id, attempt.number)
