"""What a run is to execute: the whole job, or of a run that ended early what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    JobDefinition,
    RepositoryDefinition,
)
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.snap import ExecutionPlanSnapshot, snapshot_from_execution_plan

from rhizome_pipelines.lifecycle.launch import ParentRun
from rhizome_pipelines.lifecycle.stage_names import StageName


@dataclass(frozen=True)
class PlannedRun:
    """A run's job and plan. `step_keys` of None are all steps."""

    job: JobDefinition
    plan: ExecutionPlanSnapshot
    step_keys: Sequence[str] | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)


# What is the same for all runs of a process, which is renewed when its code is.


@lru_cache(maxsize=16)
def planned_run(
    repository: RepositoryDefinition, name: str, selection: frozenset[AssetKey] | None
) -> PlannedRun:
    """All steps of the job, or of those of its assets that are selected."""
    job = _job(repository, name, selection)
    plan = create_execution_plan(job)
    return PlannedRun(job, snapshot_from_execution_plan(plan, job.get_job_snapshot_id()))


def planned_re_execution(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    name: str,
    selection: frozenset[AssetKey] | None,
    parent_run_id: str,
    steps: Sequence[StageName],
) -> PlannedRun:
    """Those steps of the job, with what the parent run has told of the others.

    As Dagster's own re-execution from failure, but for who chooses the steps: it believes what a
    run has told, and we look at what lies in the store.
    """
    parent = instance.get_run_by_id(parent_run_id)
    if parent is None:
        raise RuntimeError(f"The run {parent_run_id} was purged while a run was to go on from it.")
    keys = [stage.value for stage in steps]
    known = KnownExecutionState.build_for_reexecution(instance, parent)
    job = _job(repository, name, selection)
    plan = create_execution_plan(
        job,
        run_config=parent.run_config,
        step_keys_to_execute=keys,
        known_state=known.update_for_step_selection(keys),
    )
    snapshot = snapshot_from_execution_plan(plan, job.get_job_snapshot_id())
    return PlannedRun(job, snapshot, keys, parent.run_config)


def as_parent(
    instance: DagsterInstance, run: DagsterRun, job_name: str, stages: Sequence[StageName]
) -> ParentRun | None:
    """The run as the one to go on from; None if its steps are not the stages as they are now."""
    if run.job_name != job_name or run.execution_plan_snapshot_id is None:
        return None
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    if {step.key for step in plan.steps} != {stage.value for stage in stages}:
        return None
    ended = {
        entry.step_key
        for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_SUCCESS)
    }
    # What a re-execution did not walk, a run before it had ended.
    walked = run.step_keys_to_execute
    done = frozenset(
        stage
        for stage in stages
        if stage.value in ended or (walked is not None and stage.value not in walked)
    )
    return ParentRun(run.run_id, run.root_run_id or run.run_id, done)


def _job(
    repository: RepositoryDefinition, name: str, selection: frozenset[AssetKey] | None
) -> JobDefinition:
    job = repository.get_job(name)
    return job if selection is None else job.get_subset(asset_selection=selection)
