"""What a person may ask of a job, and when it makes sense."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rhizome_pipelines.lifecycle.jobs import JobStatus


class Wish(StrEnum):
    """A command to a job, as the contract's writes by a client."""

    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"
    RETRY = "retry"
    CANCEL = "cancel"
    DELETE = "delete"
    FORCE_FAIL = "force-fail"


@dataclass(frozen=True)
class Refused:
    """The wish makes no sense as things are; why, and what to do instead."""

    sentence: str


_ALL = frozenset(JobStatus)
_OVER = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})

ALLOWED: Mapping[Wish, frozenset[JobStatus]] = {
    Wish.PAUSE: frozenset({JobStatus.PENDING, JobStatus.PROCESSING}),
    Wish.RESUME: frozenset({JobStatus.PAUSED}),
    Wish.RESTART: _ALL - {JobStatus.PENDING},
    Wish.RETRY: frozenset({JobStatus.FAILED, JobStatus.CANCELLED}),
    Wish.CANCEL: _ALL - {JobStatus.COMPLETED, JobStatus.CANCELLED},
    Wish.DELETE: _ALL,
    Wish.FORCE_FAIL: frozenset({JobStatus.PROCESSING}),
}
"""The states of a job in which each wish makes sense."""

_DONE: Mapping[Wish, str] = {
    Wish.PAUSE: "paused",
    Wish.RESUME: "resumed",
    Wish.RESTART: "restarted",
    Wish.RETRY: "retried",
    Wish.CANCEL: "cancelled",
    Wish.DELETE: "deleted",
    Wish.FORCE_FAIL: "forced to fail",
}


def refusal(wish: Wish, status: JobStatus, job: str) -> Refused | None:
    """Why the wish is refused for the job (its id) in this state; None if it makes sense."""
    if status in ALLOWED[wish]:
        return None
    instead = _instead(wish, status, job)
    return Refused(
        f"Job {job} is {status.value} and cannot be {_DONE[wish]}{': ' if instead else '.'}{instead}"
    )


def _instead(wish: Wish, status: JobStatus, job: str) -> str:
    again = f"`rhizome jobs restart {job}` does it again from the beginning."
    match wish, status:
        case Wish.PAUSE, JobStatus.PAUSED:
            return f"it is already; `rhizome jobs resume {job}` goes on with it."
        case Wish.CANCEL, JobStatus.CANCELLED:
            return f"it is already; `rhizome jobs retry {job}` begins again."
        case Wish.CANCEL, JobStatus.COMPLETED:
            return f"it is done; `rhizome jobs delete {job}` removes it from the list."
        case Wish.RESUME | Wish.RETRY, JobStatus.PENDING:
            return "it waits for its turn already."
        case Wish.RESUME | Wish.RETRY, JobStatus.PROCESSING:
            return "it is being worked on."
        case Wish.RETRY, JobStatus.PAUSED:
            return f"`rhizome jobs resume {job}` goes on with it."
        case Wish.RESUME, JobStatus.FAILED | JobStatus.CANCELLED:
            return f"`rhizome jobs retry {job}` goes on from what is kept."
        case Wish.RESTART, JobStatus.PENDING:
            return "it has yet to begin or to go on; cancel it first, then restart it."
        case Wish.PAUSE | Wish.RESUME | Wish.RETRY, _ if status in _OVER:
            return again
        case Wish.FORCE_FAIL, _:
            return "only what is being worked on can be."
        case _:
            return again
