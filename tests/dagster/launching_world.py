"""A deployment whose ticks launch runs themselves, as under a launcher that needs no workspace."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dagster import DagsterInstance, DagsterRun, JobExecutionResult, SensorResult, SkipReason
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.sensor_definition import SensorEvaluationContext
from dagster._core.execution.api import execute_run
from dagster._core.execution.build_resources import wrap_resources_for_execution
from dagster._core.instance.types import InstanceType
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.run_coordinator import DefaultRunCoordinator, RunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from rhizome_pipelines.deployment.presence import stopping
from sensors import reconciling_sensor
from tests.dagster.launchers import NotesLauncher
from tests.dagster.world import JOB, WatchedServices, World

LOCATION = InProcessCodeLocationOrigin(
    LoadableTargetOrigin(module_name="rhizome_pipelines.definitions"), location_name="rhizome"
)
PATIENCE = 60.0
"""Seconds after which something that should have happened counts as never happening."""


def instance_with(
    launcher: NotesLauncher, coordinator: RunCoordinator | None = None
) -> DagsterInstance:
    """Dagster's ephemeral instance, with this launcher."""
    return DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),
        run_storage=InMemoryRunStorage(),
        event_storage=InMemoryEventLogStorage(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=coordinator or DefaultRunCoordinator(),
        run_launcher=launcher,
    )


@dataclass
class LaunchingWorld(World):
    launcher: NotesLauncher = field(kw_only=True)

    def tick(self) -> str:
        """One tick of the sensor, as a code server evaluates it; what it says of itself."""
        with SensorEvaluationContext(
            instance_ref=None,
            instance=self.instance,
            repository_name="__repository__",
            repository_def=self.definitions.get_repository_def(),
            sensor_name=reconciling_sensor.name,
            log_key=["__repository__", reconciling_sensor.name, "17"],
            resources=wrap_resources_for_execution({"services": WatchedServices(self.watch)}),
            code_location_origin=LOCATION,
        ) as context:
            told = reconciling_sensor(context)
        assert not isinstance(told, SensorResult)
        assert isinstance(told, SkipReason)
        return str(told.skip_message)

    def launched(self) -> list[DagsterRun]:
        """The runs that were launched since this was last asked."""
        run_ids, self.launcher.launched = self.launcher.launched, []
        return [run for run_id in run_ids if (run := self.instance.get_run_by_id(run_id))]

    def look_and_launch(self) -> list[DagsterRun]:
        self.tick()
        return self.launched()

    def work(self, run: DagsterRun) -> JobExecutionResult:
        """Do what the run's worker does."""
        job = InMemoryJob(self.definitions.resolve_job_def(JOB))
        return execute_run(job, run, self.instance)

    @contextmanager
    def ticking(self) -> Iterator[Callable[[Callable[[], bool]], None]]:
        """A tick beside the test, ended with the context; what is given waits until it is true."""
        ended = threading.Event()

        def tick() -> None:
            try:
                self.tick()
            finally:
                ended.set()

        def until(true: Callable[[], bool]) -> None:
            deadline = threading.Event()
            for _ in range(int(PATIENCE / 0.01)):
                if true():
                    return
                assert not ended.is_set(), "the tick has ended"
                deadline.wait(0.01)
            raise AssertionError("It never happened.")

        home = self.services.settings.home
        (home / "dagster").mkdir(parents=True, exist_ok=True)
        thread = threading.Thread(target=tick)
        thread.start()
        try:
            yield until
        finally:
            with stopping(home):
                thread.join(PATIENCE)
        assert ended.is_set(), "the tick did not end with its deployment"
