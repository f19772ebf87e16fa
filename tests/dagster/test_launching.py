"""Runs launched from inside a tick: from the row to the launcher, and whatever dies in between."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from dagster import DagsterRunStatus
from dagster._core.origin import JobPythonOrigin
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import RunsFilter
from dagster._utils.hosted_user_process import recon_job_from_origin

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.deployment.attempt_launcher import LAUNCH_FAULTS
from rhizome_pipelines.deployment.services import open_services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.lifecycle.reconcile import LAUNCH_GRACE, SUBMIT_GRACE
from rhizome_pipelines.run_api import ATTEMPT_TAG, JOB_TAG, TITLE_TAG, USER_TAG
from rhizome_pipelines.settings import load_settings
from tests.bad_input import SAMPLES
from tests.dagster.launchers import NotesLauncher, RecordingLauncher
from tests.dagster.launching_world import LaunchingWorld, instance_with

LATE = SUBMIT_GRACE + timedelta(seconds=1)


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaunchingWorld]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RHIZOME_DATABASE_URL", database_url)
    monkeypatch.setenv("RHIZOME_TICK_SECONDS", "0.01")
    settings = load_settings()
    launcher = NotesLauncher()
    with instance_with(launcher) as instance, open_services(settings) as services:
        yield LaunchingWorld(services, instance, settings.user, launcher=launcher)


@pytest.fixture
def card_box(world: LaunchingWorld) -> Document:
    return world.add(SAMPLES / "card-box.md")


def test_a_pending_row_is_a_launched_run_in_the_same_tick(
    world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)

    (run,) = world.look_and_launch()

    assert run.status is DagsterRunStatus.STARTING
    assert run.job_name == "process_document"
    assert run.asset_selection is None
    assert run.tags == {
        JOB_TAG: str(job_id),
        ATTEMPT_TAG: "1",
        USER_TAG: str(world.user),
        TITLE_TAG: str(card_box.id),
        "dagster/partition": str(card_box.id),
        "dagster/partition_set": "process_document_partition_set",
        "dagster/run_key": f"{job_id}:1",
        "dagster/sensor_name": "reconcile_background_jobs",
        "dagster/tick": "17",
        "dagster/code_location": "rhizome",
    }
    assert world.instance.get_dynamic_partitions("documents") == [str(card_box.id)]
    (attempt,) = world.attempts(job_id)
    assert attempt.run_id == run.run_id
    assert attempt.trigger is AttemptTrigger.START


def test_the_sensors_page_in_dagster_lists_the_run(
    world: LaunchingWorld, card_box: Document
) -> None:
    world.ask(card_box)
    (run,) = world.look_and_launch()

    # The filter of Dagster's own page.
    found = world.instance.get_runs(
        RunsFilter(
            tags={
                "dagster/sensor_name": "reconcile_background_jobs",
                ".dagster/repository": "__repository__@rhizome",
            }
        )
    )

    assert [one.run_id for one in found] == [run.run_id]


def test_what_was_launched_does_the_job(world: LaunchingWorld, card_box: Document) -> None:
    job_id = world.ask(card_box)
    (run,) = world.look_and_launch()

    assert world.work(run).success

    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.look_and_launch() == []
    assert len(world.attempts(job_id)) == 1


def test_the_run_says_where_a_process_of_its_own_finds_its_code(
    world: LaunchingWorld, card_box: Document
) -> None:
    world.ask(card_box)
    (run,) = world.look_and_launch()

    assert isinstance(run.job_code_origin, JobPythonOrigin)
    assert recon_job_from_origin(run.job_code_origin).get_definition().name == "process_document"
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.location_name == "rhizome"


def test_without_connections_three_assets_are_launched(
    world: LaunchingWorld, card_box: Document
) -> None:
    world.ask(card_box, detectConnections=False)

    (run,) = world.look_and_launch()

    assert {key.to_user_string() for key in run.asset_selection or ()} == {
        "extraction",
        "chunking",
        "embeddings",
    }
    plan = world.instance.get_execution_plan_snapshot(str(run.execution_plan_snapshot_id))
    assert set(plan.step_keys_to_execute) == {"extraction", "chunking", "embeddings"}


def test_a_queue_of_dagsters_own_gets_the_run(world: LaunchingWorld) -> None:
    card_box = world.add(SAMPLES / "card-box.md")
    launcher = NotesLauncher()
    with instance_with(launcher, QueuedRunCoordinator()) as instance:
        queued = LaunchingWorld(world.services, instance, world.user, launcher=launcher)
        job_id = queued.ask(card_box)
        queued.tick()

        (attempt,) = queued.attempts(job_id)
        run = instance.get_run_by_id(str(attempt.run_id))

    assert run is not None
    assert run.status is DagsterRunStatus.QUEUED
    assert launcher.launched == []


# The launcher is made ready


def test_the_launcher_is_made_ready_for_the_code_of_the_runs(world: LaunchingWorld) -> None:
    world.tick()

    (origin,) = world.launcher.prewarmed
    assert recon_job_from_origin(origin).get_definition().name == "process_document"


def test_a_launcher_that_cannot_be_made_ready_launches_all_the_same(
    world: LaunchingWorld, card_box: Document
) -> None:
    world.launcher.cold = True
    world.ask(card_box)

    assert len(world.look_and_launch()) == 1


# Launching fails


def test_a_job_whose_run_could_not_be_launched_is_begun_again(
    world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    world.launcher.unable = 1

    told = world.tick()

    assert "There is no room for a process." in told
    assert world.job(job_id).status is JobStatus.PENDING
    (first,) = world.attempts(job_id)
    assert first.outcome is AttemptOutcome.SHUTDOWN
    failed = world.instance.get_run_by_id(str(first.run_id))
    assert failed is not None
    assert failed.status is DagsterRunStatus.FAILURE
    (run,) = world.look_and_launch()
    assert world.work(run).success
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.job(job_id).retry_count == 0


def test_launches_that_fail_are_no_deaths_of_the_job(
    world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    world.launcher.unable = 5
    for _ in range(5):
        world.tick()

    assert world.job(job_id).status is JobStatus.PENDING
    assert len(world.look_and_launch()) == 1


def test_a_launcher_that_fails_again_and_again_is_given_a_rest(
    world: LaunchingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "20")
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT_PER_USER", "20")
    document = world.add(SAMPLES / "card-box.md")
    jobs = [world.ask(document) for _ in range(LAUNCH_FAULTS + 3)]
    world.launcher.unable = len(jobs)

    world.tick()

    assert sum(len(world.attempts(job)) for job in jobs) == LAUNCH_FAULTS
    assert {world.job(job).status for job in jobs} == {JobStatus.PENDING}


# Whoever launches dies


def _age(world: LaunchingWorld, job_id: UUID, by: timedelta) -> None:
    world.services.database.execute(
        "update job_attempts set created_at = created_at - %s where job_id = %s", (by, job_id)
    )


def _bound(world: LaunchingWorld, job_id: UUID) -> str:
    """An attempt as it is when its run's id is chosen, and nothing more has happened."""
    run_id = str(uuid4())
    attempts = AttemptRepository(world.services.database)
    assert attempts.begin(job_id, AttemptTrigger.START, run_id)
    return run_id


def test_death_before_the_run_was_created(world: LaunchingWorld, card_box: Document) -> None:
    job_id = world.ask(card_box)
    _bound(world, job_id)
    _age(world, job_id, LATE)
    # Another Dagster may have the run: it is given as long as any.
    assert world.look_and_launch() == []
    _age(world, job_id, LAUNCH_GRACE)

    runs = [*world.look_and_launch(), *world.look_and_launch()]

    assert [run.tags[ATTEMPT_TAG] for run in runs] == ["2"]
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.LOST


def test_death_before_the_run_was_launched(world: LaunchingWorld, card_box: Document) -> None:
    job_id = world.ask(card_box)
    run_id = _bound(world, job_id)
    job = world.definitions.resolve_job_def("process_document")
    world.instance.create_run_for_job(job, run_id=run_id)
    assert world.look_and_launch() == []
    _age(world, job_id, LATE)

    runs = [*world.look_and_launch(), *world.look_and_launch()]

    assert [run.tags[ATTEMPT_TAG] for run in runs] == ["2"]
    # Nobody can launch it any more, and Dagster does not show it as waiting for ever.
    abandoned = world.instance.get_run_by_id(run_id)
    assert abandoned is not None
    assert abandoned.status is DagsterRunStatus.FAILURE


@pytest.fixture
def recording(world: LaunchingWorld) -> RecordingLauncher:
    """In place of the launcher that keeps no record."""
    launcher = RecordingLauncher()
    launcher.register_instance(world.instance)
    world.instance._run_launcher = launcher
    return launcher


def test_a_worker_that_died_before_its_run_began_is_missed_at_once(
    world: LaunchingWorld, card_box: Document, recording: RecordingLauncher
) -> None:
    job_id = world.ask(card_box)
    world.tick()
    (run_id,) = recording.launched
    recording.workers[run_id] = True
    world.tick()
    assert world.attempts(job_id)[0].alive, "it may be on its way for long"

    recording.workers[run_id] = False
    world.tick()
    world.tick()

    assert [attempt.outcome for attempt in world.attempts(job_id)] == [AttemptOutcome.LOST, None]


def test_death_while_the_run_was_launched(
    world: LaunchingWorld, card_box: Document, recording: RecordingLauncher
) -> None:
    job_id = world.ask(card_box)
    world.tick()
    (run_id,) = recording.launched
    world.tick()
    assert world.attempts(job_id)[0].alive
    _age(world, job_id, LATE)

    world.tick()
    world.tick()

    assert [attempt.outcome for attempt in world.attempts(job_id)] == [AttemptOutcome.LOST, None]
    abandoned = world.instance.get_run_by_id(run_id)
    assert abandoned is not None
    assert abandoned.status is DagsterRunStatus.FAILURE


def test_a_worker_that_comes_when_its_attempt_is_given_up_does_nothing(
    world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    (late,) = world.look_and_launch()
    _age(world, job_id, LAUNCH_GRACE + LATE)
    (quick,) = [*world.look_and_launch(), *world.look_and_launch()]

    assert not world.work(late).success

    assert world.files(card_box) == [name for name in world.files(card_box) if "source" in name]
    assert world.work(quick).success
    assert world.job(job_id).status is JobStatus.COMPLETED
    outcomes = [attempt.outcome for attempt in world.attempts(job_id)]
    assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.COMPLETED]


def test_a_job_that_is_paused_before_its_worker_comes_stays_paused(
    world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    (run,) = world.look_and_launch()
    world.wish(job_id, JobStatus.PAUSED)

    assert not world.work(run).success

    assert world.job(job_id).status is JobStatus.PAUSED
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.PAUSED
    world.wish(job_id, JobStatus.PENDING)
    (again,) = world.look_and_launch()
    assert world.work(again).success


def test_a_job_that_is_deleted_before_its_worker_comes_leaves_nothing(
    world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    (run,) = world.look_and_launch()
    before = world.files(card_box)
    world.delete(job_id)

    assert not world.work(run).success

    assert world.jobs.list() == []
    assert world.files(card_box) == before
