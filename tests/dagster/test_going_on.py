"""A job that goes on: a re-execution of its run, from the first stage that is not valid."""

from collections.abc import Callable

import pytest
from dagster import DagsterEventType, DagsterExecutionInterruptedError, DagsterRun, DagsterRunStatus

from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld

STAGES = ["extraction", "chunking", "embeddings", "connections"]


@pytest.fixture
def card_box(launching: LaunchingWorld) -> Document:
    return launching.add(SAMPLES / "card-box.md")


def stopped(
    world: LaunchingWorld, document: Document, moment: str, **input_data: object
) -> tuple[DagsterRun, object]:
    """A job that was paused when that had been written, and its run."""
    job_id = world.ask(document, **input_data)
    world.watch.once_written(moment, lambda _: world.wish(job_id, JobStatus.PAUSED))
    (run,) = world.look_and_launch()
    assert not world.work(run).success
    assert world.job(job_id).status is JobStatus.PAUSED
    return run, job_id


def resumed(world: LaunchingWorld, job_id: object) -> DagsterRun:
    world.services.database.execute("update background_jobs set next_retry_at = null")
    world.wish(job_id, JobStatus.PENDING)  # type: ignore[arg-type]
    (run,) = world.look_and_launch()
    return run


def steps(world: LaunchingWorld, run: DagsterRun) -> list[str]:
    """The steps that the run has walked."""
    entries = world.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_START)
    return [str(entry.step_key) for entry in entries]


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        ("stage-extraction.json", "extraction"),
        ("stage-chunking.json", "chunking"),
        ("embeddings.parquet", "embeddings"),
        ("stage-connections.json", "connections"),
    ],
)
def test_a_resume_re_executes_from_failure(
    launching: LaunchingWorld, card_box: Document, moment: str, first: str
) -> None:
    """Stopped right behind a stage's end, Dagster does not know yet that it has ended."""
    parent, job_id = stopped(launching, card_box, moment)
    kept = list(launching.watch.written)

    run = resumed(launching, job_id)

    assert (run.parent_run_id, run.root_run_id) == (parent.run_id, parent.run_id)
    assert run.tags["dagster/parent_run_id"] == parent.run_id
    assert run.run_config == parent.run_config
    assert launching.work(run).success
    assert steps(launching, run) == STAGES[STAGES.index(first) :]
    assert launching.job(job_id).status is JobStatus.COMPLETED
    again = [name for name in launching.watch.written[len(kept) :] if name in kept]
    assert [name for name in again if not name.endswith("embeddings.parquet")] == []
    assert set(launching.digests(card_box)) == set(STAGES), "the manifest tells of all stages"
    assert launching.job(job_id).output_data["chunkCount"] > 0
    assert [name for name in launching.files(card_box) if name.startswith("stage-")] == []


def test_a_chain_of_three_keeps_its_root(launching: LaunchingWorld, card_box: Document) -> None:
    first, job_id = stopped(launching, card_box, "stage-extraction.json")
    launching.watch.once_written(
        "stage-chunking.json", lambda _: launching.wish(job_id, JobStatus.PAUSED)
    )
    second = resumed(launching, job_id)
    launching.work(second)

    third = resumed(launching, job_id)

    assert (third.parent_run_id, third.root_run_id) == (second.run_id, first.run_id)
    assert launching.work(third).success
    assert steps(launching, third) == STAGES[1:]


def test_a_retry_is_a_re_execution_too(launching: LaunchingWorld, card_box: Document) -> None:
    def fail(_: str) -> None:
        raise OSError(28, "No space left on device")

    job_id = launching.ask(card_box)
    launching.watch.once_written("stage-chunking.json", fail)
    (first,) = launching.look_and_launch()
    launching.work(first)
    assert launching.job(job_id).status is JobStatus.FAILED

    again = resumed(launching, job_id)

    assert again.parent_run_id == first.run_id
    assert launching.attempts(job_id)[1].trigger is AttemptTrigger.RETRY
    assert launching.work(again).success


# What lies there is looked at


def delete(world: LaunchingWorld, document: Document, name: str) -> None:
    world.services.objects.delete([world.store(document).keys.prefix + name])


def alter(world: LaunchingWorld, document: Document, name: str) -> None:
    key = world.store(document).keys.prefix + name
    world.services.objects.write(key, world.services.objects.read(key) + b"!")


def truncate(world: LaunchingWorld, document: Document, name: str) -> None:
    key = world.store(document).keys.prefix + name
    world.services.objects.write(key, world.services.objects.read(key)[:-10])


@pytest.mark.parametrize("damage", [delete, alter, truncate])
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("stage-extraction.json", "extraction"),
        ("content.md", "extraction"),
        ("stage-chunking.json", "chunking"),
        ("chunks.json", "chunking"),
    ],
)
def test_a_checkpoint_that_was_damaged_is_made_again(
    launching: LaunchingWorld,
    card_box: Document,
    name: str,
    first: str,
    damage: Callable[[LaunchingWorld, Document, str], None],
) -> None:
    parent, job_id = stopped(launching, card_box, "stage-embeddings.json")
    damage(launching, card_box, name)

    run = resumed(launching, job_id)

    assert run.parent_run_id == parent.run_id
    assert launching.work(run).success
    assert steps(launching, run) == STAGES[STAGES.index(first) :]
    assert launching.job(job_id).status is JobStatus.COMPLETED


def test_other_settings_make_a_stage_anew(
    launching: LaunchingWorld, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job_id = stopped(launching, card_box, "stage-embeddings.json")
    monkeypatch.setenv("RHIZOME_CHUNK_CHARACTERS", "600")

    run = resumed(launching, job_id)

    assert launching.work(run).success
    assert steps(launching, run) == STAGES[1:]


def test_other_code_makes_a_stage_anew(
    launching: LaunchingWorld, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rhizome_pipelines.chunking import ChunkingStage

    _, job_id = stopped(launching, card_box, "stage-embeddings.json")
    monkeypatch.setattr(ChunkingStage, "VERSION", "another")

    run = resumed(launching, job_id)

    assert launching.work(run).success
    assert steps(launching, run) == STAGES[1:]


def test_rows_that_are_gone_are_made_again(launching: LaunchingWorld, card_box: Document) -> None:
    _, job_id = stopped(launching, card_box, "stage-connections.json")
    launching.services.database.execute("delete from chunks")

    run = resumed(launching, job_id)

    assert launching.work(run).success
    assert steps(launching, run) == STAGES[2:]
    assert launching.chunk_count(card_box) > 0


def test_with_nothing_left_to_do_the_job_is_completed(
    launching: LaunchingWorld, card_box: Document
) -> None:
    """The worker died between the last stage and the end of the job."""

    def die(_: str) -> None:
        raise DagsterExecutionInterruptedError

    job_id = launching.ask(card_box)
    launching.watch.once_written("manifest.json", die)
    (first,) = launching.look_and_launch()
    launching.work(first)
    assert launching.job(job_id).status is JobStatus.PROCESSING
    kept = len(launching.watch.written)

    (rescue,) = [*launching.look_and_launch(), *launching.look_and_launch()]

    assert launching.work(rescue).success
    assert steps(launching, rescue) == ["connections"]
    assert launching.job(job_id).status is JobStatus.COMPLETED
    written = [key.rpartition("/")[2] for key in launching.watch.written[kept:]]
    assert written == ["manifest.json"]


def test_a_storage_that_fails_at_the_very_end_is_told(
    launching: LaunchingWorld, card_box: Document
) -> None:
    def fail(_: str) -> None:
        raise OSError(28, "No space left on device")

    job_id = launching.ask(card_box)
    launching.watch.once_written("manifest.json", fail)
    (first,) = launching.look_and_launch()
    launching.work(first)

    job = launching.job(job_id)
    assert job.status is JobStatus.FAILED
    assert "disk is full" in (job.error_message or "")
    assert launching.work(resumed(launching, job_id)).success


def test_a_purged_parent_is_no_parent(launching: LaunchingWorld, card_box: Document) -> None:
    parent, job_id = stopped(launching, card_box, "stage-chunking.json")
    kept = {name for name in launching.watch.written if "stage-" in name}
    launching.instance.delete_run(parent.run_id)

    run = resumed(launching, job_id)

    assert run.parent_run_id is None
    assert launching.work(run).success
    assert steps(launching, run) == STAGES
    assert [name for name in launching.watch.written if name in kept] == sorted(
        kept, key=launching.watch.written.index
    ), "what was valid was made again"


def test_a_parent_with_other_steps_is_no_parent(
    launching: LaunchingWorld, card_box: Document
) -> None:
    parent, job_id = stopped(launching, card_box, "stage-chunking.json")
    launching.services.database.execute(
        """update background_jobs set input_data = '{"detectConnections": false}'"""
    )

    run = resumed(launching, job_id)

    assert parent.run_id not in (run.parent_run_id, run.root_run_id)
    assert launching.work(run).success
    assert steps(launching, run) == STAGES[:3]


def test_a_restart_begins_anew(launching: LaunchingWorld, card_box: Document) -> None:
    _, job_id = stopped(launching, card_box, "stage-chunking.json")
    before = len(launching.watch.written)
    launching.services.database.execute(
        "update background_jobs set status = 'pending', last_checkpoint_path = null, "
        "last_checkpoint_stage = null, checkpoint_hash = null"
    )

    (run,) = launching.look_and_launch()

    assert run.parent_run_id is None
    assert launching.attempts(job_id)[1].trigger is AttemptTrigger.RESTART
    assert launching.work(run).success
    assert any(name.endswith("content.md") for name in launching.watch.written[before:])


# A run that does not stop by itself


@pytest.mark.parametrize("wish", [JobStatus.PAUSED, JobStatus.CANCELLED, JobStatus.PENDING])
def test_what_does_not_stop_is_terminated_after_the_grace(
    launching: LaunchingWorld, card_box: Document, wish: JobStatus
) -> None:
    job_id = launching.ask(card_box)
    (run,) = launching.look_and_launch()
    launching.services.database.execute("update job_attempts set heartbeat_at = now()")
    launching.wish(job_id, wish)

    assert launching.look_and_launch() == []
    assert launching.launcher.terminated == []
    launching.services.database.execute(
        "update background_jobs set status_changed_at = now() - interval '16 seconds'"
    )
    assert launching.look_and_launch() == []

    assert launching.launcher.terminated == [run.run_id]


def test_a_deleted_job_is_terminated_after_the_grace_and_forgotten(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    (run,) = launching.look_and_launch()
    launching.services.database.execute("update job_attempts set heartbeat_at = now()")
    launching.delete(job_id)

    launching.tick()
    assert launching.launcher.terminated == []
    launching.services.database.execute(
        "update job_attempts set job_deleted_at = now() - interval '16 seconds'"
    )
    launching.tick()
    assert launching.launcher.terminated == [run.run_id]
    launching.instance.report_run_canceled(run)
    launching.tick()
    launching.tick()

    assert launching.attempts(job_id) == []


def test_a_silent_worker_is_replaced_and_its_run_ended(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    (silent,) = launching.look_and_launch()
    launching.services.database.execute(
        "update job_attempts set heartbeat_at = now() - interval '31 seconds'"
    )

    (rescue,) = [*launching.look_and_launch(), *launching.look_and_launch()]

    assert launching.launcher.terminated == [silent.run_id]
    assert rescue.parent_run_id == silent.run_id
    assert [one.outcome for one in launching.attempts(job_id)] == [AttemptOutcome.LOST, None]
    assert not launching.work(silent).success, "what comes back finds the job to be another's"
    assert launching.attempts(job_id)[1].alive
    assert launching.work(rescue).success


def test_a_cancelled_job_is_cleaned_up(launching: LaunchingWorld, card_box: Document) -> None:
    job_id = launching.ask(card_box)
    launching.watch.once_written(
        "stage-chunking.json", lambda _: launching.wish(job_id, JobStatus.CANCELLED)
    )
    (run,) = launching.look_and_launch()
    launching.work(run)

    launching.tick()

    assert [name for name in launching.files(card_box) if name.startswith("stage-")] == []
    assert "content.md" in launching.files(card_box)
    assert launching.job(job_id).checkpoint is None
    again = resumed(launching, job_id)
    assert launching.work(again).success
    assert launching.attempts(job_id)[1].trigger is AttemptTrigger.RESTART


def test_a_pause_after_the_end_is_put_back(launching: LaunchingWorld, card_box: Document) -> None:
    job_id = launching.ask(card_box)
    (run,) = launching.look_and_launch()
    launching.work(run)
    launching.wish(job_id, JobStatus.PAUSED)

    launching.tick()

    job = launching.job(job_id)
    assert job.status is JobStatus.COMPLETED
    assert "cannot be paused" in (job.error_message or "")
    assert launching.look_and_launch() == []


def test_terminated_while_paused_it_is_no_longer_a_persons_pause(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    (run,) = launching.look_and_launch()
    launching.wish(job_id, JobStatus.PAUSED)
    launching.wish(job_id, JobStatus.PENDING)
    launching.instance.report_run_canceled(run)

    (again,) = [*launching.look_and_launch(), *launching.look_and_launch()]

    assert launching.attempts(job_id)[0].outcome is AttemptOutcome.SUPERSEDED
    assert launching.attempts(job_id)[1].trigger is AttemptTrigger.RESUME
    assert launching.work(again).success
    assert launching.instance.get_run_by_id(run.run_id).status is DagsterRunStatus.CANCELED  # type: ignore[union-attr]
