"""What an attempt is to be of: its work, its stages, and where it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.chain import checkpoint_chain
from rhizome_pipelines.deployment.offered import work_for
from rhizome_pipelines.deployment.review import take_over_edit
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.work import Work
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, Job, JobType
from rhizome_pipelines.lifecycle.launch import ParentRun, steps_to_walk
from rhizome_pipelines.lifecycle.stage_names import StageName


class Parents(Protocol):
    """The runs that a new one may go on from."""

    def parent(
        self, run_ids: Sequence[str], job_type: JobType, stages: Sequence[StageName]
    ) -> ParentRun | None:
        """The first of the runs that is on record, if its steps are these stages; else None."""


@dataclass(frozen=True)
class PlannedAttempt:
    """An attempt before it exists; `steps` are those of the stages that it walks."""

    work: Work
    steps: Sequence[StageName]
    parent: ParentRun | None = None


def plan_attempt(
    services: Services, runs: Parents, job: Job, trigger: AttemptTrigger
) -> PlannedAttempt:
    """Decide where the job's next attempt begins; a restart discards its checkpoints first.

    An attempt that follows another is the re-execution of its run, from the first stage that is
    not done and valid. Raises InvalidInputError for a job that cannot be begun at all,
    PermanentError where going on would destroy a person's edit, TransientError.
    """
    work = work_for(services, job)
    if trigger is AttemptTrigger.RESTART:
        work.checkpoints.discard_all()
    if trigger in (AttemptTrigger.RESTART, AttemptTrigger.START):
        return PlannedAttempt(work, work.stages)
    take_over_edit(work.checkpoints, job, JobRepository(services.database).now())
    attempts = AttemptRepository(services.database).list_for_job(job.id)
    run_ids = [one.run_id for one in reversed(attempts) if one.run_id is not None]
    parent = runs.parent(run_ids, work.job_type, work.stages) if run_ids else None
    broken = None
    if parent is not None and parent.done:
        broken = checkpoint_chain(work, job, work.stages).broken
    return PlannedAttempt(work, steps_to_walk(work.stages, parent, broken), parent)
