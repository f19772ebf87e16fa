"""The job types that this version offers, and the work of each."""

from rhizome_pipelines.deployment.document_work import document_work
from rhizome_pipelines.deployment.ops_work import OPS_WORKS
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.work import Work
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobType
from rhizome_pipelines.lifecycle.stage_names import ASSET_JOBS, JOB_STAGES


def work_for(services: Services, job: Job) -> Work:
    """What the job is to do. Raises InvalidInputError for a job that cannot be begun at all."""
    job_type = JobType.parse(job.job_type)
    if job_type is None:
        raise InvalidInputError(
            f"There is no job type {job.job_type[:60]!r}; this version offers "
            f"{', '.join(sorted(JOB_STAGES))}."
        )
    if job_type in ASSET_JOBS:
        return document_work(services, job, job_type)
    if job_type in OPS_WORKS:
        return OPS_WORKS[job_type](services, job)
    raise InvalidInputError(f"Jobs of the type {job_type} are not offered by this version.")
