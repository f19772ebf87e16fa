"""docs/states.md: what `reconcile` decides in every situation, found out by asking it."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import pairwise, product
from uuid import UUID

from generators.diagram import state_diagram
from generators.markdown import NOTICE, joined, table
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
    Action,
    Fail,
    RunState,
    Situation,
    reconcile,
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

Two more hands change a row, and neither is in these tables: the attempt that owns the job writes
its progress, its completion or its failure, each guarded by status and attempt number; and a
client writes its wishes (`pending` to begin, `paused`, `cancelled`, or a `DELETE`).
"""

Condition = tuple[RunState, CheckpointPointer | None]
CONDITIONS: Sequence[Condition] = list(product(RunState, (None, CHECKPOINT)))


def document() -> str:
    return joined(
        NOTICE,
        "# States of a job",
        ABOUT,
        "## Between states",
        state_diagram(_answers),
        "## What is decided",
        *(_section(status) for status in JobStatus),
    )


def _section(status: JobStatus) -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, attempt in _attempts():
        for told in _told(status, attempt):
            rows.setdefault(told, []).append(name)
    body = [[_attempts_told(names), *told] for told, names in rows.items()]
    header = ["newest attempt", "its run", "and", "what is done"]
    return joined(f"### `{status.value}`", table(header, body))


def _answers(status: JobStatus) -> Iterator[Action]:
    for _, attempt in _attempts():
        for condition in CONDITIONS:
            yield from _decisions(status, attempt, condition)


def _decisions(
    status: JobStatus, attempt: Attempt | None, condition: Condition
) -> Sequence[Action]:
    """The answers after no, one, two … attempts that were lost before at this place."""
    run, checkpoint = condition
    job = Job(ID, ID, "process_document", status, NOW, NOW, checkpoint=checkpoint)
    return [
        reconcile(Situation(job=job, attempt=attempt, run=run, deaths=deaths, now=NOW))
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
        runs = [run for run in RunState if any(run is one[0] for one in conditions)]
        yield _runs(runs), _further(conditions), action


def _runs(runs: Sequence[RunState]) -> str:
    return "any" if len(runs) == len(RunState) else ", ".join(run.value for run in runs)


def _further(conditions: Sequence[Condition]) -> str:
    """What must hold besides the run's state, where that is not all."""
    checkpoints = {checkpoint is not None for _, checkpoint in conditions}
    if len(checkpoints) == 2:
        return ""
    return "a checkpoint" if checkpoints == {True} else "no checkpoint"


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
