"""What a decision about a job is made of, and the actions that it may be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, AttemptTrigger, Job, JobStatus

STOP_GRACE = timedelta(seconds=15)
"""How long an attempt whose job was stopped may take to notice by itself, unless a setting says
otherwise; then its run is terminated."""


class RunState(StrEnum):
    """A Dagster run's status, folded to what matters here."""

    UNKNOWN = "unknown"
    """No run of this attempt is on record (yet, or not any more)."""
    CREATED = "created"
    """On record, and not handed to a launcher (yet)."""
    ALIVE = "alive"
    ENDING = "ending"
    """Asked to end, and not over yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ON_THE_WAY = frozenset({RunState.ALIVE, RunState.ENDING})


@dataclass(frozen=True)
class Launch:
    """Begin the next attempt."""

    trigger: AttemptTrigger


@dataclass(frozen=True)
class Terminate:
    """The attempt has not stopped by itself: end its run from outside."""

    reason: str


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
class Retry:
    """The job has failed, and its next try is due: it is pending again, one retry used."""


@dataclass(frozen=True)
class PutBack:
    """A client's change makes no sense: the job is again what it was, with a note."""

    status: JobStatus
    note: str


@dataclass(frozen=True)
class CleanUp:
    """The job was cancelled or deleted and nothing of it runs: its checkpoints go."""


@dataclass(frozen=True)
class Fail:
    """End the job as failed."""

    error_type: ErrorType
    message: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do now."""

    reason: str


Action = Launch | Terminate | EndAttempt | Rescue | Pause | Retry | PutBack | CleanUp | Fail | Wait


@dataclass(frozen=True)
class Situation:
    """All that a decision is made of."""

    job: Job
    attempt: Attempt | None
    run: RunState
    deaths: int
    """Attempts in a row that were lost with the checkpoint where it is now."""
    now: datetime
    grace: timedelta = STOP_GRACE
