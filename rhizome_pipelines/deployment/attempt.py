"""One attempt inside its worker: stages walked under the fence, outcomes recorded."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.checkpoints.store import CheckpointStore
from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.circuits import Circuits
from rhizome_pipelines.database.connection import DatabaseAwayError
from rhizome_pipelines.database.control import DatabaseControl
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.reporter import ProgressReporter
from rhizome_pipelines.deployment.cleanup import set_given_up_right
from rhizome_pipelines.deployment.failure import record_failure
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.stage_checks import StageCheck
from rhizome_pipelines.deployment.work import Work
from rhizome_pipelines.lifecycle.errors import PermanentError
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptOutcome, CheckpointPointer, Job
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.stages.runner import StageFinished, StageRunner, StageStopped
from rhizome_pipelines.stages.stage import StopReason


class RunEnding(StrEnum):
    """What Dagster's own record says of how a run comes to its end."""

    TERMINATED = "terminated"
    """A person asked Dagster to end it."""
    INTERRUPTED = "interrupted"
    """Its process was asked to end in the middle of a step, and the next start goes on."""
    FAILED = "failed"
    """A step failed, in the work itself or around it."""
    OTHER = "other"
    """Nothing of this is on record: it succeeded, or broke off between two steps."""


class AttemptSession:
    """The attempt that this process works for. Made by `open_attempt`."""

    def __init__(
        self,
        services: Services,
        job: Job,
        attempt: Attempt,
        work: Work,
        stages: Sequence[StageName],
    ) -> None:
        """`stages`: those that the run walks."""
        self.services = services
        self.job = job
        self.attempt = attempt
        self.work = work
        self.stages = stages
        self.checkpoints: CheckpointStore = work.checkpoints
        # What earlier attempts have done counts; and what somebody asks for who selects assets.
        counted = [one for one in StageName if one in work.stages or one in stages]
        self._guard = GuardedJob(services.database, job.id, attempt.number)
        self._progress = ProgressReporter(
            self._guard,
            services.database,
            counted,
            done=[stage for stage in counted if stage not in stages],
        )
        self._control = DatabaseControl(services.database, job.id, attempt.number)
        self._runner = StageRunner(
            self.checkpoints,
            self._control,
            self._progress,
            clock=lambda: datetime.now(UTC),
            answered=Circuits(services.database).answered,
        )
        self._finished: dict[StageName, StageFinished] = {}
        self._ended = False
        self._interrupted = False

    @property
    def ended(self) -> bool:
        """Whether the attempt's end is on record."""
        return self._ended

    def run_stage(
        self, name: StageName, upstream: StageCheckpoint | None
    ) -> StageFinished | StageStopped:
        """Walk one stage. A fault ends the attempt and the job, classified, and is raised again."""
        try:
            result = self._paused_for_review(name) or self._walk(name, upstream)
        except OwnershipLostError:
            result = StageStopped(self._why_lost(), name, units_done=0)
        except Exception as fault:
            self.fail(fault)
            raise
        except BaseException:
            self._interrupted = True
            raise
        match result:
            case StageFinished():
                self._finished[name] = result
            case StageStopped():
                self._end(_OUTCOMES[result.reason], result.kept)
        return result

    def _paused_for_review(self, name: StageName) -> StageStopped | None:
        """Before chunking, a job that wants its text reviewed pauses itself."""
        if name is not StageName.CHUNKING or not self.job.wants_review:
            return None
        self._progress.close()
        self._guard.pause_for_review()
        return StageStopped(StopReason.PAUSED, name, units_done=0)

    def check_stage(self, name: StageName, finished: StageFinished) -> Sequence[StageCheck]:
        """Look at what the stage left; a check that fails ends the attempt and the job."""
        checks = self.work.check(name, finished.checkpoint)
        faults = [fault for check in checks for fault in check.faults]
        if faults:
            self._finished.pop(name)
            self.fail(
                PermanentError(
                    f"The result of the stage {name} is not sound: {'; '.join(faults)}. "
                    "Restart the job; if it happens again this is a defect in Rhizome."
                )
            )
        return checks

    def load(self, stage: StageName) -> StageCheckpoint:
        """A stage's verified result, from this job or from long ago."""
        return self.checkpoints.load_final(stage.value)

    def fail(self, fault: BaseException) -> None:
        """Record the fault: attempt, job and document. Once, and only while the job is ours.

        That the database was away is no fault of the job: it uses up no retry, and the next attempt
        is a rescue, as if this process had died.
        """
        if self._ended:
            return
        self._progress.close()
        self._ended = True
        if isinstance(fault, DatabaseAwayError):
            JobRepository(self.services.database).release(
                self.job.id, self.attempt.number, AttemptOutcome.LOST, fault.message
            )
            return
        # Ownership lost meanwhile: the job's fate is another's to tell.
        with suppress(OwnershipLostError):
            record_failure(self.services, self._guard, self.job, fault)

    def close(self, ending: RunEnding) -> None:
        """End the session: complete the job if every stage of the run is done.

        What has no end on record after this, the reconciler ends by the run's state: it pauses
        the job of a run that a person terminated, and rescues one that broke off by itself.
        """
        self._progress.close()
        if self._ended:
            return
        if all(stage in self._finished for stage in self.stages):
            try:
                self._complete()
            except Exception as fault:
                # Dagster only logs what happens here, when all steps have succeeded.
                self.fail(fault)
                raise
        elif ending is RunEnding.TERMINATED:
            return
        elif self._interrupted or ending is RunEnding.INTERRUPTED:
            JobRepository(self.services.database).release(
                self.job.id, self.attempt.number, AttemptOutcome.SHUTDOWN
            )
        elif ending is RunEnding.FAILED:
            self.fail(
                PermanentError(
                    "The run failed outside of its stages; its log in Dagster "
                    f"(run {self.attempt.run_id}) tells where."
                )
            )

    def note(self, patch: Mapping[str, Any]) -> None:
        """Merge something into the job's progress, at once and under the fence."""
        self._guard.progress(patch)

    def give_up(self) -> None:
        """Stop giving signs of life: the session does not begin after all."""
        self._progress.close()

    def _walk(
        self, name: StageName, upstream: StageCheckpoint | None
    ) -> StageFinished | StageStopped:
        began = self.job.started_at or self.attempt.created_at
        with self.work.open_stage(name, upstream, self._guard.fence, began) as stage:
            result = self._runner.run(stage)
        if isinstance(result, StageFinished):
            reason = self._control.ask()
            if reason is not None:
                return StageStopped(reason, name, result.units_done)
            self.work.record(name, result.checkpoint)
        return result

    def _complete(self) -> None:
        reason = self._control.ask()
        if reason is not None:
            self._end(_OUTCOMES[reason])
            return
        made = {stage: finished.checkpoint for stage, finished in self._finished.items()}
        seconds = {stage: finished.seconds for stage, finished in self._finished.items()}
        output = self.work.finish(made, seconds)
        self._ended = True
        try:
            self._guard.complete(output)
        except OwnershipLostError:
            self._end(_OUTCOMES[self._why_lost()])
            return
        self.checkpoints.discard_all()
        self.work.tidy()

    def _why_lost(self) -> StopReason:
        return self._control.ask() or StopReason.SUPERSEDED

    def _end(self, outcome: AttemptOutcome, kept: CheckpointPointer | None = None) -> None:
        self._progress.close()
        AttemptRepository(self.services.database).end(
            self.job.id, self.attempt.number, outcome, kept=kept
        )
        self._ended = True
        if outcome is AttemptOutcome.CANCELLED:
            set_given_up_right(self.services, self.job.user_id, self.job.entity_id)


_OUTCOMES = {
    StopReason.PAUSED: AttemptOutcome.PAUSED,
    StopReason.CANCELLED: AttemptOutcome.CANCELLED,
    StopReason.SUPERSEDED: AttemptOutcome.SUPERSEDED,
    StopReason.SHUTDOWN: AttemptOutcome.SHUTDOWN,
}
