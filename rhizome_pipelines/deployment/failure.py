"""How a failed attempt is written down: for good, or until it is tried again."""

import random

from rhizome_pipelines.database.circuits import Circuits
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.deployment.document_work import refuse_if_gone
from rhizome_pipelines.deployment.faults import details_of, explained, hidden
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import ErrorType, InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.retry import GiveUp, RetryIn, retry_after


def record_failure(services: Services, guard: GuardedJob, job: Job, fault: BaseException) -> None:
    """End attempt and job as failed; what may be over soon is tried again later by itself.

    A job whose provider fails everybody waits for it, and no retry is used. The traceback goes to
    the attempt. Raises OwnershipLostError, TransientError.
    """
    told = explained(_cause(services, job, fault))
    message = hidden(told.message, services.settings)
    details = hidden(details_of(fault), services.settings)
    provider = told.provider if told.error_type is ErrorType.TRANSIENT else None
    if provider is not None:
        circuits = Circuits(services.database)
        if circuits.failed(provider, job.id, message, told.retry_after):
            guard.wait_for(provider, message, details)
            return
    match retry_after(told, job.retry_count, job.max_retries, random.random()):  # noqa: S311
        case RetryIn(seconds):
            guard.fail(told.error_type, message, details, retry_after=seconds, provider=provider)
        case GiveUp(tried):
            if tried:
                message += (
                    f" It was tried {job.max_retries + 1} times; `rhizome jobs retry {job.id}` "
                    "tries again."
                )
            guard.fail(told.error_type, message, details)


def _cause(services: Services, job: Job, fault: BaseException) -> BaseException:
    """The document's deletion, if that is what everything else follows from."""
    try:
        refuse_if_gone(services, job)
    except InvalidInputError as gone:
        return gone
    return fault
