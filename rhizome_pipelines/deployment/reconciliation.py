"""The sensor's work without the sensor: read what needs attention, decide, carry out."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never
from uuid import UUID

from rhizome_pipelines.checkpoints.objects import StorageUnavailableError
from rhizome_pipelines.database.attempts import AttemptRepository, DeletedJob
from rhizome_pipelines.database.connection import LockedError
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.attempt_launcher import AttemptLauncher, Runs
from rhizome_pipelines.deployment.cleanup import discard_for, set_given_up_right
from rhizome_pipelines.deployment.room import Room
from rhizome_pipelines.deployment.scratch import discard_scratch
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.actions import (
    ON_THE_WAY,
    Action,
    CleanUp,
    EndAttempt,
    Fail,
    Launch,
    Pause,
    PutBack,
    Rescue,
    Retry,
    RunState,
    Situation,
    Terminate,
    Wait,
)
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, Job, JobStatus
from rhizome_pipelines.lifecycle.launch import LaunchRequest
from rhizome_pipelines.lifecycle.reconcile import reconcile, reconcile_deleted

log = logging.getLogger(__name__)

_DONE: Mapping[type[Action], str] = {
    Terminate: "terminated",
    EndAttempt: "ended",
    Rescue: "rescued",
    Pause: "paused",
    Retry: "to be retried",
    PutBack: "put back",
    CleanUp: "cleaned up",
    Fail: "failed",
}

LOCKED_SECONDS = 5.0
"""How long a job is left alone whose row another program holds."""

LOOK_AT = 200
"""Pending rows that one look considers; the rest wait for the next."""


@dataclass
class Reconciler:
    """The looks of one tick at all jobs that need attention; several may look at once."""

    services: Services
    runs: Runs
    did: Counter[str] = field(default_factory=Counter)
    _locked_until: dict[UUID, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._launcher = AttemptLauncher(self.services, self.runs, self.did)

    @property
    def not_launched(self) -> Mapping[UUID, str]:
        """Jobs whose run could not be launched, and why: they wait for the next tick."""
        return self._launcher.not_launched

    def look(self) -> Sequence[LaunchRequest]:
        """Decide about every job that needs it. What the daemon has to launch is returned."""
        jobs = JobRepository(self.services.database)
        # Before the rows: what waited when room was made is among those that may take it.
        room = Room(self.services)
        needing = jobs.needing_attention(LOOK_AT)
        deleted = AttemptRepository(self.services.database).of_deleted_jobs()
        if not needing and not deleted:
            return ()
        newest = [attempt for _, attempt in needing if attempt is not None]
        newest += [one.attempt for one in deleted]
        states = self.runs.states(attempt for attempt in newest if attempt.alive)
        now = jobs.now()
        launches: list[LaunchRequest] = []
        for one in deleted:
            if not self._safely(one.id, partial(self._settle_deleted, one, states, now)):
                return launches
        for job, attempt in needing:
            situation = Situation(job, attempt, _state(attempt, states), 0, now, self._grace)
            if not self._safely(job.id, partial(self._carry_out, situation, room, launches)):
                break
        return launches

    def summary(self) -> str:
        """What was done, for a person."""
        told = [f"{count} {what}" for what, count in sorted(self.did.items())]
        told += [f"job {job} not launched: {why}" for job, why in self.not_launched.items()]
        return ", ".join(told) or "nothing to do"

    @property
    def _grace(self) -> timedelta:
        return timedelta(seconds=self.services.settings.stop_seconds)

    def _safely(self, job_id: UUID, act: Callable[[], None]) -> bool:
        """Act for one job. False if nothing can be done for any other now either."""
        if time.monotonic() < self._locked_until.get(job_id, 0.0):
            return True
        try:
            act()
        except OwnershipLostError:
            self.did["changed meanwhile"] += 1
        except StorageUnavailableError as fault:
            self._put_off(job_id, fault)
        except LockedError as fault:
            # Whoever holds the row must not hold up all others with it.
            self._locked_until[job_id] = time.monotonic() + LOCKED_SECONDS
            self._put_off(job_id, fault)
        except TransientError as fault:
            # The database is away: what has been launched must be told before it is back.
            self._put_off(job_id, fault)
            return False
        except Exception:
            # One row that nobody can decide about must not hold up all others.
            self.did["faults"] += 1
            log.exception("Job %s could not be decided about.", job_id)
        return True

    def _put_off(self, job_id: UUID, fault: TransientError) -> None:
        self.did["put off"] += 1
        log.warning("Job %s is looked at again later: %s", job_id, fault.message)

    def _decide(self, at: Situation) -> Action:
        """How often the job's workers have died before is asked only where it matters."""
        action = reconcile(at)
        if isinstance(action, Rescue) and at.attempt is not None and at.attempt.number > 1:
            deaths = AttemptRepository(self.services.database).deaths_in_place(at.job.id)
            action = reconcile(replace(at, deaths=deaths))
        return action

    def _carry_out(self, at: Situation, room: Room, launches: list[LaunchRequest]) -> None:
        action = self._decide(at)
        if isinstance(action, Launch):
            request = self._launcher.launch(at.job, action.trigger, room)
            launches += [request] if request is not None else []
            return
        if isinstance(action, Wait):
            return
        self.did[_DONE[type(action)]] += 1
        # Recorded first: a run that ends before it is known why looks like another's doing.
        self._record(action, at.job, at.attempt)
        if at.attempt is not None:
            self._leave_no_run(action, at.attempt, at.run)

    def _record(self, action: Action, job: Job, attempt: Attempt | None) -> None:
        """Write down what was decided about a job and its newest attempt."""
        jobs = JobRepository(self.services.database)
        number = attempt.number if attempt is not None else 0
        match action:
            case EndAttempt():
                AttemptRepository(self.services.database).end(job.id, number, action.outcome)
                if job.status is JobStatus.CANCELLED:
                    set_given_up_right(self.services, job.user_id, job.entity_id)
            case Rescue():
                jobs.release(job.id, number, AttemptOutcome.LOST, action.reason)
            case Pause():
                jobs.pause(job.id, number, action.reason)
            case Retry():
                jobs.requeue(job.id)
            case PutBack():
                jobs.put_back(job.id, job.status, action.status, action.note)
            case CleanUp():
                discard_for(self.services, job.id, job.user_id, job.entity_id)
                discard_scratch(self.services, job.id)
                set_given_up_right(self.services, job.user_id, job.entity_id)
                jobs.forget_checkpoint(job.id)
            case Fail():
                guard = GuardedJob(self.services.database, job.id, number)
                guard.fail(action.error_type, action.message, None)
                discard_scratch(self.services, job.id)
            case Launch() | Terminate() | Wait():
                pass
            case _:
                assert_never(action)

    def _settle_deleted(
        self, gone: DeletedJob, states: Mapping[tuple[UUID, int], RunState], now: datetime
    ) -> None:
        run = _state(gone.attempt, states)
        action = reconcile_deleted(gone.attempt, run, gone.deleted_at, now, self._grace)
        if isinstance(action, Wait):
            return
        self.did[_DONE[type(action)]] += 1
        attempts = AttemptRepository(self.services.database)
        match action:
            case Terminate():
                pass
            case EndAttempt():
                attempts.end(gone.id, gone.attempt.number, action.outcome)
            case CleanUp():
                discard_for(self.services, gone.id, gone.user_id, gone.document_id)
                discard_scratch(self.services, gone.id)
                set_given_up_right(self.services, gone.user_id, gone.document_id)
                attempts.forget(gone.id)
            case _:
                assert_never(action)
        self._leave_no_run(action, gone.attempt, run)

    def _leave_no_run(self, action: Action, attempt: Attempt, run: RunState) -> None:
        """An attempt that is given up must not have a run that goes on, or begins later."""
        if not attempt.alive:
            return
        if run is RunState.CREATED and attempt.run_id is not None:
            self.runs.abandon(attempt.run_id)
        if isinstance(action, Terminate) or (
            run in ON_THE_WAY and isinstance(action, EndAttempt | Rescue | Fail)
        ):
            try:
                self.runs.terminate(attempt)
            except Exception:
                # Its launcher is away, say. Whatever the run still does, it no longer owns the job.
                log.exception("The run %s could not be terminated.", attempt.run_id)


def _state(attempt: Attempt | None, states: Mapping[tuple[UUID, int], RunState]) -> RunState:
    if attempt is None:
        return RunState.UNKNOWN
    return states.get((attempt.job_id, attempt.number), RunState.UNKNOWN)
