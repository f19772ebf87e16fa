"""One home with a deployment of real processes, as a person at a shell has it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.deployment.services import OUR_DATABASE
from rhizome_pipelines.deployment.warm import warm_place
from rhizome_pipelines.server.postgres import EmbeddedPostgres
from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PATIENCE = 120.0
"""Seconds after which something that should have happened counts as never happening."""


def free_port() -> int:
    """Free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


class Started(subprocess.Popen[str]):
    """A command left running; a test that fails while it runs ends it instead of waiting for it."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self.kill()
        super().__exit__(exc_type, value, traceback)


@dataclass(frozen=True)
class Home:
    path: Path
    panel_port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that are not the defaults, by the names of their variables."""

    @property
    def environment(self) -> dict[str, str]:
        """A person's environment; of Rhizome's and Dagster's, only what sets this home apart."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RHIZOME_", "DAGSTER_", "PYTEST_"))
        }
        own = {"RHIZOME_HOME": str(self.path), "RHIZOME_PANEL_PORT": str(self.panel_port)}
        return {**kept, **self.settings, **own}

    def command(self, name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run one of the installed commands to its end, from the project's root."""
        return subprocess.run(
            [str(BIN / name), *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def rhizome(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return self.command("rhizome", *arguments)

    def start(self, *arguments: str | Path) -> Started:
        """Start `rhizome` and leave it running."""
        return Started(
            [str(BIN / "rhizome"), *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The home's own database, kept up meanwhile."""
        server = EmbeddedPostgres(self.path)
        with server.lease(), Database(server.url(OUR_DATABASE)) as database:
            yield database

    def processes(self) -> list[psutil.Process]:
        """All processes that belong to this home: by environment, or by command line."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid != os.getpid() and self._owns(process)
        ]

    def workers(self) -> list[psutil.Process]:
        """The living workers of runs, as the launcher has them on record."""
        entries = Registry(warm_place(self.path)).entries()
        return [psutil.Process(entry.worker.pid) for entry in entries if entry.worker.alive]

    def warm_processes(self) -> list[psutil.Process]:
        """The living processes that runs are forked from."""
        found = []
        for record in warm_place(self.path).processes.glob("*.json"):
            identity = ProcessIdentity.from_json(record.read_text())
            if identity is not None and identity.alive:
                found.append(psutil.Process(identity.pid))
        return found

    def wait_until_empty(self) -> None:
        """Return once no process of this home is left; fail, naming those that stay."""
        deadline = time.monotonic() + PATIENCE
        while left := self.processes():
            assert time.monotonic() < deadline, f"still there: {[*map(_told, left)]}"
            time.sleep(0.1)

    def clean_up(self) -> None:
        """End whatever is left, so that no test leaves anything behind."""
        for process in self.processes():
            with _gone_already():
                process.kill()

    def _owns(self, process: psutil.Process) -> bool:
        if not lives(process):
            return False
        with _gone_already():
            if any(str(self.path) in part for part in process.cmdline()):
                return True
            return process.environ().get("RHIZOME_HOME") == str(self.path)
        return False


def _told(process: psutil.Process) -> str:
    with _gone_already():
        return f"{process.pid} (of {process.ppid()}): {' '.join(process.cmdline())}"
    return f"{process.pid}, just gone"


@contextmanager
def _gone_already() -> Iterator[None]:
    try:
        yield
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return


def wait_until(holds: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return once it holds; fail, telling what was waited for, when patience ends."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=PATIENCE)


def lives(process: psutil.Process) -> bool:
    """Whether it still does something; one that only waits to be reaped by init does not."""
    with _gone_already():
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def answers(port: int) -> bool:
    """Whether Dagster's web server answers there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
