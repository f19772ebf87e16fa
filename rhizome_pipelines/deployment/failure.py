"""How a failed attempt is written down: for good, or until the next try."""

import random

from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.lifecycle.errors import Explained
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.retry import GiveUp, RetryIn, retry_after


def record_failure(guard: GuardedJob, job: Job, fault: Explained, details: str) -> None:
    """End attempt and job as failed; what may be over soon is tried again later by itself.

    `details`, the traceback, goes to the attempt. Raises OwnershipLostError, TransientError.
    """
    match retry_after(fault, job.retry_count, job.max_retries, random.random()):  # noqa: S311
        case RetryIn(seconds):
            guard.fail(fault.error_type, fault.message, details, retry_after=seconds)
        case GiveUp(tried):
            message = fault.message
            if tried:
                message += (
                    f" It was tried {job.max_retries + 1} times; `rhizome jobs retry {job.id}` "
                    "tries again."
                )
            guard.fail(fault.error_type, message, details)
