"""`WarmRunLauncher`: what dagster.yaml names, and what Dagster's processes call."""

import hashlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
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

from rhizome_pipelines.warm_launcher.client import (
    Client,
    NoWarmProcessError,
    Wanted,
)
from rhizome_pipelines.warm_launcher.cold_start import start_cold
from rhizome_pipelines.warm_launcher.ending import see_to_its_end
from rhizome_pipelines.warm_launcher.options import CONFIG, Options
from rhizome_pipelines.warm_launcher.place import Place, digest_of
from rhizome_pipelines.warm_launcher.protocol import Birth
from rhizome_pipelines.warm_launcher.registry import Entry, Registry
from rhizome_pipelines.warm_launcher.worker import worker_of

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
            self._client.run(self._wanted(origin, _location(run)), run.run_id)
        except NoWarmProcessError as fault:
            self._instance.report_engine_event(
                f"Started in a fresh process, not forked from a warm one: {fault}.", run
            )
            start_cold(
                self._place,
                _executable(origin),
                self._environment(_location(run)),
                serialize_value(self._instance.get_ref()),
                run.run_id,
            )

    def prewarm(self, origin: JobPythonOrigin, location_name: str | None = None) -> None:
        """See to it that a current warm process for this code is there, or on its way."""
        if CAN_FORK:
            self._place.prepare()
            self._client.prewarm(self._wanted(origin, location_name))

    def terminate(self, run_id: str) -> bool:
        """Interrupt the worker; if it does not end within the grace period it is killed."""
        if not CAN_FORK:
            return bool(self._default.terminate(run_id))  # type: ignore[no-untyped-call]
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        entry = self._entry_soon(run)
        if entry is None or entry.worker.gone:
            self._report_canceled(run_id)
            return True
        if not entry.worker.is_here:
            self._instance.report_engine_event(
                f"The run's worker is of another machine ({entry.worker.machine}) and cannot be "
                "interrupted from here.",
                run,
            )
            return False
        entry.worker.signal(signal.SIGINT)
        interrupted = time.monotonic()
        if not self._client.end(entry.socket, run_id, self._options.grace_seconds):
            grace = max(0.0, self._options.grace_seconds - (time.monotonic() - interrupted))
            reference = serialize_value(self._instance.get_ref())
            self._place.prepare()
            see_to_its_end(entry.worker, grace, reference, run_id, self._place.log)
        return True

    def has_worker(self, run: DagsterRun) -> bool | None:
        """Whether the run's worker lives, as far as this machine can tell; None if none is known.

        Once `launch_run` has returned, a run of which none is known will never have one.
        """
        entry = self._entry(run) if CAN_FORK else None
        return None if entry is None else entry.worker.alive or entry.worker.may_be_elsewhere

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
        if "_default" in self.__dict__:
            self._default.dispose()

    def join(self, timeout: int = 30) -> None:
        """Wait until no worker of this launcher lives."""
        if not CAN_FORK:
            self._default.join(timeout)  # type: ignore[no-untyped-call]
            return
        deadline = time.monotonic() + timeout
        while any(entry.worker.alive for entry in Registry(self._place).entries()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Runs are still at work after {timeout} s.")
            time.sleep(0.05)

    # Inside

    @cached_property
    def _place(self) -> Place:
        home = os.environ.get("DAGSTER_HOME")
        if home or self._options.state_dir is not None:
            base = Path(home or ".").expanduser()
            own = Path(self._options.state_dir or "warm_launcher").expanduser()
            # One folder has one name, else there would be two warm processes for the same code.
            return Place((base / own).resolve())
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

    def _wanted(self, origin: JobPythonOrigin, location_name: str | None) -> Wanted:
        reference = serialize_value(self._instance.get_ref())
        repository = serialize_value(origin.repository_origin)
        environment = self._environment(location_name)
        birth = Birth(
            folder=str(self._place.folder),
            digest=digest_of(
                reference, repository, environment=environment, folder=self._place.folder
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
        return Wanted(birth, _executable(origin), environment)

    def _environment(self, location_name: str | None) -> dict[str, str]:
        """With what Dagster's secrets loader adds, which code may read when it is loaded."""
        environment = dict(os.environ)
        # If it fails, Dagster tells so in the run.
        with suppress(Exception):
            loader = self._instance.get_ref().secrets_loader
            if loader is not None:
                environment |= loader.get_secrets_for_environment(location_name)
        return environment

    def _report_canceled(self, run_id: str) -> None:
        run = self._instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_canceled(run, "The run had no worker that lives.")

    def _entry(self, run: DagsterRun) -> Entry | None:
        known = Registry(self._place).find(run.run_id)
        if known is not None:
            return known
        worker = worker_of(run)
        return None if worker is None else Entry(run.run_id, worker, socket="")

    def _entry_soon(self, run: DagsterRun) -> Entry | None:
        """The worker; one that is just being launched is waited for."""
        deadline = time.monotonic() + TAG_SECONDS
        while (entry := self._entry(run)) is None and run.status is DagsterRunStatus.STARTING:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return entry


def _location(run: DagsterRun) -> str | None:
    return None if run.remote_job_origin is None else run.remote_job_origin.location_name


def _executable(origin: JobPythonOrigin) -> str:
    return origin.executable_path or sys.executable
