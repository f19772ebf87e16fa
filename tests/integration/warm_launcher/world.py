"""A stock Dagster instance on SQLite with the warm launcher, and a code location, in one folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, JobDefinition, job, op
from dagster._core.code_pointer import CodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.launcher import WarmRunLauncher
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.registry import Registry
from rhizome_pipelines.warm_launcher.shutdown import Shutdown
from rhizome_pipelines.warm_launcher.worker import worker_of
from tests.integration.warm_launcher.location import CODE, FOREWORD

LIMIT = 60.0  # seconds, for what takes one or two
GRACE = 1.0


class World:
    """DAGSTER_HOME must be `folder / "home"` already while it lives."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        told = {
            "run_launcher": {
                "module": "rhizome_pipelines.warm_launcher.launcher",
                "class": "WarmRunLauncher",
                "config": {"grace_seconds": GRACE, **config},
            },
            "run_coordinator": {
                "module": "dagster._core.run_coordinator",
                "class": "DefaultRunCoordinator",
            },
            "telemetry": {"enabled": False},
        }
        (self.home / "dagster.yaml").write_text(yaml.safe_dump(told))
        self.write_code()
        self.instance = DagsterInstance.from_config(str(self.home))
        self.place = Place(self.home.resolve() / "warm_launcher")

    # The code location

    def write_code(self, foreword: str = FOREWORD, code: str = CODE) -> None:
        """As an editor does it: the file is another one afterwards."""
        draft = self.folder / "pieces.py.tmp"
        draft.write_text(foreword + code if "VERSION" in foreword else FOREWORD + foreword + code)
        draft.rename(self.folder / "pieces.py")

    def origin(self, name: str = "quick") -> JobPythonOrigin:
        pointer = CodePointer.from_module("pieces", "defs", str(self.folder))
        return JobPythonOrigin(
            name, RepositoryPythonOrigin(sys.executable, pointer, entry_point=["dagster"])
        )

    # Runs

    @property
    def launcher(self) -> WarmRunLauncher:
        launcher = self.instance.run_launcher
        assert isinstance(launcher, WarmRunLauncher)
        return launcher

    def make(self, name: str, tags: Mapping[str, str] | None = None) -> str:
        location = ManagedGrpcPythonEnvCodeLocationOrigin(
            LoadableTargetOrigin(module_name="pieces", working_directory=str(self.folder)), "pieces"
        )
        run = self.instance.create_run_for_job(
            _alike(name),
            job_code_origin=self.origin(name),
            remote_job_origin=RemoteJobOrigin(
                RemoteRepositoryOrigin(location, "__repository__"), name
            ),
            tags=tags,
        )
        return run.run_id

    def submit(self, run_id: str) -> str:
        with _as_between_tests():
            self.instance.submit_run(run_id, workspace=None)
        return run_id

    def prewarm(self) -> None:
        with _as_between_tests():
            self.launcher.prewarm(self.origin())

    def launch(self, name: str) -> str:
        return self.submit(self.make(name))

    def begin(self, name: str) -> str:
        """Launch, and wait until it is in the middle of its work."""
        run_id = self.launch(name)
        self.until(lambda: self.notes(run_id))
        return run_id

    def execute(self, name: str) -> str:
        """Launch, and wait until it has succeeded."""
        run_id = self.launch(name)
        assert self.end_of(run_id).status is DagsterRunStatus.SUCCESS
        return run_id

    def run(self, run_id: str) -> DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def end_of(self, run_id: str) -> DagsterRun:
        self.until(lambda: self.run(run_id).is_finished)
        return self.run(run_id)

    def messages(self, run_id: str) -> str:
        entries = self.instance.all_logs(run_id)
        events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
        return "\n".join(
            [entry.user_message for entry in entries] + [event.message or "" for event in events]
        )

    def notes(self, run_id: str) -> list[list[str]]:
        """What the run's op has written down: words of each line."""
        path = self.home / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1:] for line in lines if line.split()[0] == run_id]

    def go_on(self) -> None:
        """Let the job `sleep` come to its end."""
        (self.home / "go on").touch()

    # Processes

    def worker(self, run_id: str) -> ProcessIdentity:
        worker = worker_of(self.run(run_id))
        assert worker is not None
        return worker

    def recorded(self, run_id: str) -> ProcessIdentity | None:
        entry = Registry(self.place).find(run_id)
        return None if entry is None else entry.worker

    def warm(self) -> list[ProcessIdentity]:
        """The warm processes that live."""
        found = []
        for path in self.place.processes.glob("*.json"):
            identity = ProcessIdentity.from_json(path.read_text())
            if identity is not None and identity.alive and not path.name.startswith("cold"):
                found.append(identity)
        return found

    def the_warm_one(self) -> ProcessIdentity:
        (one,) = self.warm()
        return one

    def kill(self, process: ProcessIdentity) -> None:
        process.signal(signal.SIGKILL)
        self.until(lambda: not process.alive)

    def elsewhere(self, code: str) -> str:
        """What another process prints, which has this instance and nothing else of ours."""
        with _as_between_tests():
            done = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "from dagster import DagsterInstance\n"
                    f"with DagsterInstance.get() as instance:\n    {code}",
                ],
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
        return done.stdout + (done.stderr if done.returncode > 0 else "")

    @staticmethod
    def until(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + LIMIT
        while not holds():
            assert time.monotonic() < deadline, "this has not come about"
            time.sleep(0.02)

    def leftovers(self) -> list[psutil.Process]:
        """Processes whose environment names the folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.folder) in process.environ().get("DAGSTER_HOME", ""):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def close(self) -> None:
        """End everything. Fails if something is left that the launcher's own shutdown overlooks."""
        shutdown = Shutdown(self.place)
        shutdown.ask()
        shutdown.wait(10.0)
        self.instance.dispose()
        try:
            self.until(lambda: not self.leftovers())
        finally:
            for process in self.leftovers():
                process.kill()
            shutil.rmtree(self.place.socket_folder(), ignore_errors=True)


def _alike(name: str) -> JobDefinition:
    """A job with the same plan, so that no code of the location is loaded here."""

    @op(name=f"{name}_op")
    def work() -> None: ...

    @job(name=name)
    def alike() -> None:
        work()

    return alike


@contextmanager
def _as_between_tests() -> Iterator[None]:
    """pytest names the test in the environment, which would make a warm process for each."""
    name = os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        yield
    finally:
        if name is not None:
            os.environ["PYTEST_CURRENT_TEST"] = name
