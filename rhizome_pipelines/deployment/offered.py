"""The work of each job type that this version offers."""

from rhizome_pipelines.deployment.document_work import document_work
from rhizome_pipelines.deployment.job_input import offered_type
from rhizome_pipelines.deployment.ops_work import OPS_WORKS
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.work import Work
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.stage_names import ASSET_JOBS


def work_for(services: Services, job: Job) -> Work:
    """What the job is to do. Raises InvalidInputError for a job that cannot be begun at all."""
    job_type = offered_type(job)
    if job_type in ASSET_JOBS:
        return document_work(services, job, job_type)
    return OPS_WORKS[job_type](services, job)
