"""The reconciler against a real database, in any order of events.

Clients write plain SQL; workers write as attempts do, die, and come back; the run API is late,
forgets, and loses what it is told to do. What must hold holds after every step, and when all is
calm every job comes to rest.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import sql

from rhizome_pipelines.database.guarded import OwnershipLostError
from rhizome_pipelines.deployment.reconciliation import Reconciler
from rhizome_pipelines.deployment.services import Services, open_services
from rhizome_pipelines.lifecycle.actions import RunState
from rhizome_pipelines.settings import load_settings
from tests.integration.deployment.fake_runs import (
    OVER,
    FakeRuns,
    KilledError,
    LaunchTrouble,
    Report,
)
from tests.integration.deployment.job_world import JobWorld, Row, Worker

USERS = [UUID(int=user) for user in (101, 102)]
JOBS = {UUID(int=1): USERS[0], UUID(int=2): USERS[0], UUID(int=3): USERS[1]}
ENOUGH_LOOKS = 16
GONE = "gone"
UNFINISHED = ["pending", "processing"]

_NO_POINTER: LiteralString = (
    "last_checkpoint_path = null, last_checkpoint_stage = null, checkpoint_hash = null"
)
WISHES: dict[str, tuple[list[str], LiteralString]] = {
    "pause": (UNFINISHED, "status = 'paused', paused_at = now(), pause_reason = 'lunch'"),
    "pause what is over": (
        ["completed", "failed", "cancelled"],
        "status = 'paused', paused_at = now()",
    ),
    "resume": (
        ["paused"],
        "status = 'pending', resumed_at = now(), resume_count = resume_count + 1",
    ),
    "retry": (
        ["failed", "cancelled"],
        "status = 'pending', retry_count = retry_count + 1, next_retry_at = null",
    ),
    "restart": (
        ["paused", "failed", "cancelled"],
        "status = 'pending', next_retry_at = null, " + _NO_POINTER,
    ),
    "restart at work": (["processing"], "status = 'pending', " + _NO_POINTER),
    "do it again": (["completed"], "status = 'pending'"),
    "force fail": (
        ["processing"],
        "status = 'failed', next_retry_at = now(), retry_count = 0",
    ),
    "cancel": (
        ["pending", "processing", "paused", "failed"],
        "status = 'cancelled', completed_at = now()",
    ),
}
"""The contract's writes by a client, and the states in which one makes them."""

jobs = st.sampled_from(sorted(JOBS))
reports = st.builds(Report, st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([False] * 4 + [True]))
troubles = st.sampled_from([LaunchTrouble.NONE] * 4 + list(LaunchTrouble))
back = st.integers(0, 4)
wishes = st.sampled_from(sorted(WISHES))


class ManyHands(RuleBasedStateMachine):
    """Three jobs of two users."""

    services: Services

    def __init__(self) -> None:
        super().__init__()
        self.world = JobWorld(self.services)
        self.runs = FakeRuns()
        self.workers: list[Worker] = []
        self.kept: dict[UUID, set[str]] = {}
        """The states that nobody but a client may lead a job out of, while there are any."""
        self.owners: dict[tuple[UUID, int], str] = {}
        """The run of every attempt that there ever was."""

    @initialize()
    def begin(self) -> None:
        self.world.empty()
        for job_id, user_id in JOBS.items():
            self.world.insert(job_id, user_id)

    # Clients

    @rule(job_id=jobs, wish=wishes)
    def wish(self, job_id: UUID, wish: str) -> None:
        row = self.world.row(job_id)
        allowed, change = WISHES[wish]
        if row is None or row["status"] not in allowed:
            return
        self.services.database.execute(
            f"update background_jobs set {change} where id = %s",
            (job_id,),
        )
        self.kept.pop(job_id, None)
        if wish == "pause what is over" and not _is_retried(row):
            self.kept[job_id] = {"paused", row["status"]}
        self._observe()

    @rule(job_id=jobs)
    def delete(self, job_id: UUID) -> None:
        self.services.database.execute("delete from background_jobs where id = %s", (job_id,))
        self.kept[job_id] = {GONE}

    @rule(job_id=jobs, looks_between=st.booleans())
    def cancel_and_delete_at_once(self, job_id: UUID, looks_between: bool) -> None:
        self.wish(job_id, "cancel")
        self.world.pass_time(0.1)
        if looks_between:
            self._look()
        self.delete(job_id)

    @rule(job_id=jobs)
    def insert_with_the_same_id(self, job_id: UUID) -> None:
        if self.world.row(job_id) is None:
            self.world.insert(job_id, JOBS[job_id])
            self.kept.pop(job_id, None)

    # The reconciler

    @rule()
    def look(self) -> None:
        self._look()

    @rule(report=reports, trouble=troubles, lost=st.booleans())
    def look_through_a_lying_run_api(
        self, report: Report, trouble: LaunchTrouble, lost: bool
    ) -> None:
        self.runs.report, self.runs.trouble = report, trouble
        self.runs.terminations_are_lost = lost
        self._look()
        self._all_is_well()

    @rule(job_id=jobs, wish=wishes, late=st.booleans())
    def look_while_a_client_changes_his_mind(self, job_id: UUID, wish: str, late: bool) -> None:
        self._look_while(lambda: self.wish(job_id, wish), late)

    @rule(job_id=jobs, again=st.booleans(), late=st.booleans())
    def look_while_a_row_is_deleted(self, job_id: UUID, again: bool, late: bool) -> None:
        def act() -> None:
            self.delete(job_id)
            if again:
                self.insert_with_the_same_id(job_id)

        self._look_while(act, late)

    @rule(late=st.booleans())
    def two_look_at_once(self, late: bool) -> None:
        self._look_while(self._look, late)

    @precondition(lambda self: self.workers)
    @rule(which=back, late=st.booleans())
    def look_while_a_worker_finishes(self, which: int, late: bool) -> None:
        self._look_while(self._worker(which).finish, late)

    def _look_while(self, act: Callable[[], None], late: bool) -> None:
        if late:
            self.runs.while_launching = act
        else:
            self.runs.meanwhile = act
        self._look()
        self._all_is_well()

    def _look(self) -> None:
        with contextlib.suppress(KilledError):
            Reconciler(self.services, self.runs).look()
        requests, self.runs.launched = self.runs.launched, []
        for request in requests:
            document = self.world.documents[request.job_id]
            self.workers.append(Worker(self.services, request, document))

    def _all_is_well(self) -> None:
        self.runs.report, self.runs.trouble = Report(), LaunchTrouble.NONE
        self.runs.terminations_are_lost = False
        self.runs.meanwhile = self.runs.while_launching = None

    # Workers, also those that were believed dead, and their runs

    @precondition(lambda self: self.workers)
    @rule(which=back)
    def begin_to_work(self, which: int) -> None:
        worker = self._worker(which)
        assert self._unless_lost(worker, worker.begin) in (None, self._owns(worker))

    @precondition(lambda self: self.workers)
    @rule(which=back)
    def keep_a_part(self, which: int) -> None:
        self._worker(which).keep_part()

    @precondition(lambda self: self.workers)
    @rule(which=back, what=st.integers(0, 5))
    def write_without_asking(self, which: int, what: int) -> None:
        worker = self._worker(which)
        self._unless_lost(worker, [*worker.writes().values()][what])

    @precondition(lambda self: self.workers)
    @rule(which=back)
    def stop_if_told(self, which: int) -> None:
        worker = self._worker(which)
        if worker.stops():
            self.runs.change(worker.run_id, RunState.CANCELLED)

    @precondition(lambda self: self.workers)
    @rule(which=back)
    def finish_the_job(self, which: int) -> None:
        worker = self._worker(which)
        worker.finish()
        self.runs.change(worker.run_id, RunState.SUCCEEDED)

    @precondition(lambda self: self.workers)
    @rule(which=back, state=st.sampled_from([RunState.ENDING, *sorted(OVER)]))
    def a_run_changes_by_itself(self, which: int, state: RunState) -> None:
        """Killed, said to be dead, or terminated in Dagster; its worker may not know."""
        self.runs.change(self._worker(which).run_id, state)

    @rule(seconds=st.sampled_from([1, 11, 16, 31, 91]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    def _worker(self, which: int) -> Worker:
        return self.workers[-1 - which % len(self.workers)]

    def _owns(self, worker: Worker) -> bool:
        """Whether the job is this very worker's: what its number says, and its run."""
        job_id, number = worker.request.job_id, worker.request.attempt
        row = self.world.row(job_id)
        return (
            row is not None
            and (row["status"], row["current_attempt"]) == ("processing", number)
            and any(
                (one["number"], one["run_id"]) == (number, worker.run_id)
                for one in self.world.attempts(job_id)
            )
        )

    def _unless_lost(self, worker: Worker, write: Callable[[], Any]) -> Any:
        """Let the worker write. Without owning the job it must change nothing at all."""
        owns, before = self._owns(worker), self.world.snapshot()
        try:
            written = write()
        except OwnershipLostError:
            assert not owns
            written = None
        else:
            assert owns or written is False, "a superseded attempt has written"
        if not owns:
            assert self.world.snapshot() == before
        return written

    # What holds after every step

    @invariant()
    def one_attempt_of_a_job_is_alive_and_numbers_grow_by_one(self) -> None:
        attempts = self.world.attempts()
        self._forget_what_is_forgotten({(one["job_id"], one["number"]) for one in attempts})
        alive = [one["job_id"] for one in attempts if one["ended_at"] is None]
        assert len(alive) == len(set(alive))
        previous = None
        for one in attempts:
            if previous is not None and previous["job_id"] == one["job_id"]:
                assert one["number"] == previous["number"] + 1
            previous = one
            known = self.owners.setdefault((one["job_id"], one["number"]), one["run_id"])
            assert known == one["run_id"], "two runs had the same number"

    def _forget_what_is_forgotten(self, on_record: set[tuple[UUID, int]]) -> None:
        """Drop workers whose deleted job has been cleaned up, its attempts with it.

        A limit of the fence: a row inserted with that id after this counts from one again, and
        such a worker, had it outlived it all, would not be told apart from the new first one.
        """
        self.owners = {key: run for key, run in self.owners.items() if key in on_record}
        self.workers = [
            one for one in self.workers if (one.request.job_id, one.request.attempt) in on_record
        ]

    @invariant()
    def nobody_undoes_what_a_client_wished_or_what_is_over(self) -> None:
        self._observe()

    def _observe(self) -> None:
        rows = self.world.rows()
        for job_id in JOBS:
            row = rows.get(job_id)
            status = row["status"] if row else GONE
            kept = self.kept.get(job_id)
            assert kept is None or status in kept, f"{status}, and was {kept}"
            if kept is None and _at_rest(row):
                self.kept[job_id] = {status}

    # When all is calm

    def teardown(self) -> None:
        for _ in range(ENOUGH_LOOKS):
            self._look()
            for worker in self.workers:
                self._behave(worker)
            self.world.pass_time(100)
            if all(self._is_at_rest(job_id) for job_id in self.world.documents):
                break
        self._observe()
        for job_id in self.world.documents:
            assert self._is_at_rest(job_id), f"{self.world.row(job_id)} has not come to rest"

    def _behave(self, worker: Worker) -> None:
        if self.runs.now(worker.run_id) is RunState.ENDING:
            worker.stops()
            self.runs.change(worker.run_id, RunState.CANCELLED)
        elif self.runs.now(worker.run_id) not in OVER:
            worker.finish()
            self.runs.change(worker.run_id, RunState.SUCCEEDED)

    def _is_at_rest(self, job_id: UUID) -> bool:
        """Nothing runs, nothing is left to do, and of a job that is gone nothing is kept."""
        row, attempts = self.world.row(job_id), self.world.attempts(job_id)
        if any(one["ended_at"] is None for one in attempts) or not _at_rest(row):
            return False
        if row is None:
            return attempts == [] and self.world.checkpoints(job_id) == []
        return row["status"] != "cancelled" or row["last_checkpoint_path"] is None


def _is_retried(row: Row) -> bool:
    return (
        row["status"] == "failed"
        and row["next_retry_at"] is not None
        and row["retry_count"] < row["max_retries"]
    )


def _at_rest(row: Row | None) -> bool:
    """Whether only a client's wish leads the job on (a deleted one: a new row)."""
    if row is None:
        return True
    return row["status"] in ("paused", "completed", "cancelled", "failed") and not _is_retried(row)


@pytest.fixture
def quick_services(home: Path, database_url: str) -> Iterator[Services]:
    """Nobody pulls the plug here: no commit waits for the disk."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(name))
    with open_services(load_settings()) as opened:
        yield opened


def test_whatever_happens_no_wish_is_undone_and_every_job_comes_to_rest(
    quick_services: Services,
) -> None:

    class Here(ManyHands):
        services = quick_services

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
