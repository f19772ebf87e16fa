"""The runs of attempts: launching them, asking what became of them, having them end."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, runtime_checkable
from uuid import UUID

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    JobDefinition,
    RunsFilter,
)
from dagster._core.origin import JobPythonOrigin
from dagster._core.run_coordinator import DefaultRunCoordinator, QueuedRunCoordinator
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG, TICK_ID_TAG

from rhizome_pipelines.lifecycle.actions import RunState
from rhizome_pipelines.lifecycle.jobs import Attempt, JobType
from rhizome_pipelines.lifecycle.launch import LaunchRequest, ParentRun
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.run_api.plans import as_parent, planned_re_execution, planned_run
from rhizome_pipelines.run_api.source import RunSource
from rhizome_pipelines.run_api.tags import (
    ATTEMPT_TAG,
    DOCUMENT_JOB,
    DOCUMENT_PARTITIONS,
    JOB_TAG,
    asset_selection,
    run_tags,
)

log = logging.getLogger(__name__)


@runtime_checkable
class _Warm(Protocol):
    """A run launcher that can make itself ready before there is a run."""

    def prewarm(self, origin: JobPythonOrigin, location_name: str | None = None) -> None: ...


@runtime_checkable
class _Recording(Protocol):
    """A run launcher that has each worker on record before it does anything."""

    def has_worker(self, run: DagsterRun) -> bool | None: ...


class DagsterRuns:
    """The runs of attempts: what Dagster knows of them, and new ones."""

    def __init__(self, instance: DagsterInstance, source: RunSource | None = None) -> None:
        self._instance = instance
        self._source = source

    # What became of runs

    def states(self, attempts: Iterable[Attempt]) -> Mapping[tuple[UUID, int], RunState]:
        """State of each attempt's run, keyed by (job id, number).

        One query for all whose run is known, and one for each that has told nobody its run.
        """
        wanted = list(attempts)
        bound = [attempt.run_id for attempt in wanted if attempt.run_id is not None]
        by_id = {run.run_id: run for run in self._by_ids(bound)}
        return {
            (attempt.job_id, attempt.number): self._state(
                by_id.get(attempt.run_id) if attempt.run_id else self._by_tags(attempt)
            )
            for attempt in wanted
        }

    def _state(self, run: DagsterRun | None) -> RunState:
        if run is not None and run.status is DagsterRunStatus.STARTING:
            return self._starting(run)
        return RunState.UNKNOWN if run is None else _STATES[run.status]

    def _starting(self, run: DagsterRun) -> RunState:
        """Dagster waits for minutes for a run to begin whose worker, or whose launch, was killed.

        Its launches are over when somebody looks: both are done by the one tick that has its turn.
        """
        launcher = self._instance.run_launcher
        if not isinstance(launcher, _Recording):
            return RunState.ALIVE
        match launcher.has_worker(run):
            case True:
                return RunState.ALIVE
            case False:
                return RunState.FAILED
            case None:
                queued = not isinstance(self._instance.run_coordinator, DefaultRunCoordinator)
                return RunState.ALIVE if queued else RunState.CREATED

    def _by_ids(self, run_ids: list[str]) -> Iterable[DagsterRun]:
        return self._instance.get_runs(RunsFilter(run_ids=run_ids)) if run_ids else ()

    def _run_of(self, attempt: Attempt) -> DagsterRun | None:
        if attempt.run_id is None:
            return self._by_tags(attempt)
        return self._instance.get_run_by_id(attempt.run_id)

    def _by_tags(self, attempt: Attempt) -> DagsterRun | None:
        """A run that was asked for and has not yet begun to work has told nobody its id."""
        tags = {JOB_TAG: str(attempt.job_id), ATTEMPT_TAG: str(attempt.number)}
        return next(iter(self._instance.get_runs(RunsFilter(tags=tags), limit=1)), None)

    # New runs

    @cached_property
    def can_launch(self) -> bool:
        """Whether runs can be launched from inside a tick.

        Most launchers ask a workspace about the run's code, and only Dagster's daemon has one:
        for them the sensor has to return run requests.
        """
        return (
            self._source is not None
            and isinstance(
                self._instance.run_coordinator, DefaultRunCoordinator | QueuedRunCoordinator
            )
            and bool(getattr(self._instance.run_launcher, "launches_without_workspace", False))
        )

    def prepare(self) -> None:
        """Let the launcher make itself ready; that it could not is no reason not to try later."""
        launcher = self._instance.run_launcher
        if self._source is None or not self.can_launch or not isinstance(launcher, _Warm):
            return
        try:
            origin = self._source.python(DOCUMENT_JOB)
            launcher.prewarm(origin, self._source.location.location_name)
        except Exception:
            log.exception("The run launcher could not be made ready beforehand.")

    def launch(self, request: LaunchRequest) -> None:
        """Create the run of an attempt that is bound to `request.run_id`, and have it launched.

        What Dagster's daemon would do with a run request, or its web server for a re-execution
        from failure, without asking a code server. Raises whatever the launcher raises; Dagster
        has recorded the run as failed by then.
        """
        if self._source is None or request.run_id is None:
            raise RuntimeError("Runs can only be launched from a sensor's tick.")
        if request.partition is not None:
            self._instance.add_dynamic_partitions(DOCUMENT_PARTITIONS, [str(request.partition)])
        self._create(self._source, request, request.run_id)
        # Neither of the two coordinators looks at the workspace: it is the launcher's to use.
        self._instance.submit_run(request.run_id, workspace=None)  # type: ignore[arg-type]

    def _create(self, source: RunSource, request: LaunchRequest, run_id: str) -> None:
        selection, parent = asset_selection(request), request.parent
        name = request.job_type.value
        planned = (
            planned_run(source.repository, name, selection)
            if parent is None
            else planned_re_execution(
                self._instance, source.repository, name, selection, parent.run_id, request.steps
            )
        )
        job = planned.job
        self._instance.create_run(
            job_name=name,
            run_id=run_id,
            run_config=planned.run_config,
            status=DagsterRunStatus.NOT_STARTED,
            tags={
                **source.job(name).run_tags,
                **_partition_tags(source.job(name), request, selection),
                **run_tags(request),
                RUN_KEY_TAG: request.key,
                SENSOR_NAME_TAG: source.sensor,
                **({TICK_ID_TAG: source.tick} if source.tick else {}),
            },
            root_run_id=None if parent is None else parent.root_run_id,
            parent_run_id=None if parent is None else parent.run_id,
            step_keys_to_execute=planned.step_keys,
            execution_plan_snapshot=planned.plan,
            job_snapshot=job.get_job_snapshot(),
            parent_job_snapshot=job.get_parent_job_snapshot(),
            asset_selection=selection,
            asset_check_selection=None,
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=source.remote.get_job_origin(name),
            job_code_origin=source.python(name),
            asset_graph=job.asset_layer.asset_graph,
        )

    # Runs that end, and what goes on from them

    def terminate(self, attempt: Attempt) -> None:
        """Have the attempt's run end now, wherever its worker is; nothing if it is over."""
        run = self._run_of(attempt)
        if run is not None and not run.is_finished:
            self._instance.run_coordinator.cancel_run(run.run_id)

    def parent(
        self, run_ids: Sequence[str], job_type: JobType, stages: Sequence[StageName]
    ) -> ParentRun | None:
        """The first of the runs that is still on record, if the job has the same steps as it had.

        None if there is none to go on from: purged, of another job, or made by other code.
        """
        found = {run.run_id: run for run in self._by_ids(list(run_ids))}
        run = next((found[run_id] for run_id in run_ids if run_id in found), None)
        return None if run is None else as_parent(self._instance, run, job_type.value, stages)

    def abandon(self, run_id: str) -> None:
        """A run that was created and never launched is over: nobody can launch it any more."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and self._state(run) is RunState.CREATED:
            self._instance.report_run_failed(run, "The run was created, but never launched.")


def _partition_tags(
    job: JobDefinition, request: LaunchRequest, selection: frozenset[AssetKey] | None
) -> Mapping[str, str]:
    if request.partition is None:
        return {}
    return job.get_tags_for_partition_key(str(request.partition), selection)


_STATES: Mapping[DagsterRunStatus, RunState] = {
    DagsterRunStatus.NOT_STARTED: RunState.CREATED,
    DagsterRunStatus.QUEUED: RunState.ALIVE,
    DagsterRunStatus.MANAGED: RunState.ALIVE,
    DagsterRunStatus.STARTING: RunState.ALIVE,
    DagsterRunStatus.STARTED: RunState.ALIVE,
    DagsterRunStatus.SUSPENDED: RunState.ALIVE,
    DagsterRunStatus.CANCELING: RunState.ENDING,
    DagsterRunStatus.SUCCESS: RunState.SUCCEEDED,
    DagsterRunStatus.FAILURE: RunState.FAILED,
    DagsterRunStatus.CANCELED: RunState.CANCELLED,
}
