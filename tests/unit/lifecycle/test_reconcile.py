"""Every status × attempt × run × sign of life × age × bound × checkpoint × deaths, in one table."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.lifecycle.reconcile import (
    DEATHS_ON_ONE_UNIT,
    Action,
    EndAttempt,
    Fail,
    Launch,
    Pause,
    Rescue,
    RunState,
    Situation,
    Wait,
    reconcile,
)
from tests.unit.lifecycle.situations import ENDED, NOW, Age, Beat, Life, situation

EITHER = frozenset({True, False})
FEW, MANY = {0, 1}, {2, 3}
"""Deaths at one place before this one, below and at the limit."""
NOT_ALIVE = frozenset(RunState) - {RunState.ALIVE}
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
        )


def _ending(status: JobStatus, outcome: str) -> list[Row]:
    """An attempt that is not wanted any more is waited for, and recorded once it is over."""
    return [
        Row(status, {Life.ALIVE}, "wait", {RunState.ALIVE}, {Beat.FRESH}),
        Row(status, {Life.ALIVE}, "wait", {RunState.ALIVE}, {Beat.NONE}, NOT_OLD),
        Row(status, {Life.ALIVE}, "end: lost", {RunState.ALIVE}, {Beat.NONE}, {Age.OLD}),
        Row(status, {Life.ALIVE}, "end: lost", {RunState.ALIVE}, {Beat.STALE}),
        Row(status, {Life.ALIVE}, f"end: {outcome}", NOT_ALIVE),
    ]


def _lost(**columns: Any) -> list[Row]:
    status, life = JobStatus.PROCESSING, {Life.ALIVE}
    return [
        Row(status, life, "rescue", deaths=FEW, **columns),
        Row(status, life, "fail: permanent", deaths=MANY, **columns),
    ]


TABLE = [
    # Begin, go on, do again
    Row(JobStatus.PENDING, {Life.NONE}, "launch: start"),
    Row(JobStatus.PENDING, {Life.PAUSED, Life.SHUTDOWN}, "launch: resume"),
    Row(JobStatus.PENDING, {Life.LOST, Life.SUPERSEDED}, "launch: rescue"),
    Row(JobStatus.PENDING, {Life.COMPLETED}, "launch: restart"),
    Row(JobStatus.PENDING, {Life.FAILED, Life.CANCELLED}, "launch: retry", checkpoint={True}),
    Row(JobStatus.PENDING, {Life.FAILED, Life.CANCELLED}, "launch: restart", checkpoint={False}),
    *_ending(JobStatus.PENDING, "superseded"),
    # At work
    Row(JobStatus.PROCESSING, {Life.NONE, *ENDED}, "rescue"),
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
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", {RunState.ALIVE}, {Beat.FRESH}),
    Row(JobStatus.PROCESSING, {Life.ALIVE}, "wait", {RunState.ALIVE}, {Beat.NONE}, NOT_OLD),
    *_lost(run={RunState.ALIVE}, beat={Beat.NONE}, age={Age.OLD}),
    *_lost(run={RunState.ALIVE}, beat={Beat.STALE}),
    # Not wanted any more
    *(
        row
        for status, outcome in (
            (JobStatus.PAUSED, "paused"),
            (JobStatus.CANCELLED, "cancelled"),
            (JobStatus.COMPLETED, "completed"),
            (JobStatus.FAILED, "failed"),
        )
        for row in [Row(status, {Life.NONE, *ENDED}, "wait"), *_ending(status, outcome)]
    ),
]


def _told(action: Action) -> str:
    match action:
        case Launch(trigger):
            return f"launch: {trigger}"
        case EndAttempt(outcome):
            return f"end: {outcome}"
        case Fail(error_type, _):
            return f"fail: {error_type}"
        case Rescue() | Pause() | Wait():
            return type(action).__name__.lower()


def _cases(status: JobStatus, life: Life) -> Iterator[Case]:
    flags = (True, False)
    for rest in product(RunState, Beat, Age, flags, flags, sorted(FEW | MANY)):
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
    assert "after the beginning" in action.message


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

        assert isinstance(action, Wait | EndAttempt)


def test_the_trigger_tells_why() -> None:
    after = {life: reconcile(situation(JobStatus.PENDING, life, checkpoint=True)) for life in ENDED}

    assert after[Life.PAUSED] == Launch(AttemptTrigger.RESUME)
    assert after[Life.LOST] == Launch(AttemptTrigger.RESCUE)
    assert after[Life.FAILED] == Launch(AttemptTrigger.RETRY)
    assert after[Life.COMPLETED] == Launch(AttemptTrigger.RESTART)
    assert {AttemptOutcome(life.value) for life in after} == set(AttemptOutcome)
