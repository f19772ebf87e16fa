"""A person's commands, from the function that command line and panel share to the runs' ends."""

from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.cli.identifying import JOB
from rhizome_pipelines.deployment.commands import Granted, command, wait_until_stopped
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.lifecycle.wishes import Refused, Wish
from tests.bad_input import SAMPLES
from tests.dagster.launching_world import LaunchingWorld

CHUNKED = "stage-chunking.json"


@pytest.fixture
def card_box(launching: LaunchingWorld) -> Document:
    return launching.add(SAMPLES / "card-box.md")


def ask(world: LaunchingWorld, wish: Wish, job_id: UUID, **options: str) -> Granted | Refused:
    (answer,) = command(world.services, wish, [job_id], world.user, **options)
    assert answer.job_id == job_id
    return answer.result


def granted(world: LaunchingWorld, wish: Wish, job_id: UUID) -> Granted:
    result = ask(world, wish, job_id)
    assert isinstance(result, Granted), result
    return result


def refused(world: LaunchingWorld, wish: Wish, job_id: UUID) -> str:
    result = ask(world, wish, job_id)
    assert isinstance(result, Refused), result
    return result.sentence


def in_the_middle(world: LaunchingWorld, document: Document, wish: Wish) -> UUID:
    """A job to which this was commanded while its run was behind the chunking."""
    job_id = world.ask(document)

    def interrupt(_: str) -> None:
        assert granted(world, wish, job_id).stopping

    world.watch.once_written(CHUNKED, interrupt)
    (run,) = world.look_and_launch()
    world.work(run)
    return job_id


def finish(world: LaunchingWorld, job_id: UUID) -> AttemptTrigger:
    """Let the next run do its work; why it was made."""
    (run,) = world.look_and_launch()
    assert world.work(run).success
    assert world.job(job_id).status is JobStatus.COMPLETED
    return world.attempts(job_id)[-1].trigger


def test_a_paused_job_stops_and_a_resumed_one_goes_on(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = in_the_middle(launching, card_box, Wish.PAUSE)

    assert wait_until_stopped(launching.services, [job_id], 5) == []
    job = launching.job(job_id)
    assert (job.status, job.pause_reason) == (JobStatus.PAUSED, "paused by a person")
    assert launching.look_and_launch() == []
    assert "it is already" in refused(launching, Wish.PAUSE, job_id)
    assert not granted(launching, Wish.RESUME, job_id).stopping
    written = len(launching.watch.written)
    assert finish(launching, job_id) is AttemptTrigger.RESUME
    assert not any("content.md" in name for name in launching.watch.written[written:])


def test_a_paused_job_is_restarted_from_the_beginning(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = in_the_middle(launching, card_box, Wish.PAUSE)
    written = len(launching.watch.written)

    granted(launching, Wish.RESTART, job_id)

    assert "cancel it first" in refused(launching, Wish.RESTART, job_id)
    assert finish(launching, job_id) is AttemptTrigger.RESTART
    assert any("content.md" in name for name in launching.watch.written[written:])


def test_a_failed_job_is_retried_from_what_is_kept(
    launching: LaunchingWorld, card_box: Document
) -> None:
    def fail(_: str) -> None:
        raise OSError(28, "No space left on device")

    job_id = launching.ask(card_box)
    launching.watch.once_written(CHUNKED, fail)
    (run,) = launching.look_and_launch()
    launching.work(run)
    assert "goes on from what is kept" in refused(launching, Wish.PAUSE, job_id)
    assert "rhizome jobs retry" in refused(launching, Wish.RESUME, job_id)

    granted(launching, Wish.RETRY, job_id)

    assert launching.job(job_id).retry_count == 1
    assert finish(launching, job_id) is AttemptTrigger.RETRY


def test_a_cancelled_job_leaves_nothing_to_go_on_from(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = in_the_middle(launching, card_box, Wish.CANCEL)
    launching.tick()

    assert launching.attempts(job_id)[0].outcome is AttemptOutcome.CANCELLED
    assert [name for name in launching.files(card_box) if name.startswith("stage-")] == []
    assert "begins it anew" in refused(launching, Wish.CANCEL, job_id)
    granted(launching, Wish.RETRY, job_id)
    finish(launching, job_id)


def test_a_deleted_job_is_gone_with_all_that_was_kept(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = in_the_middle(launching, card_box, Wish.DELETE)
    launching.tick()
    launching.tick()

    assert launching.jobs.get(job_id) is None
    assert launching.attempts(job_id) == []
    assert [name for name in launching.files(card_box) if name.startswith("stage-")] == []
    for wish in Wish:
        assert "There is no job" in refused(launching, wish, job_id)


def test_a_job_that_is_forced_to_fail_is_tried_again_at_once(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = in_the_middle(launching, card_box, Wish.FORCE_FAIL)
    launching.tick()

    assert finish(launching, job_id) in (AttemptTrigger.RETRY, AttemptTrigger.RESUME)
    assert "only what is being worked on" in refused(launching, Wish.FORCE_FAIL, job_id)


def test_a_finished_job_is_done_again_only_from_the_beginning(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    finish(launching, job_id)

    for wish in (Wish.PAUSE, Wish.RESUME, Wish.RETRY):
        assert f"rhizome jobs restart {job_id}" in refused(launching, wish, job_id)
    assert f"rhizome jobs delete {job_id}" in refused(launching, Wish.CANCEL, job_id)
    assert launching.look_and_launch() == [], "what was refused has changed nothing"
    granted(launching, Wish.RESTART, job_id)
    assert finish(launching, job_id) is AttemptTrigger.RESTART


def test_each_of_several_jobs_is_answered_for_itself(
    launching: LaunchingWorld, card_box: Document
) -> None:
    mine, nobodys = launching.ask(card_box), uuid4()
    anothers = launching.ask(None, user=uuid4())

    answers = command(
        launching.services, Wish.PAUSE, [nobodys, mine, anothers], launching.user, reason="lunch"
    )

    assert [answer.granted for answer in answers] == [False, True, False]
    assert launching.job(mine).pause_reason == "lunch"
    assert launching.job(anothers).status is JobStatus.PENDING
    (operator,) = command(launching.services, Wish.PAUSE, [anothers], None)
    assert operator.granted


def test_ids_may_be_shortened_as_long_as_they_mean_one_job(
    launching: LaunchingWorld, card_box: Document
) -> None:
    job_id = launching.ask(card_box)
    twins = [UUID("abcdef00-0000-4000-8000-00000000000" + end) for end in "12"]
    for twin in twins:
        launching.services.database.execute(
            "insert into background_jobs (id, user_id, job_type) values (%s, %s, 'unknown')",
            (twin, launching.user),
        )

    found, unknown = JOB.resolved(
        launching.services,
        [str(job_id)[:8], str(job_id).upper(), "abcdef", "123456789", "short"],
        launching.user,
    )

    assert found == [job_id]
    assert ["More than one" in unknown[0], "no job" in unknown[1], "no job's id" in unknown[2]] == [
        True
    ] * 3
