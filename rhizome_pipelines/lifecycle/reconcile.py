"""What is to be done about one job: a pure decision over the row, its newest attempt and the run.

The sensor reads what needs attention, calls `reconcile` (`reconcile_deleted` for a job whose row
is gone), and carries the action out. Time is the database's clock, handed in as `now`.
"""

from datetime import datetime, timedelta
from typing import assert_never

from rhizome_pipelines.lifecycle.actions import (
    ON_THE_WAY,
    STOP_GRACE,
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


def reconcile(at: Situation) -> Action:
    """The one action that this situation asks for."""
    match at.job.status:
        case JobStatus.PENDING:
            return _pending(at)
        case JobStatus.PROCESSING:
            return _processing(at)
        case JobStatus.PAUSED:
            return _paused(at)
        case JobStatus.CANCELLED:
            return _cancelled(at)
        case JobStatus.FAILED:
            return _failed(at)
        case JobStatus.COMPLETED:
            return _ended(at, AttemptOutcome.COMPLETED) or Wait("nothing is running")
        case _:
            assert_never(at.job.status)


def reconcile_deleted(
    attempt: Attempt,
    run: RunState,
    deleted_at: datetime,
    now: datetime,
    grace: timedelta = STOP_GRACE,
) -> Terminate | EndAttempt | CleanUp | Wait:
    """The same for the newest attempt of a job whose row is gone."""
    stopping = _stopping(attempt, run, AttemptOutcome.CANCELLED, deleted_at, now, grace)
    return stopping or CleanUp()


# A job that is to begin


def _pending(at: Situation) -> Action:
    if at.attempt is None:
        return Launch(AttemptTrigger.START)
    return _ended(at, AttemptOutcome.SUPERSEDED) or Launch(_trigger_after(at.job, at.attempt))


def _trigger_after(job: Job, attempt: Attempt) -> AttemptTrigger:
    if job.checkpoint is None and attempt.checkpoint is not None:
        # Who wants the job from the beginning takes its pointer away.
        return AttemptTrigger.RESTART
    match attempt.outcome:
        case AttemptOutcome.LOST:
            return AttemptTrigger.RESCUE
        case AttemptOutcome.SUPERSEDED if job.status_before in (
            JobStatus.FAILED,
            JobStatus.CANCELLED,
        ):
            # Forced to fail, or cancelled, and wanted again before it had stopped.
            return AttemptTrigger.RETRY
        case AttemptOutcome.PAUSED | AttemptOutcome.SHUTDOWN | AttemptOutcome.SUPERSEDED:
            # Superseded while it was stopping from a pause: by a client's wish to go on.
            return AttemptTrigger.RESUME
        case AttemptOutcome.FAILED | AttemptOutcome.CANCELLED:
            return AttemptTrigger.RETRY
        case AttemptOutcome.COMPLETED | None:
            return AttemptTrigger.RESTART
        case _:
            assert_never(attempt.outcome)


# A job that is being worked on


def _processing(at: Situation) -> Action:
    if at.attempt is None or not at.attempt.alive:
        if at.job.status_before in (JobStatus.COMPLETED, JobStatus.CANCELLED):
            return _put_back(at.job, at.job.status_before)
        return Rescue("The job was being processed, but no attempt of it is alive.")
    match at.run:
        case RunState.CANCELLED:
            return Pause("terminated in Dagster")
        case RunState.FAILED | RunState.SUCCEEDED:
            return _lost(at, f"The run ended ({at.run}) before the job had.")
        case RunState.UNKNOWN | RunState.CREATED:
            return _not_launched(at, at.attempt)
        case RunState.ALIVE | RunState.ENDING:
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
        return Fail(
            ErrorType.PERMANENT,
            f"The worker died {at.deaths + 1} times at the same place: {_place(at.job)}. "
            f"{reason} Look at the run's log in Dagster; the document may be damaged or too large. "
            f"`rhizome jobs retry {at.job.id}` tries again from there.",
        )
    return Rescue(reason)


def _place(job: Job) -> str:
    """The unit that was being worked on, as the worker told last, and what is kept before it."""
    stage, details = job.progress.get("stage"), job.progress.get("details")
    after = f"after {job.checkpoint.path}" if job.checkpoint else "at the beginning"
    if not stage:
        return after
    return f"in {stage}, {details} ({after})" if details else f"in {stage} ({after})"


# A job that is to stop, or over


def _paused(at: Situation) -> Action:
    if at.job.status_before in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        return _put_back(at.job, at.job.status_before)
    return _ended(at, AttemptOutcome.PAUSED) or Wait("nothing is running")


def _cancelled(at: Situation) -> Action:
    stopping = _ended(at, AttemptOutcome.CANCELLED)
    if stopping is not None:
        return stopping
    return Wait("nothing is running") if at.job.checkpoint is None else CleanUp()


def _failed(at: Situation) -> Action:
    stopping = _ended(at, AttemptOutcome.FAILED)
    if stopping is not None:
        return stopping
    due = at.job.next_retry_at is not None and at.job.next_retry_at <= at.now
    if due and at.job.retry_count < at.job.max_retries:
        return Retry()
    return Wait("nothing is running")


def _put_back(job: Job, status: JobStatus) -> PutBack:
    verb = "paused" if job.status is JobStatus.PAUSED else "set to processing"
    return PutBack(
        status,
        f"The job was {status.value} and cannot be {verb}; it is left as it was. "
        f"`rhizome jobs restart {job.id}` does it again.",
    )


def _ended(at: Situation, outcome: AttemptOutcome) -> Action | None:
    """What is still to be done until the attempt is over; None if it is."""
    if at.attempt is None:
        return None
    since = at.job.status_changed_at or at.job.updated_at
    return _stopping(at.attempt, at.run, outcome, since, at.now, at.grace)


def _stopping(
    attempt: Attempt,
    run: RunState,
    outcome: AttemptOutcome,
    since: datetime,
    now: datetime,
    grace: timedelta,
) -> Terminate | EndAttempt | Wait | None:
    """An attempt that is not wanted since then: it notices by itself, or is made to end."""
    if not attempt.alive:
        return None
    if run not in ON_THE_WAY:
        return EndAttempt(outcome)
    if _silent(attempt, now):
        return EndAttempt(AttemptOutcome.LOST)
    if run is RunState.ALIVE and now - since > grace:
        return Terminate("The attempt did not stop by itself.")
    return Wait("the attempt is stopping")


def _silent(attempt: Attempt, now: datetime) -> bool:
    """No sign of life for too long; a worker that has yet to begin is given longer."""
    if attempt.heartbeat_at is None:
        return now - attempt.created_at > LAUNCH_GRACE
    return now - attempt.heartbeat_at > SILENCE
