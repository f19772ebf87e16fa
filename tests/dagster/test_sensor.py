"""From rows to requested runs, and from runs that ended without a word back to rows."""

import os
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from dagster import DagsterRunStatus

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.deployment.presence import somebody_is_there, stopping
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.run_api import ATTEMPT_TAG, JOB_TAG, TITLE_TAG, USER_TAG
from tests.bad_input import SAMPLES
from tests.dagster.watched_store import WatchedStore
from tests.dagster.world import World


@pytest.fixture
def card_box(world: World) -> Document:
    return world.add(SAMPLES / "card-box.md")


def test_a_pending_row_becomes_one_run_request(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)

    (request,) = world.look()

    assert request.run_key == f"{job_id}:1"
    assert request.partition_key == str(card_box.id)
    assert request.asset_selection is None
    assert request.tags == {
        JOB_TAG: str(job_id),
        ATTEMPT_TAG: "1",
        USER_TAG: str(world.user),
        TITLE_TAG: str(card_box.id),
    }
    assert world.instance.get_dynamic_partitions("documents") == [str(card_box.id)]
    assert world.job(job_id).status is JobStatus.PROCESSING


def test_what_was_asked_for_is_not_asked_for_again(world: World, card_box: Document) -> None:
    world.ask(card_box)
    assert len(world.look()) == 1

    assert world.look() == []


def test_nothing_to_do_is_nothing_done(world: World) -> None:
    assert world.look() == []


def test_a_deployment_that_is_ending_begins_nothing(world: World, card_box: Document) -> None:
    home = world.services.settings.home
    (home / "dagster").mkdir(parents=True)
    job_id = world.ask(card_box)

    with stopping(home):
        assert world.look() == []
        assert world.job(job_id).status is JobStatus.PENDING
        assert not somebody_is_there(world.services.database)

    assert len(world.look()) == 1
    assert somebody_is_there(world.services.database)


def test_the_sign_of_one_that_was_killed_while_it_ended_is_not_believed_for_ever(
    world: World, card_box: Document
) -> None:
    folder = world.services.settings.home / "dagster"
    folder.mkdir(parents=True)
    (folder / "stopping").touch()
    os.utime(folder / "stopping", (0, 0))
    world.ask(card_box)

    assert len(world.look()) == 1


def test_a_row_without_entity_is_found_by_its_input(world: World, card_box: Document) -> None:
    job_id = world.ask(None, document_id=str(card_box.id))

    (request,) = world.look()

    assert request.tags[JOB_TAG] == str(job_id)
    assert request.partition_key == str(card_box.id)


def test_the_old_spelling_is_accepted(world: World, card_box: Document) -> None:
    world.ask(card_box, job_type="process-document")

    assert len(world.look()) == 1


def test_without_connections_three_assets_are_selected(world: World, card_box: Document) -> None:
    world.ask(card_box, detectConnections=False)

    (request,) = world.look()

    selected = [key.to_user_string() for key in request.asset_selection or []]
    assert selected == ["extraction", "chunking", "embeddings"]


# What cannot be begun


@pytest.mark.parametrize(
    ("job_type", "input_data", "told"),
    [
        ("make_coffee", {}, "no job type 'make_coffee'"),
        ("readwise_import", {}, "not offered"),
        ("process_document", {}, "names no document"),
        ("process_document", {"document_id": "the first one"}, "must be a document's id"),
        ("process_document", {"document_id": 7}, "must be a document's id"),
        ("process_document", {"document_id": ["a"]}, "must be a document's id"),
        ("process_document", {"document_id": str(uuid4())}, "no document"),
    ],
)
def test_a_row_that_cannot_be_begun_is_invalid(
    world: World, job_type: str, input_data: dict[str, object], told: str
) -> None:
    job_id = world.ask(None, job_type=job_type, **input_data)

    assert world.look() == []

    job = world.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error_type is ErrorType.INVALID
    assert told in (job.error_message or "")
    assert job.output_data["success"] is False
    assert world.attempts(job_id) == []


def test_another_users_document_is_no_document(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box, user=uuid4())

    assert world.look() == []

    job = world.job(job_id)
    assert job.error_type is ErrorType.INVALID
    assert world.document_row(card_box)["processing_status"] == "pending"


def test_one_bad_row_does_not_hold_up_the_others(world: World, card_box: Document) -> None:
    bad = world.ask(None, job_type="make_coffee")
    good = world.ask(card_box)

    (request,) = world.look()

    assert request.tags[JOB_TAG] == str(good)
    assert world.job(bad).status is JobStatus.FAILED


# How many at once


def _many(world: World, users: list[UUID], each: int) -> None:
    """`each` pending jobs for every user, all of the first user's first."""
    for user in users:
        for _ in range(each):
            row = world.services.database.first(
                "insert into documents (user_id, title, source_type) values (%s, 'x', 'txt') "
                "returning id",
                (user,),
            )
            assert row is not None
            world.ask(None, user=user, document_id=str(row["id"]))


def test_so_many_in_all_are_in_flight(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "3")
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT_PER_USER", "10")
    _many(world, [uuid4()], 5)

    assert len(world.look()) == 3
    assert world.look() == []


def test_users_take_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "4")
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT_PER_USER", "10")
    greedy, *others = [uuid4() for _ in range(3)]
    _many(world, [greedy], 10)
    _many(world, others, 1)

    launched = Counter(request.tags[USER_TAG] for request in world.look())

    assert launched == {str(greedy): 2, str(others[0]): 1, str(others[1]): 1}


def test_one_user_alone_has_a_bound_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "10")
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT_PER_USER", "2")
    first, second = uuid4(), uuid4()
    _many(world, [first, second], 5)

    launched = Counter(request.tags[USER_TAG] for request in world.look())

    assert launched == {str(first): 2, str(second): 2}


# Runs that ended without a word


def _age(world: World, job_id: UUID, by: timedelta) -> None:
    world.services.database.execute(
        "update job_attempts set created_at = created_at - %(by)s, "
        "heartbeat_at = heartbeat_at - %(by)s where job_id = %(job)s",
        {"by": by, "job": job_id},
    )


def _started(world: World, job_id: UUID, status: DagsterRunStatus | None) -> str:
    """The first attempt has begun to work, in a run that Dagster has with this status."""
    run_id = str(uuid4())
    if status is not None:
        job = world.definitions.resolve_job_def("process_document")
        run = world.instance.create_run_for_job(job, run_id=run_id, status=status)
        assert run.run_id == run_id
    attempts = AttemptRepository(world.services.database)
    assert attempts.bind_run(job_id, 1, run_id)
    assert attempts.started(job_id, 1)
    return run_id


@pytest.mark.parametrize("status", [DagsterRunStatus.FAILURE, DagsterRunStatus.SUCCESS])
def test_a_worker_that_was_killed_is_rescued(
    world: World, card_box: Document, status: DagsterRunStatus
) -> None:
    job_id = world.ask(card_box)
    world.look()
    _started(world, job_id, status)

    world.settle()

    first, second = world.attempts(job_id)
    assert first.outcome is AttemptOutcome.LOST
    assert first.error
    assert second.trigger is AttemptTrigger.RESCUE
    job = world.job(job_id)
    assert job.status is JobStatus.COMPLETED
    assert job.retry_count == 0


def test_a_silent_worker_of_a_run_that_seems_alive_is_rescued(
    world: World, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    world.look()
    _started(world, job_id, DagsterRunStatus.STARTED)
    assert world.look() == []
    _age(world, job_id, timedelta(seconds=31))

    world.settle()

    assert world.attempts(job_id)[0].outcome is AttemptOutcome.LOST
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_a_run_that_never_appears_is_asked_for_again(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    world.look()
    assert world.look() == []
    _age(world, job_id, timedelta(seconds=91))

    requests = [*world.look(), *world.look()]

    assert [request.run_key for request in requests] == [f"{job_id}:2"]


def test_a_run_that_was_terminated_in_dagster_pauses_its_job(
    world: World, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    world.look()
    _started(world, job_id, DagsterRunStatus.CANCELED)

    world.look()

    job = world.job(job_id)
    assert job.status is JobStatus.PAUSED
    assert job.pause_reason == "terminated in Dagster"
    assert world.attempts(job_id)[0].outcome is AttemptOutcome.PAUSED


def test_the_third_death_at_one_place_is_the_last(world: World, card_box: Document) -> None:
    job_id = world.ask(card_box)
    for number in (1, 2, 3):
        (request,) = [*world.look(), *world.look()]
        assert request.tags[ATTEMPT_TAG] == str(number)
        AttemptRepository(world.services.database).started(job_id, number)
        _age(world, job_id, timedelta(seconds=91))
    scratch = world.services.settings.home / "scratch"
    (scratch / f"{job_id}.3" / "rhizome-extraction-x").mkdir(parents=True)

    assert [*world.look(), *world.look()] == []

    assert [*scratch.iterdir()] == [], "no next attempt would remove what the last has left"
    job = world.job(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error_type is ErrorType.PERMANENT
    assert "died 3 times" in (job.error_message or "")
    assert world.document_row(card_box)["processing_status"] == "failed"


def test_a_job_that_was_taken_over_meanwhile_does_not_stop_the_look(
    world: World, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the rows and acting on them, anything may have happened to one of them."""
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "9")
    other = world.add(SAMPLES / "under-the-forest.md")
    doomed = world.ask(card_box)
    for number in (1, 2, 3):
        assert [*world.look(), *world.look()]
        AttemptRepository(world.services.database).started(doomed, number)
        _age(world, doomed, timedelta(seconds=91))
    good = world.ask(other)
    real = AttemptRepository.deaths_in_place

    def deleted_meanwhile(self: AttemptRepository, job_id: UUID) -> int:
        deaths = real(self, job_id)
        world.delete(job_id)
        return deaths

    monkeypatch.setattr(AttemptRepository, "deaths_in_place", deleted_meanwhile)

    (request,) = world.look()

    assert request.tags[JOB_TAG] == str(good)


def test_a_row_that_nobody_can_decide_about_does_not_stop_the_look(
    world: World, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "9")
    first = world.ask(card_box)
    assert world.look()
    world.services.database.execute(
        "update job_attempts set number = number + 2 where job_id = %s", (first,)
    )
    _age(world, first, timedelta(seconds=91))
    good = world.ask(world.add(SAMPLES / "under-the-forest.md"))

    def defect(self: AttemptRepository, job_id: UUID) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(AttemptRepository, "deaths_in_place", defect)

    assert [request.tags[JOB_TAG] for request in world.look()] == [str(good)]


def test_a_storage_that_is_away_puts_off_the_job_that_needs_it(
    world: World, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart discards the old checkpoints first; while that cannot be done, it waits."""
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "9")
    again = world.process(card_box).id
    world.wish(again, JobStatus.PENDING)
    good = world.ask(world.add(SAMPLES / "under-the-forest.md"))

    def away(*_: object) -> None:
        raise StorageUnavailableError("The storage does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(WatchedStore, "delete", away)
        assert [request.tags[JOB_TAG] for request in world.look()] == [str(good)]

    assert world.job(again).status is JobStatus.PENDING
    assert [request.tags[JOB_TAG] for request in world.look()] == [str(again)]
