"""docs/states.md: what `reconcile` decides in every situation, found out by asking it."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import pairwise, product
from uuid import UUID

from generators.diagram import state_diagram
from generators.markdown import NOTICE, joined, table
from rhizome_pipelines.lifecycle.actions import (
    STOP_GRACE,
    Action,
    Fail,
    PutBack,
    RunState,
    Situation,
)
from rhizome_pipelines.lifecycle.jobs import (
    Attempt,
    AttemptOutcome,
    AttemptTrigger,
    CheckpointPointer,
    Job,
    JobStatus,
)
from rhizome_pipelines.lifecycle.reconcile import (
    DEATHS_ON_ONE_UNIT,
    LAUNCH_GRACE,
    SILENCE,
    reconcile,
    reconcile_deleted,
)

ENDED = "ended: "
NOW = datetime(2000, 1, 1, tzinfo=UTC)
SHORT = timedelta(seconds=1)
ID = UUID(int=0)
CHECKPOINT = CheckpointPointer("extraction", "(the newest checkpoint)", "0" * 16)


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"


ABOUT = f"""
A job is a row of `background_jobs`; an attempt is one Dagster run made for it. The sensor reads
the jobs that need attention and asks one pure function, `reconcile` in
`rhizome_pipelines/lifecycle/reconcile.py`, what to do about each. The tables below are its
answers to every combination of the row's status, the newest attempt, the state of that attempt's
run in Dagster, whether there is a checkpoint, and how many attempts in a row were lost with the
checkpoint in the same place; combinations with the same answer are put together. Time is the
database's clock.

- **alive**: its end is not on record. **ended**: it is, with an outcome.
- **just asked for**, **late**: alive, without any sign of life; late after
  {_seconds(LAUNCH_GRACE)}.
- **at work**, **silent**: alive, with a heartbeat; silent if that is older than
  {_seconds(SILENCE)}.
- **asked long ago**: the job has had its status for longer than `RHIZOME_STOP_SECONDS`
  (default: {_seconds(STOP_GRACE)}).
- **after another status**: what the job was before; it matters where a change makes no sense.
- **due**: its next try has come, and a retry is left.

An attempt that has a checkpoint on record while its job's three checkpoint columns are null was
left by somebody who wants the job from the beginning: then `launch` is a `restart`. A run that an
attempt leaves behind when it is given up (`rescue`, `lost`) is terminated as well.

Two more hands change a row, and neither is in these tables: the attempt that owns the job writes
its progress, its completion or its failure, each guarded by status and attempt number; and a
client writes its wishes (`pending` to begin, `paused`, `cancelled`, or a `DELETE`).
"""


@dataclass(frozen=True)
class Condition:
    """What, besides the newest attempt, a decision may depend on."""

    run: RunState
    checkpoint: CheckpointPointer | None
    long_ago: bool
    before: JobStatus | None
    due: bool


BEFORE: Sequence[JobStatus | None] = (
    None,
    JobStatus.COMPLETED,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
)
CONDITIONS: Sequence[Condition] = [
    Condition(*rest)
    for rest in product(RunState, (None, CHECKPOINT), (False, True), BEFORE, (False, True))
]


def document() -> str:
    return joined(
        NOTICE,
        "# States of a job",
        ABOUT,
        "## Between states",
        state_diagram(_answers),
        "## What is decided",
        *(_section(status) for status in JobStatus),
        "### A job whose row is gone",
        _deleted(),
    )


def _section(status: JobStatus) -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, attempt in _attempts():
        for told in _told(status, attempt):
            rows.setdefault(told, []).append(name)
    body = [[_attempts_told(names), *told] for told, names in rows.items()]
    header = ["newest attempt", "its run", "and", "what is done"]
    return joined(f"### `{status.value}`", table(header, body))


def _deleted() -> str:
    """What `reconcile_deleted` answers, told like the others."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name, attempt in _attempts():
        if attempt is None:
            continue
        by_action: dict[str, list[Condition]] = {}
        for one in CONDITIONS:
            since = NOW - (STOP_GRACE * 2 if one.long_ago else SHORT)
            told = _action(reconcile_deleted(attempt, one.run, since, NOW))
            by_action.setdefault(told, []).append(one)
        for action, conditions in by_action.items():
            runs = [run for run in RunState if any(run is one.run for one in conditions)]
            key = (_runs(runs), _further(conditions), action)
            rows.setdefault(key, []).append(name)
    body = [[_attempts_told(names), *told] for told, names in rows.items()]
    return table(["newest attempt", "its run", "and", "what is done"], body)


def _answers(status: JobStatus) -> Iterator[Action]:
    for _, attempt in _attempts():
        for condition in CONDITIONS:
            yield from _decisions(status, attempt, condition)


def _decisions(
    status: JobStatus, attempt: Attempt | None, condition: Condition
) -> Sequence[Action]:
    """The answers after no, one, two … attempts that were lost before at this place."""
    job = Job(
        ID,
        ID,
        "process_document",
        status,
        NOW,
        NOW,
        checkpoint=condition.checkpoint,
        status_before=condition.before,
        status_changed_at=NOW - (STOP_GRACE * 2 if condition.long_ago else SHORT),
        next_retry_at=NOW if condition.due else None,
    )
    return [
        reconcile(Situation(job=job, attempt=attempt, run=condition.run, deaths=deaths, now=NOW))
        for deaths in range(DEATHS_ON_ONE_UNIT)
    ]


def _attempts() -> Iterator[tuple[str, Attempt | None]]:
    """Every kind of newest attempt that makes a difference, and what it is called."""
    yield "none", None
    yield "just asked for", _attempt(SHORT, None)
    yield "late", _attempt(LAUNCH_GRACE * 2, None)
    yield "at work", _attempt(LAUNCH_GRACE * 2, SHORT)
    yield "silent", _attempt(LAUNCH_GRACE * 2, SILENCE * 2)
    for outcome in AttemptOutcome:
        yield f"{ENDED}{outcome.value}", _attempt(LAUNCH_GRACE * 2, SILENCE * 2, outcome)


def _attempt(
    created: timedelta, beat: timedelta | None, outcome: AttemptOutcome | None = None
) -> Attempt:
    return Attempt(
        job_id=ID,
        number=1,
        trigger=AttemptTrigger.START,
        created_at=NOW - created,
        heartbeat_at=None if beat is None else NOW - beat,
        ended_at=None if outcome is None else NOW,
        outcome=outcome,
    )


def _told(status: JobStatus, attempt: Attempt | None) -> Iterator[tuple[str, str, str]]:
    """Run states, further conditions and action: one line for each different action."""
    by_action: dict[str, list[Condition]] = {}
    for condition in CONDITIONS:
        told = _actions(_decisions(status, attempt, condition))
        by_action.setdefault(told, []).append(condition)
    for action, conditions in by_action.items():
        runs = [run for run in RunState if any(run is one.run for one in conditions)]
        yield _runs(runs), _further(conditions), action


def _runs(runs: Sequence[RunState]) -> str:
    return "any" if len(runs) == len(RunState) else ", ".join(run.value for run in runs)


def _further(conditions: Sequence[Condition]) -> str:
    """What must hold besides the run's state, where that is not all."""
    told = [
        _only(conditions, lambda one: one.checkpoint is not None, "a checkpoint", "no checkpoint"),
        _only(conditions, lambda one: one.long_ago, "asked long ago", "asked lately"),
        _after({one.before for one in conditions}),
        _only(conditions, lambda one: one.due, "due", "not due"),
    ]
    return ", ".join(one for one in told if one)


def _after(before: Set[JobStatus | None]) -> str:
    """Which status the job must have had; nothing if any may be."""
    if len(before) == len(BEFORE):
        return ""
    others = None in before
    named = [one for one in BEFORE if one is not None and (one in before) is not others]
    return f"{'not ' if others else ''}after {', '.join(f'`{one.value}`' for one in named)}"


def _only(
    conditions: Sequence[Condition], holds: Callable[[Condition], bool], yes: str, no: str
) -> str:
    """What is the same in all of the conditions; nothing if they differ."""
    answers = {holds(one) for one in conditions}
    return "" if len(answers) == 2 else yes if answers == {True} else no


def _actions(actions: Sequence[Action]) -> str:
    """The first answer, and where it changes with the number of losses."""
    told = [_action(actions[0])]
    for losses, (before, after) in enumerate(pairwise(actions), start=2):
        if _action(before) != _action(after):
            told.append(f"{_action(after)} when {losses} in a row were lost at this place")
    return "; ".join(told)


def _action(action: Action) -> str:
    """`**rescue**: The run ended …`: the action's name and what it carries."""
    name = "".join(f" {c.lower()}" if c.isupper() else c for c in type(action).__name__).strip()
    if isinstance(action, Fail):
        return f"**{name}**: `{action.error_type.value}`"
    if isinstance(action, PutBack):
        return f"**{name}**, with a note"
    carried = [getattr(action, field.name) for field in fields(action)]
    return ": ".join([f"**{name}**", *(_value(value) for value in carried)])


def _value(value: object) -> str:
    return f"`{value.value}`" if isinstance(value, Enum) else str(value).rstrip(".")


def _attempts_told(names: Sequence[str]) -> str:
    """`ended: lost, failed` for two of a kind, `ended` or `alive` for all of a kind."""
    ended = [name.removeprefix(ENDED) for name in names if name.startswith(ENDED)]
    others = [name for name in names if not name.startswith(ENDED)]
    alive = [name for name, attempt in _attempts() if attempt is not None and attempt.alive]
    if set(alive) <= set(others):
        others = [name for name in others if name not in alive] + ["alive"]
    if len(ended) == len(AttemptOutcome):
        others.append("ended")
    elif ended:
        others.append(f"{ENDED}{', '.join(ended)}")
    return "; ".join(others)
