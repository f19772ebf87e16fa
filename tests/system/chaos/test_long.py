"""Many kills and pauses, workers that come back, many jobs: `make chaos`.

CHAOS_SEED and CHAOS_KILLS choose others."""

import itertools
import os
import random
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import psutil
import pytest

from tests.system.chaos.campaign import disturb, plan, undisturbed
from tests.system.chaos.cases import (
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
        alone = undisturbed(world, BOOK)
        left = KILLS
        while left > 0:
            kills = disturb(world, BOOK, plan(chance, alone.units, turn), alone)
            assert kills
            assert max(kill.redone for kill in kills) <= 1
            left -= len(kills)
        world.stop()
        world.assert_leaves_nothing()


def test_killed_at_random_moments_the_other_jobs_end_as_if_nothing_had_been(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, turn = random.Random(SEED), itertools.cycle(IN_TURN)
    print(f"\nCHAOS_SEED={SEED} CHAOS_KILLS={KILLS} for exports, imports and connections")
    with chaos_world(home, port, tmp_path, companions=8) as world:
        undisturbed(world, BOOK)
        documents = [world.document, *world.notes]
        exports = ExportDocuments(documents)
        exported = undisturbed(world, exports)
        imports = ImportDocuments(exports.archive(world, exported.job), documents)
        cases = (imports, exports, ReprocessConnections("all"), ReprocessConnections("smart"))
        left = KILLS
        while left > 0:
            for case in cases:
                undisturbed(world, case)  # the case before has changed what is there
                alone = undisturbed(world, case)
                kills = disturb(world, case, plan(chance, alone.units, turn, 0.05), alone)
                assert all(kill.redone <= 1 for kill in kills)
                left -= len(kills)
        world.stop()
        world.assert_leaves_nothing()


def test_paused_and_resumed_at_random_moments_nothing_is_done_again(
    home: Home, port: int, tmp_path: Path
) -> None:
    chance, pauses = random.Random(SEED), 0
    with chaos_world(home, port, tmp_path) as world:
        expected = undisturbed(world, BOOK).results
        while pauses < PAUSES:
            BOOK.prepare(world)
            with Witness(world.folder) as witness:
                job = world.ask()
                while pauses < PAUSES and not world.completed(job):
                    time.sleep(chance.uniform(0.3, 2.0))
                    if not world.rows(PAUSE, job):
                        continue
                    pauses += 1
                    wait_until(partial(_ended, world, job), "the attempt has ended")
                    world.rows(RESUME, job)
                world.wait_until_completed(job)
                assert witness.units_again() == 0
            assert BOOK.results(world, job) == expected
            world.assert_one_completed_attempt(job)
        world.stop()
        world.assert_leaves_nothing()
    print(f"\n{pauses} pauses")


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
        wait_until(lambda: _completed(world, added) >= 40, "some of them are done", 300)
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
    """The same, told every few seconds."""
    done = _completed(world, documents)
    if int(time.monotonic()) % 5 == 0:
        print(f"\r{done} of {len(documents)} jobs are completed", end="", flush=True)
    return done
