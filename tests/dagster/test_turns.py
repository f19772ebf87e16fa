"""Ticks that stay: whose turn it is, what they hear of, and whose job is next."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.listen import Listener
from rhizome_pipelines.database.turn import TURNS, give_up_turn, take_turn
from rhizome_pipelines.deployment import tick
from rhizome_pipelines.deployment.presence import somebody_is_there
from rhizome_pipelines.deployment.services import open_services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, JobStatus
from rhizome_pipelines.run_api import JOB_TAG, USER_TAG
from rhizome_pipelines.settings import load_settings
from tests.bad_input import SAMPLES
from tests.dagster.launchers import NotesLauncher
from tests.dagster.launching_world import PATIENCE, LaunchingWorld, instance_with

NEVER = 1_000.0


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaunchingWorld]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHIZOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RHIZOME_DATABASE_URL", database_url)
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "2")
    # What a tick is not told, it never sees; and it does not end by itself.
    monkeypatch.setattr(tick, "LOOK_ANYWAY_SECONDS", NEVER)
    monkeypatch.setattr(tick, "ASK_ANYWAY_SECONDS", NEVER)
    settings = load_settings()
    launcher = NotesLauncher()
    with instance_with(launcher) as instance, open_services(settings) as services:
        yield LaunchingWorld(
            services, instance, settings.user, launcher=launcher, tick_seconds=NEVER
        )


@pytest.fixture
def card_box(world: LaunchingWorld) -> Document:
    return world.add(SAMPLES / "card-box.md")


def _many(world: LaunchingWorld, user: UUID, count: int) -> None:
    """So many pending jobs of the user, each about a document of its own, at once."""
    world.services.database.execute(
        """
        with added as (
            insert into documents (user_id, title, source_type)
            select %(user)s, 'x', 'txt' from generate_series(1, %(count)s) returning id)
        insert into background_jobs (user_id, job_type, entity_type, entity_id)
        select %(user)s, 'process_document', 'document', id from added
        """,
        {"user": user, "count": count},
    )


def _complete_one(world: LaunchingWorld, user: UUID) -> None:
    """The worker of one of the user's jobs gets it done."""
    row = world.services.database.first(
        "select id, current_attempt from background_jobs "
        "where user_id = %s and status = 'processing' order by created_at, id limit 1",
        (user,),
    )
    assert row is not None
    GuardedJob(world.services.database, row["id"], row["current_attempt"]).complete({})


def _asking(world: LaunchingWorld) -> int:
    """How many listeners have asked for the turn, and whatever came of it."""
    row = world.services.database.first(
        "select count(*) as asking from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() "
        "and query like 'select pg_try_advisory_lock%%'"
    )
    assert row is not None
    return int(row["asking"])


def _can_be_had(world: LaunchingWorld) -> bool:
    """Whether nobody has the turn."""
    with Listener(world.services.database.url) as third:
        return take_turn(third)


# What a tick hears of


def test_a_row_that_comes_during_the_tick_is_launched_in_it(
    world: LaunchingWorld, card_box: Document
) -> None:
    with world.ticking() as ticking:
        ticking.until(lambda: somebody_is_there(world.services.database))
        world.ask(card_box)
        ticking.until(lambda: len(world.launcher.launched) == 1)

    assert ticking.told == "No run is asked for: 1 launched."


def test_the_end_of_a_job_makes_room_for_the_next_at_once(world: LaunchingWorld) -> None:
    _many(world, world.user, 4)

    with world.ticking() as ticking:
        for launched in (2, 3, 4):
            ticking.until(lambda so_many=launched: len(world.launcher.launched) == so_many)
            _complete_one(world, world.user)


def test_the_end_of_a_paused_attempt_makes_room_for_the_next_at_once(
    world: LaunchingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "1")
    _many(world, world.user, 2)

    with world.ticking() as ticking:
        ticking.until(lambda: len(world.launcher.launched) == 1)
        (first,) = world.launched()
        job_id = UUID(first.tags[JOB_TAG])
        world.wish(job_id, JobStatus.PAUSED)
        AttemptRepository(world.services.database).end(job_id, 1, AttemptOutcome.PAUSED)
        ticking.until(lambda: len(world.launcher.launched) == 1)


def test_a_wish_of_which_nobody_was_told_is_seen_a_little_later(
    world: LaunchingWorld, card_box: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick, "LOOK_ANYWAY_SECONDS", 0.1)
    world.services.database.execute("alter table background_jobs disable trigger user")

    with world.ticking() as ticking:
        ticking.until(lambda: somebody_is_there(world.services.database))
        world.ask(card_box)
        ticking.until(lambda: len(world.launcher.launched) == 1)


def test_what_came_while_nobody_listened_is_seen_at_the_first_look(
    world: LaunchingWorld, card_box: Document
) -> None:
    world.ask(card_box)

    with world.ticking() as ticking:
        ticking.until(lambda: len(world.launcher.launched) == 1)


def test_a_burst_is_one_notification(database_url: str, world: LaunchingWorld) -> None:
    with Listener(database_url, "rhizome_wish") as listener:
        for _ in range(50):
            _many(world, world.user, 4)
        heard = 0
        while heard < 200:
            heard += (came := listener.wait(PATIENCE))
            assert came > 0
        assert listener.wait(0) == 0


# Whose turn it is


def test_one_tick_works_and_the_other_takes_over(
    database_url: str, world: LaunchingWorld, card_box: Document
) -> None:
    with Listener(database_url, TURNS) as other:
        assert take_turn(other)
        with world.ticking() as ticking:
            ticking.until(lambda: _asking(world) == 2)
            job_id = world.ask(card_box)
            assert not _can_be_had(world)
            assert world.job(job_id).status is JobStatus.PENDING

            give_up_turn(other)

            ticking.until(lambda: len(world.launcher.launched) == 1)


def test_whoever_had_the_turn_and_died_does_not_keep_it(
    database_url: str,
    world: LaunchingWorld,
    card_box: Document,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tick, "ASK_ANYWAY_SECONDS", 0.1)
    world.ask(card_box)
    with Listener(database_url, TURNS) as other:
        assert take_turn(other)
        with world.ticking() as ticking:
            ticking.until(lambda: _asking(world) == 2)
            other.connection.close()
            ticking.until(lambda: len(world.launcher.launched) == 1)


def test_a_tick_whose_turn_does_not_come_ends_and_says_why(
    database_url: str, world: LaunchingWorld, card_box: Document
) -> None:
    job_id = world.ask(card_box)
    world.tick_seconds = 0.1
    with Listener(database_url, TURNS) as other:
        assert take_turn(other)

        assert world.tick() == "No run is asked for: 1 waits for another tick."

    assert world.job(job_id).status is JobStatus.PENDING
    assert not somebody_is_there(world.services.database)


def test_the_turn_is_given_up_when_the_tick_ends(world: LaunchingWorld) -> None:
    world.tick_seconds = 0.1
    world.tick()

    assert _can_be_had(world)


def test_both_ticks_end_with_their_deployment(world: LaunchingWorld) -> None:
    with world.ticking() as working:
        working.until(lambda: somebody_is_there(world.services.database))
        with world.ticking() as waiting:
            waiting.until(lambda: _asking(world) == 1)

    assert working.told == "No run is asked for: nothing to do."
    assert waiting.told is not None


# Whose job is next


def test_one_row_of_another_user_comes_next_whatever_stands_before_it(
    world: LaunchingWorld,
) -> None:
    greedy, other = uuid4(), uuid4()
    _many(world, greedy, 500)

    with world.ticking() as ticking:
        ticking.until(lambda: len(world.launcher.launched) == 2)
        _many(world, other, 1)
        _complete_one(world, greedy)
        ticking.until(lambda: len(world.launcher.launched) == 3)
        _complete_one(world, greedy)
        ticking.until(lambda: len(world.launcher.launched) == 4)

    users = [run.tags[USER_TAG] for run in world.launched()]
    assert users == [str(greedy), str(greedy), str(other), str(greedy)]


def test_who_has_none_at_work_comes_before_who_has_one(
    world: LaunchingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the one who has one has waited longer."""
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "3")
    first, second = uuid4(), uuid4()
    _many(world, first, 1)
    world.tick_seconds = 0.01
    world.tick()
    _many(world, first, 5)
    _many(world, second, 5)

    world.tick()

    users = [run.tags[USER_TAG] for run in world.launched()]
    assert sorted(users[1:]) == sorted([str(second), str(first)])
    assert users[1] == str(second)


def test_among_users_who_have_as_many_at_work_the_urgent_row_comes_first(
    world: LaunchingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_MAX_IN_FLIGHT", "1")
    patient, urgent = uuid4(), uuid4()
    _many(world, patient, 3)
    _many(world, urgent, 3)
    world.services.database.execute(
        "update background_jobs set priority = 5 where user_id = %s", (urgent,)
    )
    world.tick_seconds = 0.01

    world.tick()

    assert [run.tags[USER_TAG] for run in world.launched()] == [str(urgent)]
