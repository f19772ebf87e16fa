"""`WarmRunLauncher`: what dagster.yaml names, and what Dagster's processes call."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._config import UserConfigSchema
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.origin import JobPythonOrigin
from dagster._serdes import ConfigurableClass, serialize_value
from dagster._serdes.config_class import ConfigurableClassData

from rhizome_pipelines.warm_launcher.client import Client, NoWarmProcessError, spawn
from rhizome_pipelines.warm_launcher.ending import see_to_its_end
from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.options import CONFIG, Options
from rhizome_pipelines.warm_launcher.place import Place, digest_of
from rhizome_pipelines.warm_launcher.protocol import Birth
from rhizome_pipelines.warm_launcher.registry import Entry, Registry
from rhizome_pipelines.warm_launcher.worker import WORKER_TAG

CAN_FORK = hasattr(os, "fork")

TAG_SECONDS = 5.0
"""How long a run that was just launched may have no worker on record."""


class WarmRunLauncher(RunLauncher[DagsterInstance], ConfigurableClass):
    """Launches runs by forking a process that has loaded their code already.

    On platforms without fork everything is left to Dagster's DefaultRunLauncher.
    """

    def __init__(
        self, options: Options | None = None, inst_data: ConfigurableClassData | None = None
    ) -> None:
        self._options = options or Options()
        self._inst_data = inst_data
        self._cold: list[subprocess.Popen[bytes]] = []

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return CONFIG

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(Options(**config_value), inst_data)

    @property
    def launches_without_workspace(self) -> bool:
        """Whether `launch_run` works from the run alone, as in `submit_run(run_id, None)`."""
        return CAN_FORK

    def launch_run(self, context: LaunchRunContext) -> None:
        """Fork a worker; start one in a fresh process, and say why, where that is not possible."""
        if not CAN_FORK:
            self._default.launch_run(context)
            return
        run = context.dagster_run
        origin = context.job_code_origin
        if origin is None:
            raise ValueError(f"Run {run.run_id} does not say where its code is.")
        self._place.prepare()
        try:
            self._client.run(_executable(origin), self._birth(origin), run.run_id)
        except NoWarmProcessError as fault:
            self._instance.report_engine_event(
                f"Started in a fresh process, not forked from a warm one: {fault}.", run
            )
            self._start_cold(run, origin)

    def prewarm(self, origin: JobPythonOrigin) -> None:
        """See to it that a current warm process for this code is there, or on its way."""
        if CAN_FORK:
            self._place.prepare()
            self._client.prewarm(_executable(origin), self._birth(origin))

    def terminate(self, run_id: str) -> bool:
        """Interrupt the worker; if it does not end within the grace period it is killed."""
        if not CAN_FORK:
            return bool(self._default.terminate(run_id))  # type: ignore[no-untyped-call]
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        entry = self._entry_soon(run)
        if entry is None or not (entry.worker.alive or entry.worker.may_be_elsewhere):
            self._instance.report_run_canceled(run, "The run had no worker that lives.")
            return True
        if not entry.worker.signal(signal.SIGINT):
            self._instance.report_engine_event(
                f"The run's worker is of another machine ({entry.worker.machine}) and cannot be "
                "interrupted from here.",
                run,
            )
            return False
        if not self._client.end(entry.socket, run_id, self._options.grace_seconds):
            reference = serialize_value(self._instance.get_ref())
            self._cold.append(
                see_to_its_end(
                    entry.worker, self._options.grace_seconds, reference, run_id, self._place.log
                )
            )
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return CAN_FORK

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """By the worker's pid and start: right also when all that launched it is gone.

        A run whose worker nobody here knows (one of `dagster job execute`, say) is never called
        dead.
        """
        entry = self._entry(run)
        if entry is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "The run has no worker of ours.")
        told = f"pid {entry.worker.pid}"
        if entry.worker.alive:
            return CheckRunHealthResult(WorkerStatus.RUNNING, told, run_worker_id=told)
        if entry.worker.may_be_elsewhere:
            return CheckRunHealthResult(
                WorkerStatus.RUNNING, f"The worker is of another machine: {entry.worker.machine}."
            )
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"The run's worker ({told}) is gone.", run_worker_id=told
        )

    def get_run_worker_debug_info(
        self, run: DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        return f"What workers print outside of steps is in {self._place.log}."

    def dispose(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def join(self, timeout: int = 30) -> None:
        """Wait until no worker of this launcher lives."""
        deadline = time.monotonic() + timeout
        while any(entry.worker.alive for entry in Registry(self._place).entries()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Runs are still at work after {timeout} s.")
            time.sleep(0.05)

    # Inside

    @cached_property
    def _place(self) -> Place:
        if self._options.state_dir is not None:
            return Place(Path(self._options.state_dir).expanduser().absolute())
        home = os.environ.get("DAGSTER_HOME")
        if home:
            return Place(Path(home).expanduser().absolute() / "warm_launcher")
        named = hashlib.sha256(serialize_value(self._instance.get_ref()).encode()).hexdigest()[:12]
        return Place(Path(tempfile.gettempdir()) / f"dagster-warm-{os.getuid()}" / named)

    @cached_property
    def _client(self) -> Client:
        return Client(self._place, self._options.most_processes)

    @cached_property
    def _default(self) -> DefaultRunLauncher:
        launcher = DefaultRunLauncher()
        launcher.register_instance(self._instance)
        return launcher

    def _birth(self, origin: JobPythonOrigin) -> Birth:
        reference = serialize_value(self._instance.get_ref())
        repository = serialize_value(origin.repository_origin)
        return Birth(
            folder=str(self._place.folder),
            digest=digest_of(
                reference, repository, environment=os.environ, folder=self._place.folder
            ),
            instance_ref=reference,
            code_origin=serialize_value(origin),
            modules=list(self._options.modules),
            prepare=list(self._options.prepare),
            watched=[
                str(Path(path).expanduser().absolute()) for path in self._options.watched_files
            ],
            linger_seconds=self._options.linger_seconds,
            growth_megabytes=self._options.growth_megabytes,
        )

    def _start_cold(self, run: DagsterRun, origin: JobPythonOrigin) -> None:
        self._cold = [one for one in self._cold if one.poll() is None]
        reference = serialize_value(self._instance.get_ref())
        told = json.dumps({"instance_ref": reference, "run_id": run.run_id}).encode()
        process = spawn(
            _executable(origin), "rhizome_pipelines.warm_launcher.cold", told, self._place
        )
        self._cold.append(process)
        worker = ProcessIdentity.of(process.pid)
        if worker is not None:
            Registry(self._place).add(Entry(run.run_id, worker, socket=""))

    def _entry(self, run: DagsterRun) -> Entry | None:
        known = Registry(self._place).find(run.run_id)
        if known is not None:
            return known
        worker = ProcessIdentity.from_json(run.tags.get(WORKER_TAG, ""))
        return None if worker is None else Entry(run.run_id, worker, socket="")

    def _entry_soon(self, run: DagsterRun) -> Entry | None:
        """The worker; one that is just being launched is waited for."""
        deadline = time.monotonic() + TAG_SECONDS
        while (entry := self._entry(run)) is None and run.status is DagsterRunStatus.STARTING:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return entry


def _executable(origin: JobPythonOrigin) -> str:
    return origin.executable_path or sys.executable
