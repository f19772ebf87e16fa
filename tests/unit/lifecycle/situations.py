"""Jobs, attempts and situations for tests of the decision, named by what matters of them."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
    Job,
    JobStatus,
)
from rhizome_pipelines.lifecycle.reconcile import (
    LAUNCH_GRACE,
    SILENCE,
    SUBMIT_GRACE,
    RunState,
    Situation,
)

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


def job(status: JobStatus, *, checkpoint: bool = False) -> Job:
    return Job(
        id=UUID(int=1),
        user_id=UUID(int=2),
        job_type="process_document",
        status=status,
        created_at=NOW - timedelta(days=1),
        updated_at=NOW,
        checkpoint=POINTER if checkpoint else None,
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


def attempt(life: Life, beat: Beat, age: Age, *, bound: bool = False) -> Attempt | None:
    """`bound`: its run is known."""
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
    deaths: int = 0,
) -> Situation:
    newest = attempt(life, beat, age, bound=bound)
    return Situation(job(status, checkpoint=checkpoint), newest, run, deaths, NOW)
