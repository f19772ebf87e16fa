"""Many kills and pauses, workers that come back, many jobs: `make chaos`.

CHAOS_SEED and CHAOS_KILLS choose others."""

import itertools
import os
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import LiteralString
from uuid import UUID, uuid4

import psutil
import pytest

from tests.system.chaos.campaign import (
    Undisturbed,
    assert_as_if_nothing_had_been,
    disturb,
    plan,
    undisturbed,
)
from tests.system.chaos.cases import (
    Case,
    DetectConnections,
    ExportDocuments,
    ImportDocuments,
    ProcessDocument,
    ReprocessConnections,
)
from tests.system.chaos.victims import IN_TURN, Part, kill_parts
from tests.system.chaos.witness import Witness
from tests.system.chaos.world import ChaosWorld, chaos_world
from tests.system.home import Home, wait_until

SEED = int(os.environ.get("CHAOS_SEED", "1"))
KILLS = int(os.environ.get("CHAOS_KILLS", "32"))

BOOK = ProcessDocument()

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_600)]


def test_killed_at_random_moments_every_job_ends_as_if_nothing_had_been(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, turn = random.Random(SEED), itertools.cycle(IN_TURN)
    print(f"\nCHAOS_SEED={SEED} CHAOS_KILLS={KILLS}")
    with chaos_world(home, port, tmp_path) as world:
        alone, left = undisturbed(world, BOOK), KILLS
        while left > 0:
            left -= len(disturb(world, BOOK, plan(chance, alone.units, turn), alone))
        world.stop()
        world.assert_leaves_nothing()


def test_killed_at_random_moments_the_other_jobs_end_as_if_nothing_had_been(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, turn = random.Random(SEED), itertools.cycle(IN_TURN)
    print(f"\nCHAOS_SEED={SEED} CHAOS_KILLS={KILLS} for exports, imports and connections")
    with chaos_world(home, port, tmp_path, companions=8) as world:
        cases, left = other_cases(world), KILLS
        while left > 0:
            for case in cases:
                alone = settled(world, case)
                left -= len(disturb(world, case, plan(chance, alone.units, turn, 0.05), alone))
        world.stop()
        world.assert_leaves_nothing()


def test_paused_and_resumed_at_random_moments_nothing_is_done_again(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, pauses = random.Random(SEED), 0
    with chaos_world(home, port, tmp_path) as world:
        alone = undisturbed(world, BOOK)
        while pauses < PAUSES:
            pauses += pause_often(world, BOOK, alone, chance, PAUSES - pauses, 2.0)
        world.stop()
        world.assert_leaves_nothing()
    print(f"\n{pauses} pauses")


def test_paused_and_resumed_the_other_jobs_do_nothing_again(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, pauses = random.Random(SEED), 0
    with chaos_world(home, port, tmp_path, companions=8) as world:
        cases = other_cases(world)
        while pauses < PAUSES:
            for case in cases:
                pauses += pause_often(world, case, settled(world, case), chance, 5, 0.4)
        world.stop()
        world.assert_leaves_nothing()
    print(f"\n{pauses} pauses of exports, imports and connections")


def other_cases(world: ChaosWorld) -> Sequence[Case]:
    """The jobs that need a library: it is made here."""
    undisturbed(world, BOOK)
    documents = [world.document, *world.notes]
    exports = ExportDocuments(documents)
    archive = exports.archive(world, undisturbed(world, exports).job)
    connections = (DetectConnections(), ReprocessConnections("all"), ReprocessConnections("smart"))
    return [ImportDocuments(archive, documents), exports, *connections]


def settled(world: ChaosWorld, case: Case) -> Undisturbed:
    """What the job does when it has been done already, whatever the case before has changed."""
    undisturbed(world, case)
    return undisturbed(world, case)


def pause_often(
    world: ChaosWorld,
    case: Case,
    alone: Undisturbed,
    chance: random.Random,
    most: int,
    longest: float,
) -> int:
    """Pause the job and resume it, after up to `longest` seconds each; how often it was paused."""
    pauses, job = 0, uuid4()
    case.prepare(world)
    with Witness(case.folder(world, job)) as witness:
        case.ask(world, job)
        while pauses < most and not world.completed(job):
            time.sleep(chance.uniform(0.05, longest))
            if not world.rows(PAUSE, job):
                continue
            pauses += 1
            wait_until(partial(_ended, world, job), "the attempt has ended")
            world.rows(RESUME, job)
        world.wait_until_completed(job)
        assert witness.units_again() == 0
    assert_as_if_nothing_had_been(world, case, job, alone)
    return pauses


def test_a_worker_that_was_believed_dead_and_comes_back_changes_nothing(
    home: Home, port: int, tmp_path: Path
) -> None:
    with chaos_world(home, port, tmp_path) as world:
        expected = undisturbed(world, BOOK).results
        BOOK.prepare(world)
        with Witness(world.folder) as witness:
            job = world.ask()
            wait_until(lambda: witness.units("extraction") >= 2, "two windows are kept")
            (worker,) = world.home.workers()
            worker.suspend()
            time.sleep(40)
            with suppress(psutil.NoSuchProcess):
                worker.resume()
            world.wait_until_completed(job)
        assert BOOK.results(world, job) == expected
        world.assert_one_completed_attempt(job)
        assert [one["outcome"] for one in world.attempts(job)] == ["lost", "completed"]
        world.stop()
        world.assert_leaves_nothing()


def test_of_two_hundred_jobs_each_is_done_once_though_the_daemon_is_killed(
    home: Home, port: int, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(200):
        (notes / f"{number}.md").write_text(f"# Note {number}\n\nWhat is told of {number}.\n" * 3)
    with chaos_world(home, port, tmp_path) as world:
        added = world.add(notes)
        world.rows(INSERT_ALL, added)
        wait_until(lambda: _told_completed(world, added) >= 40, "some of them are done", 300)
        kill_parts(world, (Part.DAEMON,))
        wait_until(lambda: _told_completed(world, added) == len(added), "all are done", 900)
        attempts = world.rows(ATTEMPTS_OF, added)
        assert [one["completed"] for one in attempts] == [1] * len(added)
        assert [one["alive"] for one in attempts] == [0] * len(added)
        world.stop()
        world.assert_leaves_nothing()


PAUSES = 20
PAUSE: LiteralString = """
    update background_jobs set status = 'paused', paused_at = now()
    where id = %s and status = 'processing' returning id"""
RESUME: LiteralString = """
    update background_jobs set status = 'pending', resumed_at = now(),
        resume_count = coalesce(resume_count, 0) + 1 where id = %s returning id"""
INSERT_ALL: LiteralString = """
    insert into background_jobs (user_id, job_type, entity_type, entity_id)
    select user_id, 'process_document', 'document', id from documents where id = any(%s)
    returning id"""
ATTEMPTS_OF: LiteralString = """
    select count(*) filter (where outcome = 'completed') as completed,
           count(*) filter (where ended_at is null) as alive
    from job_attempts where entity_id = any(%s) group by job_id"""


def _ended(world: ChaosWorld, job: UUID) -> bool:
    return all(one["ended_at"] is not None for one in world.attempts(job))


def _completed(world: ChaosWorld, documents: list[UUID]) -> int:
    rows = world.rows(
        "select id from background_jobs where status = 'completed' and entity_id = any(%s)",
        documents,
    )
    return len(rows)


def _told_completed(world: ChaosWorld, documents: list[UUID]) -> int:
    """The same, told whenever it is asked."""
    done = _completed(world, documents)
    print(f"\r{done} of {len(documents)} jobs are completed ", end="", flush=True)
    time.sleep(0.5)
    return done
