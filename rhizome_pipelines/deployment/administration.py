"""An operator's work on many jobs at once: one implementation for the command line and the panel.

Each function tells what it would do (`dry_run`), does it in bounded transactions, and counts. It
is limited to one user's jobs; a `user_id` of None is the operator's: everybody's. Jobs that come
meanwhile stay as they are, and what is broken off in the middle, a second call finishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from rhizome_pipelines.database import administration as rows
from rhizome_pipelines.database.administration import Many
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.commands import Answer, Granted, command, is_attempt_alive
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.wishes import Refused, Wish, refusal
from rhizome_pipelines.lifecycle.wording import some

STOPPED = "stopped by an operator"
"""`pause_reason` of what `stop_all` has paused."""
ENDED = "Ended by an operator."
"""`error_message` of what `fail_all_processing` has failed."""


class Done(StrEnum):
    """What was done to jobs."""

    DELETED = "deleted"
    PAUSED = "paused"
    FAILED = "failed"


@dataclass(frozen=True)
class Handled:
    """How many jobs something was, or would be, done to."""

    done: Done
    jobs: int
    retrying: int = 0
    """Failed jobs, untouched, that will be tried again by themselves."""
    dry_run: bool = False

    def summary(self) -> str:
        """For a person."""
        verb = "would be" if self.dry_run else "was" if self.jobs == 1 else "were"
        told = f"{some(self.jobs, 'job')} {verb} {self.done}."
        if self.retrying:
            told += (
                f" {some(self.retrying, 'failed job')} will be tried again without being asked; "
                "cancel what is not to be."
            )
        return told


def clear_completed(services: Services, user_id: UUID | None, *, dry_run: bool = False) -> Handled:
    """Delete the rows of completed jobs. Documents stay, as with all of these."""
    return _clear(services, Many.COMPLETED, user_id, dry_run)


def clear_failed(services: Services, user_id: UUID | None, *, dry_run: bool = False) -> Handled:
    """Delete the rows of jobs that have failed and are not tried again by themselves."""
    return _clear(services, Many.FAILED, user_id, dry_run)


def clear_all(services: Services, user_id: UUID | None, *, dry_run: bool = False) -> Handled:
    """Delete every job. Attempts at work notice; the reconciler cleans up after them."""
    return _clear(services, Many.ALL, user_id, dry_run)


def _clear(services: Services, which: Many, user_id: UUID | None, dry_run: bool) -> Handled:
    act = rows.count if dry_run else rows.delete
    return Handled(Done.DELETED, act(services.database, which, user_id), dry_run=dry_run)


def stop_all(services: Services, user_id: UUID | None, *, dry_run: bool = False) -> Handled:
    """Pause all that is pending or being processed."""
    if dry_run:
        paused = rows.count(services.database, Many.UNFINISHED, user_id)
    else:
        paused = rows.pause(services.database, user_id, STOPPED)
    retrying = rows.count(services.database, Many.RETRYING, user_id)
    return Handled(Done.PAUSED, paused, retrying, dry_run)


def fail_all_processing(
    services: Services, user_id: UUID | None, *, dry_run: bool = False
) -> Handled:
    """Fail all that is being processed, for good: nothing of it is tried again by itself."""
    if dry_run:
        failed = rows.count(services.database, Many.PROCESSING, user_id)
    else:
        failed = rows.fail(services.database, user_id, ENDED)
    return Handled(Done.FAILED, failed, dry_run=dry_run)


def force_fail(
    services: Services, job_ids: Sequence[UUID], user_id: UUID | None, *, dry_run: bool = False
) -> Sequence[Answer]:
    """End what hangs: each job's attempt is ended, and the job is tried again at once."""
    if not dry_run:
        return command(services, Wish.FORCE_FAIL, job_ids, user_id)
    return [Answer(one, _foreseen(services, one, user_id)) for one in job_ids]


def _foreseen(services: Services, job_id: UUID, user_id: UUID | None) -> Granted | Refused:
    """What `command` would answer; the job is as it is now."""
    job = JobRepository(services.database).get(job_id, user_id=user_id)
    if job is None:
        return Refused(f"There is no job {job_id} of this user; see `rhizome jobs list`.")
    refused = refusal(Wish.FORCE_FAIL, job.status, str(job_id))
    return refused or Granted(job, is_attempt_alive(services, job_id))
