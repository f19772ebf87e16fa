"""What is to be done about one job: a pure decision over the row, its newest attempt and the run.

The sensor reads what needs attention, calls `reconcile`, and carries the action out. Time is
the database's clock, handed in as `now`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, AttemptTrigger, Job, JobStatus

LAUNCH_GRACE = timedelta(seconds=90)
"""How long a run may take from being asked for to its first sign of life."""

SUBMIT_GRACE = timedelta(seconds=10)
"""How long it takes at most from choosing a run's id to handing the run to the launcher; the
same tick does both."""

SILENCE = timedelta(seconds=30)
"""A heartbeat older than this, and the attempt is not believed to live."""

DEATHS_ON_ONE_UNIT = 3
"""So many workers may die with the checkpoint where it is; then the job is poison."""


class RunState(StrEnum):
    """A Dagster run's status, folded to what matters here."""

    UNKNOWN = "unknown"
    """No run of this attempt is on record (yet, or not any more)."""
    CREATED = "created"
    """On record, and not handed to a launcher (yet)."""
    ALIVE = "alive"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Launch:
    """Begin the next attempt."""

    trigger: AttemptTrigger


@dataclass(frozen=True)
class EndAttempt:
    """The attempt is over without having said so itself: record how; the job's state stays."""

    outcome: AttemptOutcome


@dataclass(frozen=True)
class Rescue:
    """The attempt's worker is gone: record that, and let the job begin again where it was."""

    reason: str


@dataclass(frozen=True)
class Pause:
    """A person stopped the run in Dagster: the job is paused, and can be resumed."""

    reason: str


@dataclass(frozen=True)
class Fail:
    """End the job as failed."""

    error_type: ErrorType
    message: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do now."""

    reason: str


Action = Launch | EndAttempt | Rescue | Pause | Fail | Wait


@dataclass(frozen=True)
class Situation:
    """All that a decision is made of."""

    job: Job
    attempt: Attempt | None
    run: RunState
    deaths: int
    """Attempts in a row that were lost with the checkpoint where it is now."""
    now: datetime


def reconcile(at: Situation) -> Action:
    """The one action that this situation asks for."""
    match at.job.status:
        case JobStatus.PENDING:
            return _pending(at)
        case JobStatus.PROCESSING:
            return _processing(at)
        case JobStatus.PAUSED | JobStatus.CANCELLED:
            return _stopped(at)
        case JobStatus.COMPLETED | JobStatus.FAILED:
            return _final(at)
        case _:
            assert_never(at.job.status)


def _pending(at: Situation) -> Action:
    if at.attempt is None:
        return Launch(AttemptTrigger.START)
    if at.attempt.alive:
        return _end_if_over(at, AttemptOutcome.SUPERSEDED)
    return Launch(_trigger_after(at))


def _trigger_after(at: Situation) -> AttemptTrigger:
    assert at.attempt is not None  # noqa: S101  (the only caller has looked)
    match at.attempt.outcome:
        case AttemptOutcome.LOST | AttemptOutcome.SUPERSEDED:
            return AttemptTrigger.RESCUE
        case AttemptOutcome.PAUSED | AttemptOutcome.SHUTDOWN:
            return AttemptTrigger.RESUME
        case AttemptOutcome.FAILED | AttemptOutcome.CANCELLED:
            return AttemptTrigger.RETRY if at.job.checkpoint else AttemptTrigger.RESTART
        case AttemptOutcome.COMPLETED | None:
            return AttemptTrigger.RESTART
        case _:
            assert_never(at.attempt.outcome)


def _processing(at: Situation) -> Action:
    if at.attempt is None or not at.attempt.alive:
        return Rescue("The job was being processed, but no attempt of it is alive.")
    match at.run:
        case RunState.CANCELLED:
            return Pause("terminated in Dagster")
        case RunState.FAILED | RunState.SUCCEEDED:
            return _lost(at, f"The run ended ({at.run}) before the job had.")
        case RunState.UNKNOWN | RunState.CREATED:
            return _not_launched(at, at.attempt)
        case RunState.ALIVE:
            return _alive(at, at.attempt)
        case _:
            assert_never(at.run)


def _not_launched(at: Situation, attempt: Attempt) -> Action:
    if attempt.heartbeat_at and at.now - attempt.heartbeat_at <= SILENCE:
        return Wait("the worker is at work, in a run that this Dagster does not know")
    if at.now - attempt.created_at > _launch_grace(at, attempt):
        return _lost(at, "The run that was asked for was never launched.")
    return Wait("the run is being launched")


def _launch_grace(at: Situation, attempt: Attempt) -> timedelta:
    """Whoever chooses a run's id launches the run as soon as it is created.

    Dagster's daemon may take longer, and a run that is not known here may be another Dagster's.
    """
    ours = at.run is RunState.CREATED and attempt.run_id is not None
    return SUBMIT_GRACE if ours and attempt.heartbeat_at is None else LAUNCH_GRACE


def _alive(at: Situation, attempt: Attempt) -> Action:
    if attempt.heartbeat_at is None:
        if at.now - attempt.created_at > LAUNCH_GRACE:
            return _lost(at, "The run was launched, but its worker never began.")
        return Wait("the worker is starting")
    if at.now - attempt.heartbeat_at > SILENCE:
        return _lost(at, "The worker has given no sign of life for 30 seconds.")
    return Wait("the worker is at work")


def _lost(at: Situation, reason: str) -> Action:
    if at.deaths + 1 >= DEATHS_ON_ONE_UNIT:
        place = at.job.checkpoint.path if at.job.checkpoint else "the beginning"
        return Fail(
            ErrorType.PERMANENT,
            f"The worker died {at.deaths + 1} times at the same place (after {place}). "
            f"{reason} Look at the run's log in Dagster; the document may be damaged or too large.",
        )
    return Rescue(reason)


def _stopped(at: Situation) -> Action:
    outcome = (
        AttemptOutcome.PAUSED if at.job.status is JobStatus.PAUSED else AttemptOutcome.CANCELLED
    )
    return _end_if_over(at, outcome)


def _final(at: Situation) -> Action:
    outcome = (
        AttemptOutcome.COMPLETED if at.job.status is JobStatus.COMPLETED else AttemptOutcome.FAILED
    )
    return _end_if_over(at, outcome)


def _end_if_over(at: Situation, outcome: AttemptOutcome) -> Action:
    """Wait for a live attempt to notice by itself; record the end of one that is over."""
    if at.attempt is None or not at.attempt.alive:
        return Wait("nothing is running")
    if at.run is RunState.ALIVE:
        if _silent(at.attempt, at.now):
            return EndAttempt(AttemptOutcome.LOST)
        return Wait("the attempt is stopping")
    return EndAttempt(outcome)


def _silent(attempt: Attempt, now: datetime) -> bool:
    """No sign of life for too long; a worker that has yet to begin is given longer."""
    if attempt.heartbeat_at is None:
        return now - attempt.created_at > LAUNCH_GRACE
    return now - attempt.heartbeat_at > SILENCE
