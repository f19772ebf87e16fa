"""A job's whole life in any order of events: what must hold whatever clients and workers do."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rhizome_pipelines.lifecycle.actions import (
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
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, AttemptTrigger, JobStatus
from rhizome_pipelines.lifecycle.reconcile import LAUNCH_GRACE, reconcile
from tests.unit.lifecycle.situations import NOW, job

ENOUGH_LOOKS = 8
FINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}
OVER = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]


class OneJob(RuleBasedStateMachine):
    """The row, its attempts and the newest attempt's run, as the database would keep them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.job = job(JobStatus.PENDING)
        self.attempts: list[Attempt] = []
        self.run = RunState.UNKNOWN
        self.launches = 0

    # What a client does

    @rule(status=st.sampled_from(JobStatus))
    def wish(self, status: JobStatus) -> None:
        """Plain SQL may write any status at any time."""
        self._become(status)

    @rule(seconds=st.integers(-60, 60))
    def is_to_be_retried(self, seconds: int) -> None:
        self.job = replace(self.job, next_retry_at=self.now + timedelta(seconds=seconds))

    # What a worker and Dagster do

    @precondition(lambda self: self.newest is not None and self.newest.alive)
    @rule()
    def beat(self) -> None:
        self.run = RunState.ALIVE
        self._change(heartbeat_at=self.now)

    @rule(run=st.sampled_from(RunState))
    def run_becomes(self, run: RunState) -> None:
        self.run = run

    @precondition(lambda self: self.newest is not None and self.newest.alive)
    @rule(outcome=st.sampled_from([AttemptOutcome.COMPLETED, AttemptOutcome.FAILED]))
    def worker_ends(self, outcome: AttemptOutcome) -> None:
        if self.job.status is JobStatus.PROCESSING:
            self._change(ended_at=self.now, outcome=outcome)
            self._become(JobStatus(outcome.value))

    @rule(seconds=st.integers(1, 200))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # What the sensor does

    @rule()
    def look(self) -> None:
        before, was_alive = self.job.status, self.newest is not None and self.newest.alive
        action = reconcile(Situation(self.job, self.newest, self.run, self._deaths(), self.now))
        match action:
            case Launch(trigger):
                assert not was_alive, "launched beside a living attempt"
                assert before is JobStatus.PENDING
                self._launch(trigger)
            case EndAttempt(outcome):
                assert was_alive
                self._change(ended_at=self.now, outcome=outcome)
            case Rescue():
                assert before is JobStatus.PROCESSING
                self._give_up(AttemptOutcome.LOST, JobStatus.PENDING)
            case Pause():
                assert before is JobStatus.PROCESSING
                self._give_up(AttemptOutcome.PAUSED, JobStatus.PAUSED)
            case Fail():
                assert before is JobStatus.PROCESSING
                self._give_up(AttemptOutcome.FAILED, JobStatus.FAILED)
            case Terminate():
                assert before is not JobStatus.PROCESSING
                assert self.run is RunState.ALIVE
                self.run = RunState.ENDING
            case Retry():
                assert before is JobStatus.FAILED
                assert not was_alive, "retried beside a living attempt"
                self.job = replace(
                    self.job, retry_count=self.job.retry_count + 1, next_retry_at=None
                )
                self._become(JobStatus.PENDING)
            case PutBack(status):
                assert before in (JobStatus.PAUSED, JobStatus.PROCESSING)
                assert status in FINAL
                self._become(status)
            case CleanUp():
                assert before is JobStatus.CANCELLED
                assert not was_alive
                self.job = replace(self.job, checkpoint=None)
            case Wait():
                pass
        if before in FINAL | {JobStatus.PAUSED} and not isinstance(action, Retry | PutBack):
            assert self.job.status is before, f"{action} changed what was {before}"

    @precondition(lambda self: self.job.status is JobStatus.PROCESSING)
    @rule()
    def dead_for_good(self) -> None:
        """A worker that is gone, and a run that has failed, hold a job up for a while only."""
        self.run = RunState.FAILED
        self.now += 2 * LAUNCH_GRACE
        launched = self.launches
        for _ in range(ENOUGH_LOOKS):
            self.look()
            if self.launches > launched or self.job.status in FINAL:
                return
        raise AssertionError(f"stuck as {self.job.status}")

    @invariant()
    def one_attempt_lives_at_most(self) -> None:
        assert sum(attempt.alive for attempt in self.attempts) <= 1
        assert [attempt.number for attempt in self.attempts] == list(
            range(1, len(self.attempts) + 1)
        )

    # The model

    @property
    def newest(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    def _change(self, **fields: object) -> None:
        self.attempts[-1] = replace(self.attempts[-1], **fields)  # type: ignore[arg-type]

    def _give_up(self, outcome: AttemptOutcome, status: JobStatus) -> None:
        if self.newest is not None and self.newest.alive:
            self._change(ended_at=self.now, outcome=outcome)
        self._become(status)

    def _become(self, status: JobStatus) -> None:
        if status is not self.job.status:
            self.job = replace(
                self.job,
                status=status,
                status_before=self.job.status,
                status_changed_at=self.now,
            )

    def _launch(self, trigger: AttemptTrigger) -> None:
        self.launches += 1
        number = len(self.attempts) + 1
        self.attempts.append(Attempt(UUID(int=1), number, trigger, created_at=self.now))
        self._become(JobStatus.PROCESSING)
        self.run = RunState.UNKNOWN

    def _deaths(self) -> int:
        deaths = 0
        for attempt in reversed(self.attempts):
            if attempt.outcome is AttemptOutcome.LOST:
                deaths += 1
            elif attempt.ended_at is not None:
                break
        return deaths


OneJob.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOneJob = OneJob.TestCase
