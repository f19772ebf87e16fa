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


_AGAIN = "`rhizome jobs restart {job}` does it again from the beginning."
_GO_ON = "`rhizome jobs resume {job}` goes on with it."
_RETRY = "`rhizome jobs retry {job}` goes on from what is kept."
_ANEW = "what was kept of it is cleaned up; `rhizome jobs retry {job}` begins it anew."
_WAITS = "it waits for its turn already."
_WORKS = "it is being worked on."

INSTEAD: Mapping[tuple[Wish, JobStatus], str] = {
    (Wish.PAUSE, JobStatus.PAUSED): "it is already; " + _GO_ON,
    (Wish.PAUSE, JobStatus.COMPLETED): _AGAIN,
    (Wish.PAUSE, JobStatus.FAILED): _RETRY,
    (Wish.PAUSE, JobStatus.CANCELLED): _ANEW,
    (Wish.RESUME, JobStatus.PENDING): _WAITS,
    (Wish.RESUME, JobStatus.PROCESSING): _WORKS,
    (Wish.RESUME, JobStatus.COMPLETED): _AGAIN,
    (Wish.RESUME, JobStatus.FAILED): _RETRY,
    (Wish.RESUME, JobStatus.CANCELLED): _ANEW,
    (Wish.RESTART, JobStatus.PENDING): "it has yet to begin or to go on; cancel it first.",
    (Wish.RETRY, JobStatus.PENDING): _WAITS,
    (Wish.RETRY, JobStatus.PROCESSING): _WORKS,
    (Wish.RETRY, JobStatus.PAUSED): _GO_ON,
    (Wish.RETRY, JobStatus.COMPLETED): _AGAIN,
    (Wish.CANCEL, JobStatus.COMPLETED): "`rhizome jobs delete {job}` takes it off the list.",
    (Wish.CANCEL, JobStatus.CANCELLED): "it is already; " + _ANEW,
    **{
        (Wish.FORCE_FAIL, status): "only what is being worked on can be."
        for status in _ALL - {JobStatus.PROCESSING}
    },
}
"""What to do instead, for every wish in every state in which it makes no sense."""


def refusal(wish: Wish, status: JobStatus, job: str) -> Refused | None:
    """Why the wish is refused for the job (its id) in this state; None if it makes sense."""
    if status in ALLOWED[wish]:
        return None
    instead = INSTEAD[wish, status].format(job=job)
    return Refused(f"Job {job} is {status.value} and cannot be {_DONE[wish]}: {instead}")
