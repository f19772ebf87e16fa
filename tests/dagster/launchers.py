"""Run launchers that need no workspace, for instances of tests."""

import subprocess
from collections.abc import Mapping
from typing import Any

from dagster import DagsterRun
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.origin import JobPythonOrigin
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData


class NotesLauncher(RunLauncher[Any]):
    """Launches nothing: it notes what it was asked to, and a test does it."""

    launches_without_workspace = True

    def __init__(self) -> None:
        super().__init__()
        self.launched: list[str] = []
        self.terminated: list[str] = []
        self.prewarmed: list[JobPythonOrigin] = []
        self.unable = 0
        """So many launches fail from now on."""
        self.cold = False
        """Whether it can make itself ready."""

    def prewarm(self, origin: JobPythonOrigin, location_name: str | None = None) -> None:
        if self.cold:
            raise RuntimeError("It is too cold.")
        self.prewarmed.append(origin)

    def launch_run(self, context: LaunchRunContext) -> None:
        assert context.workspace is None
        if self.unable:
            self.unable -= 1
            raise RuntimeError("There is no room for a process.")
        self.launched.append(context.dagster_run.run_id)

    def terminate(self, run_id: str) -> bool:
        self.terminated.append(run_id)
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True


class RecordingLauncher(NotesLauncher):
    """Has each worker on record before it does anything; `workers` says which of them live."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: dict[str, bool] = {}

    def has_worker(self, run: DagsterRun) -> bool | None:
        return self.workers.get(run.run_id)


class ProcessLauncher(RunLauncher[Any], ConfigurableClass):
    """For dagster.yaml: each run in a fresh process, from what the run itself says of its code."""

    launches_without_workspace = True

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()
        self._inst_data = inst_data
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ProcessLauncher":
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        origin = context.job_code_origin
        assert origin is not None
        arguments = ExecuteRunArgs(
            job_origin=origin,
            run_id=context.dagster_run.run_id,
            instance_ref=self._instance.get_ref(),
        ).get_command_args()
        self._processes.append(subprocess.Popen(arguments, stdin=subprocess.DEVNULL))

    def terminate(self, run_id: str) -> bool:
        return False
