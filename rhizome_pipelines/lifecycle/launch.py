"""What is known of a run before it exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName


@dataclass(frozen=True)
class ParentRun:
    """The run that a new one goes on from. `done`: the stages that it, or one before it, ended."""

    run_id: str
    root_run_id: str
    done: frozenset[StageName] = frozenset()


@dataclass(frozen=True)
class LaunchRequest:
    """A run to be launched for an attempt that has taken its job.

    `stages` are all of the job's; `steps` those that this run walks. With a `parent` the run is
    its re-execution. `partition` is the document of a job whose stages are assets.
    """

    job_id: UUID
    job_type: JobType
    attempt: int
    user_id: UUID
    partition: UUID | None
    title: str
    stages: Sequence[StageName]
    steps: Sequence[StageName]
    parent: ParentRun | None = None
    run_id: str | None = None
    """The id that the attempt is bound to; None where Dagster's daemon chooses one."""

    @property
    def key(self) -> str:
        """Names the attempt: a run is never launched twice for it."""
        return f"{self.job_id}:{self.attempt}"


def steps_to_walk(
    stages: Sequence[StageName], parent: ParentRun | None, broken: StageName | None
) -> Sequence[StageName]:
    """The stages of the next run, which are the last ones of the job's.

    Without a parent all of them, whose checkpoints are then looked at one by one. Else from the
    first stage whose checkpoint is not valid (`broken`), or that Dagster does not know to have
    ended: killed in between, it is told by reusing the checkpoint. A job with nothing left to do
    walks its last stage, which finds all done and completes the job.
    """
    if parent is None:
        return stages
    first = next(
        (
            place
            for place, stage in enumerate(stages)
            if stage is broken or stage not in parent.done
        ),
        len(stages) - 1,
    )
    return stages[first:]
