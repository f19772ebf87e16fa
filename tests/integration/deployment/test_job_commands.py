"""`rhizome jobs pause|resume|restart|retry|cancel|delete`: what is written, what is refused."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.commands import Granted, command
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus, JobType
from rhizome_pipelines.lifecycle.wishes import ALLOWED, Wish
from rhizome_pipelines.settings import DEFAULT_USER
from tests.integration.deployment.command_line import CommandLine

POINTER = ("extraction", "user/document/stage-extraction.json", "0" * 16)


@pytest.fixture
def job_id(services: Services) -> UUID:
    """A job at work, with a checkpoint."""
    jobs = JobRepository(services.database)
    created = jobs.insert(DEFAULT_USER, JobType.PROCESS_DOCUMENT, metadata={"title": "A"})
    AttemptRepository(services.database).begin(created.id, AttemptTrigger.START)
    GuardedJob(services.database, created.id, 1).pointer(*POINTER)
    return created.id


def put(services: Services, job_id: UUID, status: JobStatus) -> None:
    services.database.execute(
        "update background_jobs set status = %s where id = %s", (status, job_id)
    )


def row(services: Services, job_id: UUID) -> dict[str, Any]:
    found = services.database.first("select * from background_jobs where id = %s", (job_id,))
    assert found is not None
    return found


def test_a_pause_is_what_the_contract_says(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    (line,) = rhizome.lines("jobs", "pause", job_id, "--reason", "lunch")

    assert "stops at the next safe point" in line
    found = row(services, job_id)
    assert (found["status"], found["pause_reason"]) == ("paused", "lunch")
    assert found["paused_at"] is not None
    assert found["checkpoint_hash"] == POINTER[2]
    (listed,) = rhizome.json("jobs", "list")
    assert (listed["status"], listed["shown_status"]) == ("paused", "pausing")


def test_a_resume_is_counted(services: Services, rhizome: CommandLine, job_id: UUID) -> None:
    put(services, job_id, JobStatus.PAUSED)

    rhizome.lines("jobs", "resume", job_id)

    found = row(services, job_id)
    assert (found["status"], found["resume_count"]) == ("pending", 1)
    assert found["resumed_at"] is not None
    assert found["last_checkpoint_path"] == POINTER[1]


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_retry_uses_one(
    services: Services, rhizome: CommandLine, job_id: UUID, status: JobStatus
) -> None:
    put(services, job_id, status)

    rhizome.lines("jobs", "retry", job_id)

    found = row(services, job_id)
    assert (found["status"], found["retry_count"], found["next_retry_at"]) == ("pending", 1, None)
    assert found["last_checkpoint_path"] == POINTER[1]


@pytest.mark.parametrize("status", sorted(ALLOWED[Wish.RESTART]))
def test_a_restart_takes_the_pointer_away(
    services: Services, rhizome: CommandLine, job_id: UUID, status: JobStatus
) -> None:
    put(services, job_id, status)

    rhizome.lines("jobs", "restart", job_id)

    found = row(services, job_id)
    assert found["status"] == "pending"
    pointer = ("last_checkpoint_path", "last_checkpoint_stage", "checkpoint_hash")
    assert [found[name] for name in pointer] == [None] * 3


def test_cancel_and_delete(services: Services, rhizome: CommandLine, job_id: UUID) -> None:
    rhizome.lines("jobs", "cancel", job_id)
    assert row(services, job_id)["status"] == "cancelled"

    rhizome.lines("jobs", "delete", job_id)
    assert services.database.all("select from background_jobs") == []


def test_what_makes_no_sense_is_refused_and_the_rest_is_done(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    done = rhizome("jobs", "pause", job_id, job_id, uuid4(), "zzzzzz", "abc")

    assert done.exit_code == 2
    assert row(services, job_id)["status"] == "paused"
    assert len(done.stderr.splitlines()) == 3
    assert "'abc' is too short for a job's id: at least its first 6 characters" in done.stderr
    again = rhizome.complaint(2, "jobs", "pause", job_id)
    assert "is paused and cannot be paused: it is already" in again


def test_anothers_job_is_not_there(services: Services, rhizome: CommandLine) -> None:
    other = JobRepository(services.database).insert(uuid4(), JobType.PROCESS_DOCUMENT)

    for wish in Wish:
        if wish is not Wish.FORCE_FAIL:
            assert "no job" in rhizome.complaint(2, "jobs", wish.value, other.id)

    assert row(services, other.id)["status"] == "pending"


def test_an_id_may_be_shortened(services: Services, rhizome: CommandLine, job_id: UUID) -> None:
    rhizome.lines("jobs", "pause", str(job_id)[:9])

    assert row(services, job_id)["status"] == "paused"
    assert rhizome.json("jobs", "show", str(job_id)[:9])["id"] == str(job_id)


def test_watching_takes_shortened_ids_too(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    GuardedJob(services.database, job_id, 1).complete({})

    watched = rhizome("jobs", "watch", str(job_id)[:9], job_id)

    assert watched.exit_code == 0, watched.output
    assert "zzzzzz" in rhizome.complaint(2, "jobs", "watch", "zzzzzz")


def test_a_failed_attempts_traceback_is_shown_when_it_is_asked_for(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    traceback = "Traceback (most recent call last):\n  [red] in it\nValueError: no\n"
    GuardedJob(services.database, job_id, 1).fail(ErrorType.PERMANENT, "No.", traceback)

    assert "ValueError: no" not in rhizome.lines("jobs", "show", job_id)
    shown = rhizome.lines("jobs", "show", job_id, "--traceback")

    assert shown[-4:] == ["Traceback of attempt 1", *traceback.splitlines()]
    (attempt,) = rhizome.json("jobs", "show", job_id)["attempts"]
    assert attempt["traceback"] == traceback


def test_waiting_ends_when_the_attempt_has(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    still = rhizome("jobs", "pause", job_id, "--wait", "0.2")
    assert still.exit_code == 1
    assert "Still at work" in still.stderr
    services.database.execute("update job_attempts set ended_at = now(), outcome = 'paused'")

    assert rhizome("jobs", "cancel", job_id, "--wait", "5").exit_code == 0


def test_who_has_waited_is_not_told_that_the_attempt_is_stopping(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    """Though it was at work when the wish was granted."""

    def end_it() -> None:
        attempts = AttemptRepository(services.database)
        while row(services, job_id)["status"] != "paused":
            time.sleep(0.02)
        assert attempts.end(job_id, 1, AttemptOutcome.PAUSED)

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(end_it)
        (line,) = rhizome.lines("jobs", "pause", job_id, "--wait", "60")
        ended.result()

    assert line == f"{job_id}  paused"


def test_of_two_contrary_wishes_at_once_each_is_answered(services: Services, job_id: UUID) -> None:
    wishes = [Wish.PAUSE, Wish.CANCEL, Wish.RESTART, Wish.FORCE_FAIL] * 5
    with ThreadPoolExecutor(4) as pool:
        answers = [
            *pool.map(lambda wish: command(services, wish, [job_id], DEFAULT_USER)[0], wishes)
        ]

    status = row(services, job_id)["status"]
    granted = [a.result.job.status for a in answers if isinstance(a.result, Granted)]
    assert granted
    assert status in granted


def test_when_the_next_try_comes_and_why(
    services: Services, rhizome: CommandLine, job_id: UUID
) -> None:
    guard = GuardedJob(services.database, job_id, 1)
    guard.fail(ErrorType.TRANSIENT, "The server is busy.", retry_after=90)

    shown = rhizome.json("jobs", "show", job_id)

    assert "retry 1 of 3, because: The server is busy." in shown["next_try"]
    assert shown["shown_status"].startswith("retry at ")
    assert any("The server is busy." in line for line in rhizome.lines("jobs", "show", job_id))
