"""The diagram of a job's states: the reconciler's edges found out, the others written here."""

from collections.abc import Callable, Iterable
from typing import assert_never

from rhizome_pipelines.lifecycle.actions import (
    Action,
    CleanUp,
    EndAttempt,
    Fail,
    Launch,
    Pause,
    PutBack,
    Rescue,
    Retry,
    Terminate,
    Wait,
)
from rhizome_pipelines.lifecycle.jobs import JobStatus

Edge = tuple[JobStatus, JobStatus, str]

ATTEMPT: tuple[Edge, ...] = (
    (JobStatus.PROCESSING, JobStatus.COMPLETED, "attempt: every stage is done"),
    (JobStatus.PROCESSING, JobStatus.FAILED, "attempt: a fault"),
    (JobStatus.PROCESSING, JobStatus.PENDING, "attempt: shutdown"),
    (JobStatus.PROCESSING, JobStatus.PAUSED, "attempt: a review is asked for"),
)
CLIENT: tuple[Edge, ...] = (
    (JobStatus.PENDING, JobStatus.PAUSED, "client: pause"),
    (JobStatus.PROCESSING, JobStatus.PAUSED, "client: pause"),
    (JobStatus.PAUSED, JobStatus.PENDING, "client: resume"),
    (JobStatus.FAILED, JobStatus.PENDING, "client: retry"),
    (JobStatus.CANCELLED, JobStatus.PENDING, "client: retry"),
    (JobStatus.COMPLETED, JobStatus.PENDING, "client: again"),
    (JobStatus.PENDING, JobStatus.CANCELLED, "client: cancel"),
    (JobStatus.PROCESSING, JobStatus.CANCELLED, "client: cancel"),
    (JobStatus.PAUSED, JobStatus.CANCELLED, "client: cancel"),
)


def state_diagram(answers: Callable[[JobStatus], Iterable[Action]]) -> str:
    """Mermaid; `answers` gives all that the reconciler may do with a job of a status."""
    edges: dict[tuple[JobStatus, JobStatus], list[str]] = {}
    for before, after, why in (*_reconciler(answers), *ATTEMPT, *CLIENT):
        told = edges.setdefault((before, after), [])
        if why not in told:
            told.append(why)
    lines = [
        f"    {before.value} --> {after.value}: {' / '.join(told)}"
        for (before, after), told in edges.items()
    ]
    return "\n".join(
        [
            *("```mermaid", "stateDiagram-v2", "    direction LR"),
            "    [*] --> pending: client: insert",
            *lines,
            "```",
        ]
    )


def _reconciler(answers: Callable[[JobStatus], Iterable[Action]]) -> Iterable[Edge]:
    for before in JobStatus:
        for action in answers(before):
            after = _state_after(action)
            if after is not None and after is not before:
                yield before, after, f"reconciler: {type(action).__name__.lower()}"


def _state_after(action: Action) -> JobStatus | None:
    """The row's state once the action is carried out; None if it leaves the row alone."""
    match action:
        case Launch():
            return JobStatus.PROCESSING
        case Rescue() | Retry():
            return JobStatus.PENDING
        case PutBack():
            return action.status
        case Pause():
            return JobStatus.PAUSED
        case Fail():
            return JobStatus.FAILED
        case EndAttempt() | Wait() | Terminate() | CleanUp():
            return None
        case _:
            assert_never(action)
