"""A deployment whose ticks launch runs themselves, as under a launcher that needs no workspace."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

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
from rhizome_pipelines.deployment.services import Services
from sensors import reconciling_sensor
from tests.dagster.launchers import NotesLauncher
from tests.dagster.world import WatchedServices, World

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


@dataclass(frozen=True)
class PatientServices(WatchedServices):
    """With ticks of this length, in seconds."""

    tick_seconds: float | None

    @contextmanager
    def open(self) -> Iterator[Services]:
        with super().open() as services:
            changed = {"tick_seconds": self.tick_seconds} if self.tick_seconds else {}
            settings = services.settings.model_copy(update=changed)
            yield replace(services, settings=settings)


@dataclass
class LaunchingWorld(World):
    launcher: NotesLauncher = field(kw_only=True)
    tick_seconds: float | None = field(default=None, kw_only=True)
    """Length of a tick, where it is not what the settings say."""

    def tick(self) -> str:
        """One tick of the sensor, as a code server evaluates it; what it says of itself."""
        with SensorEvaluationContext(
            instance_ref=None,
            instance=self.instance,
            repository_name="__repository__",
            repository_def=self.definitions.get_repository_def(),
            sensor_name=reconciling_sensor.name,
            log_key=["__repository__", reconciling_sensor.name, "17"],
            resources=wrap_resources_for_execution(
                {"services": PatientServices(self.watch, self.tick_seconds)}
            ),
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
        job = InMemoryJob(self.definitions.resolve_job_def(run.job_name))
        return execute_run(job, run, self.instance)

    @contextmanager
    def ticking(self) -> Iterator["Ticking"]:
        """A tick beside the test, that ends because its deployment does when the context ends."""
        home = self.services.settings.home
        (home / "dagster").mkdir(parents=True, exist_ok=True)
        ticking = Ticking(self)
        ticking.start()
        try:
            yield ticking
        finally:
            with stopping(home):
                ticking.join(PATIENCE)
        assert not ticking.is_alive(), "the tick did not end with its deployment"
        assert ticking.fault is None


class Ticking(threading.Thread):
    """A tick in a thread of its own."""

    def __init__(self, world: LaunchingWorld) -> None:
        super().__init__()
        self._world = world
        self.fault: Exception | None = None
        self.told: str | None = None
        """What the tick has said of itself when it had ended."""

    def run(self) -> None:
        try:
            self.told = self._world.tick()
        except Exception as fault:  # noqa: BLE001 - told in the test's own thread
            self.fault = fault

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until this is true, while the tick goes on."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.fault is None
            assert self.is_alive(), f"the tick has ended: {self.told}"
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)
