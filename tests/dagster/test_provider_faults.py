"""A service that is out of order: one job comes back when it was asked to, many wait together."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from rhizome_pipelines.cli.job_view import next_try, shown_status
from rhizome_pipelines.lifecycle.circuit import FAILURES_TO_OPEN
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, Job, JobStatus
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld
from tests.dagster.test_going_on import steps
from tests.fault_server import FaultServer

HOST = "127.0.0.1"
ASKED = 120
"""Seconds; more than the client itself waits, and than a circuit is open for at first."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """An embeddings service that the deployment is set to use, and that is busy."""
    with FaultServer() as server:
        monkeypatch.setenv("RHIZOME_EMBEDDING_MODEL", "endpoint:small")
        monkeypatch.setenv("RHIZOME_EMBEDDING_BASE_URL", server.url("/v1"))
        monkeypatch.setenv("RHIZOME_EMBEDDING_API_KEY", "sk-not-to-be-shown")
        server.busy_for = ASKED
        yield server


@pytest.fixture
def world(service: FaultServer, launching: LaunchingWorld) -> LaunchingWorld:
    """Set up after the service."""
    return launching


def time_is_over(world: LaunchingWorld) -> None:
    world.services.database.execute("update provider_circuits set opened_until = now()")
    world.services.database.execute(
        "update background_jobs set next_retry_at = now() where next_retry_at is not null"
    )


def work_off(world: LaunchingWorld) -> int:
    """Launch and work until there is nothing to be launched; how many attempts that were."""
    made = 0
    while runs := [*world.look_and_launch(), *world.look_and_launch()]:
        for run in runs:
            world.work(run)
        made += len(runs)
    return made


def test_a_busy_service_is_asked_again_when_it_said(
    service: FaultServer, world: LaunchingWorld
) -> None:
    document = world.add(SAMPLES / "card-box.md")
    job_id = world.ask(document)
    (first,) = world.look_and_launch()
    world.work(first)

    failed = world.job(job_id)
    assert (failed.status, failed.error_type) == (JobStatus.FAILED, ErrorType.TRANSIENT)
    assert failed.next_retry_at is not None
    wait = failed.next_retry_at - world.jobs.now()
    assert timedelta(seconds=ASKED - 60) < wait <= timedelta(seconds=ASKED)
    assert service.requested == ["/v1/embeddings"], "who asks for so long is not asked again"
    assert world.look_and_launch() == [], "it is not due"
    kept = world.files(document)

    service.busy_for = None
    time_is_over(world)
    (again,) = [*world.look_and_launch(), *world.look_and_launch()]
    assert world.work(again).success
    assert steps(world, again) == ["embeddings", "connections"]
    assert "chunks.json" in kept
    done = world.job(job_id)
    assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 1)
    assert world.services.database.all("select * from provider_circuits") == []


def waiting(world: LaunchingWorld, job_ids: list[UUID]) -> list[Job]:
    jobs = [world.job(job_id) for job_id in job_ids]
    for job in jobs:
        assert (job.status, job.retry_count, job.waits_for) == (JobStatus.PENDING, 0, HOST)
        assert HOST in (job.error_message or "") and "UTC" in (job.error_message or "")
        assert "sk-not-to-be-shown" not in (job.error_message or "")
        assert world.attempts(job.id)[-1].outcome is AttemptOutcome.FAILED
        now = world.jobs.now()
        assert shown_status(job, False, now).startswith("waiting until")
        assert f"when {HOST} is tried again" in (next_try(job, now) or "")
    return jobs


def test_many_jobs_at_one_busy_service_wait_together_and_one_tries(
    service: FaultServer, world: LaunchingWorld, tmp_path: Path
) -> None:
    job_ids = []
    for number in range(FAILURES_TO_OPEN + 2):
        path = tmp_path / f"{number}.md"
        path.write_text(f"# Number {number}\n\nThis is what document {number} has to say.\n")
        job_ids.append(world.ask(world.add(path)))

    assert work_off(world) == len(job_ids)
    waiting(world, job_ids)
    asked = len(service.requested)

    time_is_over(world)
    assert work_off(world) == 1, "one asks in everybody's name"
    waiting(world, job_ids)
    assert len(service.requested) == asked + 1

    service.busy_for = None
    time_is_over(world)
    (probe,) = [*world.look_and_launch(), *world.look_and_launch()]
    assert world.work(probe).success
    assert work_off(world) == len(job_ids) - 1
    for job_id in job_ids:
        job = world.job(job_id)
        assert (job.status, job.retry_count, job.waits_for) == (JobStatus.COMPLETED, 0, None)
    assert world.services.database.all("select * from provider_circuits") == []
