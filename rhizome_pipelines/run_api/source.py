"""Where runs come from: the code location of a tick, and the instance with its connections."""

import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dagster import (
    DagsterInstance,
    JobDefinition,
    RepositoryDefinition,
    SensorEvaluationContext,
)
from dagster._api.list_repositories import sync_list_repositories_grpc
from dagster._core.code_pointer import CodePointer
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
from dagster._serdes import deserialize_value, serialize_value

_MODULE, _ATTRIBUTE = "rhizome_pipelines.definitions", "defs"


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

    def job(self, name: str) -> JobDefinition:
        """One of the location's jobs."""
        return self.repository.get_job(name)

    @property
    def remote(self) -> RemoteRepositoryOrigin:
        """The repository as other processes name it."""
        return RemoteRepositoryOrigin(self.location, self.repository.name)

    def python(self, name: str) -> JobPythonOrigin:
        """The job as a process of its own would load it."""
        return JobPythonOrigin(name, self._python_repository)

    @cached_property
    def _python_repository(self) -> RepositoryPythonOrigin:
        return _python_origin(self.location, self.repository.name)


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
