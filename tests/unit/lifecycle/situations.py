"""Jobs, attempts and situations for tests of the decision, named by what matters of them."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from rhizome_pipelines.lifecycle.actions import STOP_GRACE, RunState, Situation
from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
    Job,
    JobStatus,
)
from rhizome_pipelines.lifecycle.reconcile import LAUNCH_GRACE, SILENCE, SUBMIT_GRACE

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
MOMENT = timedelta(seconds=1)
POINTER = CheckpointPointer("extraction", "user/document/stage-extraction.json", "0" * 16)


class Life(StrEnum):
    """The newest attempt: there is none, it is not known to have ended, or it ended so."""

    NONE = "no attempt"
    ALIVE = "alive"
    COMPLETED = AttemptOutcome.COMPLETED
    FAILED = AttemptOutcome.FAILED
    PAUSED = AttemptOutcome.PAUSED
    CANCELLED = AttemptOutcome.CANCELLED
    SHUTDOWN = AttemptOutcome.SHUTDOWN
    LOST = AttemptOutcome.LOST
    SUPERSEDED = AttemptOutcome.SUPERSEDED


class Beat(StrEnum):
    """The attempt's last sign of life."""

    NONE = "none"
    FRESH = "fresh"
    STALE = "stale"


ENDED = frozenset(Life) - {Life.NONE, Life.ALIVE}

_AGE_OF_BEAT = {Beat.FRESH: SILENCE, Beat.STALE: SILENCE + MOMENT}


class Due(StrEnum):
    """Whether a failed job is to be tried again by itself."""

    NEVER = "never"
    LATER = "later"
    NOW = "now"
    USED_UP = "now, and no retry is left"


_RETRY_AT = {
    Due.NEVER: None,
    Due.LATER: NOW + MOMENT,
    Due.NOW: NOW,
    Due.USED_UP: NOW,
}


def job(
    status: JobStatus,
    *,
    checkpoint: bool = False,
    before: JobStatus | None = None,
    wished_long_ago: bool = False,
    due: Due = Due.NEVER,
) -> Job:
    """`before`: its status before this one. `wished_long_ago`: it has had it beyond the grace."""
    return Job(
        id=UUID(int=1),
        user_id=UUID(int=2),
        job_type="process_document",
        status=status,
        created_at=NOW - timedelta(days=1),
        updated_at=NOW,
        checkpoint=POINTER if checkpoint else None,
        status_before=before,
        status_changed_at=NOW - STOP_GRACE - (MOMENT if wished_long_ago else -MOMENT),
        next_retry_at=_RETRY_AT[due],
        retry_count=3 if due is Due.USED_UP else 0,
    )


class Age(StrEnum):
    """How long ago the attempt was asked for."""

    YOUNG = "as long as a launch takes whose run is known"
    GROWN = "as long as any launch takes"
    OLD = "longer"


_AGES = {
    Age.YOUNG: SUBMIT_GRACE - MOMENT,
    Age.GROWN: LAUNCH_GRACE - MOMENT,
    Age.OLD: LAUNCH_GRACE + MOMENT,
}


def attempt(
    life: Life, beat: Beat, age: Age, *, bound: bool = False, checkpoint: bool = False
) -> Attempt | None:
    """`bound`: its run is known. `checkpoint`: it has one on record."""
    if life is Life.NONE:
        return None
    ended = life in ENDED
    return Attempt(
        job_id=UUID(int=1),
        number=1,
        trigger=AttemptTrigger.START,
        created_at=NOW - _AGES[age],
        run_id="00000000-0000-4000-8000-000000000003" if bound else None,
        heartbeat_at=None if beat is Beat.NONE else NOW - _AGE_OF_BEAT[beat],
        ended_at=NOW if ended else None,
        outcome=AttemptOutcome(life.value) if ended else None,
        checkpoint=POINTER if checkpoint else None,
    )


def situation(
    status: JobStatus,
    life: Life = Life.NONE,
    run: RunState = RunState.UNKNOWN,
    beat: Beat = Beat.NONE,
    *,
    age: Age = Age.YOUNG,
    bound: bool = False,
    checkpoint: bool = False,
    recorded: bool = False,
    deaths: int = 0,
    before: JobStatus | None = None,
    wished_long_ago: bool = False,
    due: Due = Due.NEVER,
) -> Situation:
    """`recorded`: the attempt has a checkpoint on record."""
    newest = attempt(life, beat, age, bound=bound, checkpoint=recorded)
    wanted = job(
        status, checkpoint=checkpoint, before=before, wished_long_ago=wished_long_ago, due=due
    )
    return Situation(wanted, newest, run, deaths, NOW)
