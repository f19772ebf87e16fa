"""Jobs seen to their ends, and what is said of them when a person presses Ctrl-C meanwhile."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from rhizome_pipelines.cli.identifying import shortened
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.database.overview import jobs_by_id
from rhizome_pipelines.deployment.presence import somebody_is_there
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import TransientError
from rhizome_pipelines.lifecycle.jobs import JobStatus

OVER = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PAUSED})
"""When a job is not watched any more."""
NAMED_JOBS = 3
"""That are named in the one line."""


def work_through(
    services: Services, jobs: Sequence[WatchedJob], *, quiet: bool
) -> TransientError | None:
    """Stay until the jobs are over, and show meanwhile how far they are.

    Uses the deployment that is up, and starts one for as long as needed if there is none. Why
    nobody waits any longer is returned, for the caller to tell of after what is known of the jobs.
    """
    # Late: who finds everything done waits neither for the work nor for its display.
    from rhizome_pipelines.cli.watching import watch  # noqa: PLC0415
    from rhizome_pipelines.deployment.workforce import workforce  # noqa: PLC0415

    try:
        with workforce(services) as workers:
            watch(services, jobs, workers, quiet=quiet)
    except TransientError as fault:
        return fault
    return None


@contextmanager
def told_what_becomes(services: Services, jobs: Collection[WatchedJob]) -> Iterator[None]:
    """An interrupt gets the sentence, once everything inside is put away.

    `jobs` may grow meanwhile: where a deployment is up, a job is at work as soon as it is asked
    for.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what_becomes(services, [one.job_id for one in jobs])) from None


def what_becomes(services: Services, job_ids: Sequence[UUID]) -> str:
    """In one line: what nobody watches any more, whether it goes on, how to stop it."""
    try:
        rows = jobs_by_id(services.database, job_ids) if job_ids else []
        going_on = somebody_is_there(services.database)
    except TransientError:
        return "Stopped. What becomes of the jobs, `rhizome jobs list` tells."
    left = [row.id for row in rows if row.status not in OVER]
    if not left:
        return "Stopped, with no job under way."
    one = len(left) == 1
    short = next(iter(shortened(left).values())) if one else "ID"
    if going_on:
        return (
            f"No longer watching; {_named(left)} {'goes' if one else 'go'} on in the deployment "
            f"that is up. `rhizome jobs pause {short}` stops {'it' if one else 'one'} for now, "
            f"`rhizome jobs cancel {short}` for good."
        )
    return (
        f"Stopped; {_named(left)} {'waits' if one else 'wait'}, and the next `rhizome up`, or "
        f"command that starts work, goes on with {'it' if one else 'them'}. `rhizome jobs pause "
        f"{short}` prevents that, `rhizome jobs cancel {short}` gives {'it' if one else 'one'} up."
    )


def _named(ids: Sequence[UUID]) -> str:
    shown = [*shortened(ids).values()][:NAMED_JOBS]
    more = len(ids) - len(shown)
    listed = ", ".join(shown) + (f" and {more:,} more" if more else "")
    return f"the job {listed}" if len(ids) == 1 else f"the jobs {listed}"
