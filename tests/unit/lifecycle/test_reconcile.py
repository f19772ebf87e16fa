"""Every status × attempt × run × sign of life × … in one table: what the contract asks for."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from rhizome_pipelines.lifecycle.actions import (
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
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.lifecycle.reconcile import DEATHS_ON_ONE_UNIT, reconcile, reconcile_deleted
from tests.unit.lifecycle.situations import (
    ENDED,
    NOW,
    Age,
    Beat,
    Due,
    Life,
    attempt,
    situation,
)

EITHER = frozenset({True, False})
BEFORE: frozenset[JobStatus | None] = frozenset({None, *JobStatus})
OVER = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
DONE = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED})
GIVEN_UP = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
FEW, MANY = {0, 1}, {2, 3}
"""Deaths at one place before this one, below and at the limit."""
ON_THE_WAY = {RunState.ALIVE, RunState.ENDING}
NOT_ALIVE = frozenset(RunState) - ON_THE_WAY
NOT_LAUNCHED = {RunState.UNKNOWN, RunState.CREATED}
NOT_OLD = {Age.YOUNG, Age.GROWN}


@dataclass(frozen=True)
class Row:
    """What is expected wherever all the columns fit."""

    status: JobStatus
    life: Set[Life]
    expected: str
    run: Set[RunState] = frozenset(RunState)
    beat: Set[Beat] = frozenset(Beat)
    age: Set[Age] = frozenset(Age)
    bound: Set[bool] = EITHER
    checkpoint: Set[bool] = EITHER
    deaths: Set[int] = frozenset(FEW | MANY)
    recorded: Set[bool] = EITHER
    wished_long_ago: Set[bool] = EITHER
    before: Set[JobStatus | None] = BEFORE
    due: Set[Due] = frozenset(Due)

    def fits(self, case: "Case") -> bool:
        return (
            case.status is self.status
            and case.life in self.life
            and case.run in self.run
            and case.beat in self.beat
            and case.age in self.age
            and case.bound in self.bound
            and case.checkpoint in self.checkpoint
            and case.deaths in self.deaths
            and case.recorded in self.recorded
            and case.wished_long_ago in self.wished_long_ago
            and case.before in self.before
            and case.due in self.due
        )


@dataclass(frozen=True)
class Case:
    status: JobStatus
    life: Life
    run: RunState
    beat: Beat
    age: Age
    bound: bool
    checkpoint: bool
    deaths: int
    recorded: bool
    wished_long_ago: bool
    before: JobStatus | None
    due: Due

    @property
    def situation(self) -> Situation:
        return situation(
            self.status,
            self.life,
            self.run,
            self.beat,
            age=self.age,
            bound=self.bound,
            checkpoint=self.checkpoint,
            deaths=self.deaths,
            recorded=self.recorded,
            wished_long_ago=self.wished_long_ago,
            before=self.before,
            due=self.due,
        )


def _ending(status: JobStatus, outcome: str, **columns: Any) -> list[Row]:
    """An attempt that is not wanted any more is waited for, made to end, and recorded as over."""
    alive, ending = {RunState.ALIVE}, {RunState.ENDING}
    fresh = [({Beat.FRESH}, set(Age)), ({Beat.NONE}, NOT_OLD)]
    silent = [({Beat.STALE}, set(Age)), ({Beat.NONE}, {Age.OLD})]

    def row(expected: str, *rest: Any, **more: Any) -> Row:
        return Row(status, {Life.ALIVE}, expected, *rest, **more, **columns)

    return [
        *(row("wait", alive, beat, age, wished_long_ago={False}) for beat, age in fresh),
        *(row("terminate", alive, beat, age, wished_long_ago={True}) for beat, age in fresh),
        *(row("wait", ending, beat, age) for beat, age in fresh),
        *(row("end: lost", ON_THE_WAY, beat, age) for beat, age in silent),
        row(f"end: {outcome}", NOT_ALIVE),
    ]


def _lost(**columns: Any) -> list[Row]:
    status, life = JobStatus.PROCESSING, {Life.ALIVE}
    return [
        Row(status, life, "rescue", deaths=FEW, **columns),
        Row(status, life, "fail: permanent", deaths=MANY, **columns),
    ]


_AGAIN = {"checkpoint": {False}, "recorded": {True}}
"""The pointer was taken away from a job whose attempt has one: from the beginning."""


def _begun(outcomes: Set[Life], trigger: str, **columns: Any) -> list[Row]:
    def row(expected: str, **more: Any) -> Row:
        return Row(JobStatus.PENDING, outcomes, expected, **more, **columns)

    return [
        row(f"launch: {trigger}", checkpoint={True}),
        row(f"launch: {trigger}", checkpoint={False}, recorded={False}),
        row("launch: restart", **_AGAIN),
    ]


TABLE = [
    # Begin, go on, do again
    Row(JobStatus.PENDING, {Life.NONE}, "launch: start"),
    *_begun({Life.PAUSED, Life.SHUTDOWN}, "resume"),
    *_begun({Life.SUPERSEDED}, "resume", before=BEFORE - GIVEN_UP),
    *_begun({Life.SUPERSEDED}, "retry", before=GIVEN_UP),
    *_begun({Life.LOST}, "rescue"),
    *_begun({Life.FAILED, Life.CANCELLED}, "retry"),
    Row(JobStatus.PENDING, {Life.COMPLETED}, "launch: restart"),
    *_ending(JobStatus.PENDING, "superseded"),
    # At work
    Row(JobStatus.PROCESSING, {Life.NONE, *ENDED}, "rescue", before=BEFORE - DONE),
    Row(JobStatus.PROCESSING, {Life.NONE, *ENDED}, "put back", before=DONE),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "pause", {RunState.CANCELLED}),
    *_lost(run={RunState.FAILED, RunState.SUCCEEDED}),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", NOT_LAUNCHED, {Beat.FRESH}),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", NOT_LAUNCHED, {Beat.STALE}, NOT_OLD),
    *_lost(run=NOT_LAUNCHED, beat={Beat.STALE}, age={Age.OLD}),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", {RunState.UNKNOWN}, {Beat.NONE}, NOT_OLD),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", {RunState.CREATED}, {Beat.NONE}, {Age.YOUNG}),
    Row(
        JobStatus.PROCESSING,
        {Life.ALIVE},
        "wait",
        {RunState.CREATED},
        {Beat.NONE},
        {Age.GROWN},
        bound={False},
    ),
    *_lost(run={RunState.CREATED}, beat={Beat.NONE}, age={Age.GROWN}, bound={True}),
    *_lost(run=NOT_LAUNCHED, beat={Beat.NONE}, age={Age.OLD}),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", ON_THE_WAY, {Beat.FRESH}),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", ON_THE_WAY, {Beat.NONE}, NOT_OLD),
    *_lost(run=ON_THE_WAY, beat={Beat.NONE}, age={Age.OLD}),
    *_lost(run=ON_THE_WAY, beat={Beat.STALE}),
    # Not wanted any more
    Row(JobStatus.PAUSED, set(Life), "put back", before=OVER),
    Row(JobStatus.PAUSED, {Life.NONE, *ENDED}, "wait", before=BEFORE - OVER),
    *_ending(JobStatus.PAUSED, "paused", before=BEFORE - OVER),
    Row(JobStatus.CANCELLED, {Life.NONE, *ENDED}, "wait", checkpoint={False}),
    Row(JobStatus.CANCELLED, {Life.NONE, *ENDED}, "clean up", checkpoint={True}),
    *_ending(JobStatus.CANCELLED, "cancelled"),
    Row(JobStatus.FAILED, {Life.NONE, *ENDED}, "wait", due=frozenset(Due) - {Due.NOW}),
    Row(JobStatus.FAILED, {Life.NONE, *ENDED}, "retry", due={Due.NOW}),
    *_ending(JobStatus.FAILED, "failed"),
    Row(JobStatus.COMPLETED, {Life.NONE, *ENDED}, "wait"),
    *_ending(JobStatus.COMPLETED, "completed"),
]


def _told(action: Action) -> str:
    match action:
        case Launch(trigger):
            return f"launch: {trigger}"
        case EndAttempt(outcome):
            return f"end: {outcome}"
        case Fail(error_type, _):
            return f"fail: {error_type}"
        case PutBack():
            return "put back"
        case CleanUp():
            return "clean up"
        case Rescue() | Pause() | Wait() | Terminate() | Retry():
            return type(action).__name__.lower()


def _cases(status: JobStatus, life: Life) -> Iterator[Case]:
    flags = (True, False)
    # What matters to one status only is varied there only: the whole product has millions.
    due = Due if status is JobStatus.FAILED else [Due.NEVER]
    before = BEFORE if status in (JobStatus.PAUSED, JobStatus.PROCESSING) else [None]
    deaths = sorted(FEW | MANY) if status is JobStatus.PROCESSING else [0, 3]
    for rest in product(RunState, Beat, Age, flags, flags, deaths, flags, flags, before, due):
        yield Case(status, life, *rest)


@pytest.mark.parametrize("life", Life)
@pytest.mark.parametrize("status", JobStatus)
def test_the_decision_is_the_tables(status: JobStatus, life: Life) -> None:
    for case in _cases(status, life):
        rows = [row for row in TABLE if row.fits(case)]
        assert len(rows) == 1, f"{case} is in {len(rows)} rows of the table"
        assert _told(reconcile(case.situation)) == rows[0].expected, case


def test_the_third_death_at_one_place_is_the_last() -> None:
    at = situation(
        JobStatus.PROCESSING,
        Life.ALIVE,
        RunState.FAILED,
        Beat.STALE,
        checkpoint=True,
        deaths=DEATHS_ON_ONE_UNIT - 1,
    )

    action = reconcile(at)

    assert isinstance(action, Fail)
    assert action.error_type is ErrorType.PERMANENT
    assert "3 times" in action.message
    assert "user/document/stage-extraction.json" in action.message


def test_a_death_before_anything_was_kept_is_told_as_such() -> None:
    at = situation(JobStatus.PROCESSING, Life.ALIVE, RunState.FAILED, Beat.STALE, deaths=2)

    action = reconcile(at)

    assert isinstance(action, Fail)
    assert "at the beginning" in action.message


def test_a_death_names_the_unit_that_was_being_worked_on() -> None:
    at = situation(JobStatus.PROCESSING, Life.ALIVE, RunState.FAILED, Beat.STALE, deaths=2)
    working = replace(at.job, progress={"stage": "extraction", "details": "pages 33–48"})

    action = reconcile(replace(at, job=working))

    assert isinstance(action, Fail)
    assert "in extraction, pages 33–48" in action.message


def test_a_sign_of_life_exactly_at_the_limit_still_counts() -> None:
    fresh = situation(JobStatus.PROCESSING, Life.ALIVE, RunState.ALIVE, Beat.FRESH)
    assert fresh.attempt is not None
    assert fresh.attempt.heartbeat_at is not None
    assert (NOW - fresh.attempt.heartbeat_at).total_seconds() == 30

    assert isinstance(reconcile(fresh), Wait)


def test_a_run_that_was_stopped_in_dagster_pauses_the_job() -> None:
    at = situation(JobStatus.PROCESSING, Life.ALIVE, RunState.CANCELLED, Beat.FRESH)

    assert reconcile(at) == Pause("terminated in Dagster")


@pytest.mark.parametrize("status", [JobStatus.PAUSED, JobStatus.CANCELLED])
def test_what_was_stopped_is_not_launched_by_a_dead_worker(status: JobStatus) -> None:
    for run, beat in product(RunState, Beat):
        action = reconcile(situation(status, Life.ALIVE, run, beat, age=Age.OLD, deaths=3))

        assert isinstance(action, Wait | EndAttempt | Terminate)


def test_the_trigger_tells_why() -> None:
    after = {life: reconcile(situation(JobStatus.PENDING, life, checkpoint=True)) for life in ENDED}

    assert after[Life.PAUSED] == Launch(AttemptTrigger.RESUME)
    assert after[Life.LOST] == Launch(AttemptTrigger.RESCUE)
    assert after[Life.FAILED] == Launch(AttemptTrigger.RETRY)
    assert after[Life.COMPLETED] == Launch(AttemptTrigger.RESTART)
    assert {AttemptOutcome(life.value) for life in after} == set(AttemptOutcome)


@pytest.mark.parametrize("run", RunState)
@pytest.mark.parametrize("life", sorted({Life.ALIVE, *ENDED}))
def test_a_deleted_job_is_stopped_and_cleaned_up(life: Life, run: RunState) -> None:
    for beat, long_ago in product(Beat, (True, False)):
        newest = attempt(life, beat, Age.YOUNG)
        assert newest is not None
        deleted_at = situation(JobStatus.PENDING, wished_long_ago=long_ago).job.status_changed_at
        assert deleted_at is not None
        told = _told(reconcile_deleted(newest, run, deleted_at, NOW))
        if life in ENDED:
            assert told == "clean up"
        elif run not in ON_THE_WAY:
            assert told == "end: cancelled"
        elif beat is Beat.STALE:
            assert told == "end: lost"
        else:
            terminated = long_ago and run is RunState.ALIVE
            assert told == ("terminate" if terminated else "wait")
