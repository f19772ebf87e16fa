"""One job's row that another program holds is that job's trouble alone."""

from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.reconciliation import Reconciler
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.actions import RunState
from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus, JobType
from rhizome_pipelines.settings import DEFAULT_USER
from tests.integration.deployment.fake_runs import FakeRuns


@pytest.fixture
def runs(services: Services) -> FakeRuns:
    services.database.limit_lock_waits(0.2)
    return FakeRuns()


def insert(services: Services) -> UUID:
    new = NewDocument(DEFAULT_USER, SourceType.TXT, title="On rhizomes")
    document = DocumentRepository(services.database).insert(new)
    wanted = {"document_ids": [str(document.id)]}
    jobs = JobRepository(services.database)
    return jobs.insert(DEFAULT_USER, JobType.EXPORT_DOCUMENTS, input_data=wanted).id


def test_all_others_are_launched(services: Services, runs: FakeRuns) -> None:
    held, free = insert(services), insert(services)
    reconciler = Reconciler(services, runs)
    with Database(services.database.url) as other, other.transaction() as connection:
        connection.execute("select from background_jobs where id = %s for update", (held,))
        reconciler.look()
        assert [one.job_id for one in runs.launched] == [free]
        assert reconciler.did["put off"] == 1
        reconciler.look()
        assert reconciler.did["put off"] == 1, "it is not waited for at every look"

    Reconciler(services, runs).look()
    assert runs.launched[-1].job_id == held


def test_no_run_is_ended_before_it_is_known_why(services: Services, runs: FakeRuns) -> None:
    job_id, run_id = insert(services), str(uuid4())
    attempts = AttemptRepository(services.database)
    attempts.begin(job_id, AttemptTrigger.START, run_id)
    attempts.started(job_id, 1)
    runs.states_of[run_id] = [RunState.CREATED, RunState.ALIVE]
    services.database.execute("update job_attempts set heartbeat_at = now() - interval '1 hour'")
    with Database(services.database.url) as other, other.transaction() as connection:
        connection.execute("select from background_jobs where id = %s for update", (job_id,))
        Reconciler(services, runs).look()
        assert runs.now(run_id) is RunState.ALIVE
        assert attempts.list_for_job(job_id)[0].alive

    Reconciler(services, runs).look()

    assert runs.now(run_id) is RunState.ENDING
    assert attempts.list_for_job(job_id)[0].outcome is AttemptOutcome.LOST
    job = JobRepository(services.database).get(job_id)
    assert job is not None
    assert job.status is JobStatus.PENDING
