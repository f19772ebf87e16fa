"""The one module that wraps Dagster's run API: launching runs, and asking what became of them."""

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol, assert_never, runtime_checkable
from uuid import UUID

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    JobDefinition,
    RepositoryDefinition,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
)
from dagster._api.list_repositories import sync_list_repositories_grpc
from dagster._core.code_pointer import CodePointer
from dagster._core.execution.api import create_execution_plan
from dagster._core.instance.ref import InstanceRef
from dagster._core.origin import (
    JobPythonOrigin,
    RepositoryPythonOrigin,
    get_python_environment_entry_point,
)
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    GrpcServerCodeLocationOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import DefaultRunCoordinator, QueuedRunCoordinator
from dagster._core.snap import ExecutionPlanSnapshot, snapshot_from_execution_plan
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG, TICK_ID_TAG
from dagster._serdes import deserialize_value, serialize_value

from rhizome_pipelines.lifecycle.jobs import Attempt, JobType
from rhizome_pipelines.lifecycle.launch import LaunchRequest
from rhizome_pipelines.lifecycle.reconcile import RunState
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES

log = logging.getLogger(__name__)

JOB_TAG = "rhizome/job"
ATTEMPT_TAG = "rhizome/attempt"
USER_TAG = "rhizome/user"
TITLE_TAG = "rhizome/title"
DOCUMENT_PARTITIONS = "documents"
"""Name of the dynamic partitions; a key is a document's id."""

PARTITION_TAG = "dagster/partition"
PARENT_TAG = "dagster/parent_run_id"

_JOB = JobType.PROCESS_DOCUMENT.value
_MODULE, _ATTRIBUTE = "rhizome_pipelines.definitions", "defs"


@runtime_checkable
class _Warm(Protocol):
    """A run launcher that can make itself ready before there is a run."""

    def prewarm(self, origin: JobPythonOrigin, location_name: str | None = None) -> None: ...


@dataclass(frozen=True)
class RunSource:
    """Where runs come from: the sensor, and the code location that it is part of."""

    repository: RepositoryDefinition
    location: CodeLocationOrigin
    sensor: str
    tick: str | None = None

    @classmethod
    def of(cls, context: SensorEvaluationContext) -> "RunSource | None":
        """The source that a tick is; None if the tick runs in no code location."""
        if context.repository_def is None or context.code_location_origin is None:
            return None
        # The key of a tick's log is repository, sensor, tick.
        tick = context.log_key[-1] if context.log_key else None
        return cls(context.repository_def, context.code_location_origin, context.sensor_name, tick)

    @property
    def job(self) -> JobDefinition:
        """The job that documents are processed by."""
        return self.repository.get_job(_JOB)

    @property
    def remote(self) -> RemoteRepositoryOrigin:
        """The repository as other processes name it."""
        return RemoteRepositoryOrigin(self.location, self.repository.name)

    @cached_property
    def python(self) -> JobPythonOrigin:
        """The job as a process of its own would load it."""
        return JobPythonOrigin(_JOB, _python_origin(self.location, self.repository.name))


def lasting_instance(context: SensorEvaluationContext) -> DagsterInstance:
    """Dagster's instance with connections that stay open from one tick to the next.

    A launch asks Dagster's storage some fifty times, and connecting takes longer than asking.
    """
    if context.instance_ref is None:
        return context.instance
    return _lasting_instance(serialize_value(context.instance_ref))


@lru_cache(maxsize=1)
def _lasting_instance(ref: str) -> DagsterInstance:
    instance = DagsterInstance.from_ref(deserialize_value(ref, InstanceRef))
    # In milliseconds, seconds and connections.
    instance.optimize_for_webserver(statement_timeout=30_000, pool_recycle=3_600, max_overflow=20)
    return instance


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
            (attempt.job_id, attempt.number): _fold(
                by_id.get(attempt.run_id) if attempt.run_id else self._by_tags(attempt)
            )
            for attempt in wanted
        }

    def _by_ids(self, run_ids: list[str]) -> Iterable[DagsterRun]:
        return self._instance.get_runs(RunsFilter(run_ids=run_ids)) if run_ids else ()

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
            launcher.prewarm(self._source.python, self._source.location.location_name)
        except Exception:
            log.exception("The run launcher could not be made ready beforehand.")

    def launch(self, request: LaunchRequest) -> None:
        """Create the run of an attempt that is bound to `request.run_id`, and have it launched.

        What Dagster's daemon would do with a run request, without asking a code server. Raises
        whatever the launcher raises; Dagster has recorded the run as failed by then.
        """
        if self._source is None or request.run_id is None:
            raise RuntimeError("Runs can only be launched from a sensor's tick.")
        wanted = run_request(request)
        selection = frozenset(wanted.asset_selection) if wanted.asset_selection else None
        job, plan = _planned(self._source.repository, selection)
        partition = str(request.document_id)
        self._instance.add_dynamic_partitions(DOCUMENT_PARTITIONS, [partition])
        self._instance.create_run(
            job_name=_JOB,
            run_id=request.run_id,
            run_config={},
            status=DagsterRunStatus.NOT_STARTED,
            tags={
                **self._source.job.run_tags,
                **self._source.job.get_tags_for_partition_key(partition, selection),
                **wanted.tags,
                RUN_KEY_TAG: request.key,
                SENSOR_NAME_TAG: self._source.sensor,
                **({TICK_ID_TAG: self._source.tick} if self._source.tick else {}),
            },
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=None,
            execution_plan_snapshot=plan,
            job_snapshot=job.get_job_snapshot(),
            parent_job_snapshot=job.get_parent_job_snapshot(),
            asset_selection=selection,
            asset_check_selection=None,
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=self._source.remote.get_job_origin(_JOB),
            job_code_origin=self._source.python,
            asset_graph=job.asset_layer.asset_graph,
        )
        # Neither of the two coordinators looks at the workspace: it is the launcher's to use.
        self._instance.submit_run(request.run_id, workspace=None)  # type: ignore[arg-type]

    def abandon(self, run_id: str) -> None:
        """A run that was created and never launched is over: nobody can launch it any more."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and run.status is DagsterRunStatus.NOT_STARTED:
            self._instance.report_run_failed(run, "The run was created, but never launched.")


def run_request(request: LaunchRequest) -> RunRequest:
    """The same run, to be launched by Dagster's daemon."""
    whole = list(request.stages) == list(DOCUMENT_STAGES)
    return RunRequest(
        run_key=request.key,
        partition_key=str(request.document_id),
        asset_selection=None if whole else [AssetKey(stage.value) for stage in request.stages],
        tags={
            JOB_TAG: str(request.job_id),
            ATTEMPT_TAG: str(request.attempt),
            USER_TAG: str(request.user_id),
            TITLE_TAG: request.title,
        },
    )


# What is the same for all runs of a process, which is renewed when its code is.


@lru_cache(maxsize=16)
def _planned(
    repository: RepositoryDefinition, selection: frozenset[AssetKey] | None
) -> tuple[JobDefinition, ExecutionPlanSnapshot]:
    job = repository.get_job(_JOB)
    if selection is not None:
        job = job.get_subset(asset_selection=selection)
    plan = create_execution_plan(job)
    return job, snapshot_from_execution_plan(plan, job.get_job_snapshot_id())


def _python_origin(location: CodeLocationOrigin, repository: str) -> RepositoryPythonOrigin:
    """What the daemon would say, so that runs from here and from Dagster's UI are of one kind."""
    if isinstance(location, GrpcServerCodeLocationOrigin):
        told = sync_list_repositories_grpc(location.create_client())
        return RepositoryPythonOrigin(
            executable_path=told.executable_path or sys.executable,
            code_pointer=told.repository_code_pointer_dict[repository],
            container_image=told.container_image,
            entry_point=told.entry_point,
            container_context=told.container_context,
        )
    target = location.loadable_target_origin
    return RepositoryPythonOrigin(
        executable_path=target.executable_path or sys.executable,
        code_pointer=CodePointer.from_module(
            target.module_name or _MODULE, target.attribute or _ATTRIBUTE, target.working_directory
        ),
        entry_point=get_python_environment_entry_point(sys.executable),
    )


def _fold(run: DagsterRun | None) -> RunState:
    if run is None:
        return RunState.UNKNOWN
    match run.status:
        case DagsterRunStatus.NOT_STARTED:
            return RunState.CREATED
        case DagsterRunStatus.SUCCESS:
            return RunState.SUCCEEDED
        case DagsterRunStatus.FAILURE:
            return RunState.FAILED
        case DagsterRunStatus.CANCELED:
            return RunState.CANCELLED
        case (
            DagsterRunStatus.QUEUED
            | DagsterRunStatus.MANAGED
            | DagsterRunStatus.STARTING
            | DagsterRunStatus.STARTED
            | DagsterRunStatus.CANCELING
            | DagsterRunStatus.SUSPENDED
        ):
            return RunState.ALIVE
        case _:
            assert_never(run.status)
