"""What is said of jobs when a person presses Ctrl-C."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from rhizome_pipelines.cli.interruption import told_what_becomes, what_becomes
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.presence import leave_sign, withdraw_sign
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.settings import DEFAULT_USER


@pytest.fixture
def jobs(services: Services) -> Sequence[UUID]:
    repository = JobRepository(services.database)
    return [repository.insert(DEFAULT_USER, JobType.EXPORT_DOCUMENTS).id for _ in range(5)]


def end(services: Services, job_id: UUID) -> None:
    services.database.execute(
        "update background_jobs set status = 'completed' where id = %s", (job_id,)
    )


def test_a_job_goes_on_where_a_deployment_is_up(services: Services, jobs: Sequence[UUID]) -> None:
    leave_sign(services.database)
    short = str(jobs[0])[:8]

    told = what_becomes(services, jobs[:1])

    assert told.startswith(f"No longer watching; the job {short} goes on in the deployment that")
    assert f"`rhizome jobs pause {short}`" in told
    assert f"`rhizome jobs cancel {short}`" in told


def test_a_job_waits_where_none_is_up(services: Services, jobs: Sequence[UUID]) -> None:
    leave_sign(services.database)
    withdraw_sign(services.database)
    short = str(jobs[0])[:8]

    told = what_becomes(services, jobs[:1])

    assert told.startswith(f"Stopped; the job {short} waits, and the next `rhizome up`, or command")
    assert f"`rhizome jobs cancel {short}` gives it up" in told


def test_many_jobs_in_one_line(services: Services, jobs: Sequence[UUID]) -> None:
    end(services, jobs[0])

    told = what_becomes(services, jobs)

    assert str(jobs[0])[:8] not in told
    assert "and 1 more wait" in told
    assert "`rhizome jobs pause ID`" in told


def test_nothing_is_left_to_go_on(services: Services, jobs: Sequence[UUID]) -> None:
    end(services, jobs[0])

    assert what_becomes(services, []) == "Stopped, with no job under way."
    assert what_becomes(services, jobs[:1]) == "Stopped, with no job under way."


def test_the_interrupt_carries_the_sentence(services: Services, jobs: Sequence[UUID]) -> None:
    asked: list[WatchedJob] = []

    with (
        pytest.raises(KeyboardInterrupt, match=f"the job {str(jobs[0])[:8]} waits"),
        told_what_becomes(services, asked),
    ):
        asked.append(WatchedJob(jobs[0], jobs[0], "library.zip"))
        raise KeyboardInterrupt
