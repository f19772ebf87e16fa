"""The processes of this deployment: Dagster's code server, daemon and web server, our panel.

Each is the leader of a session of its own, so that Ctrl-C in a terminal reaches only us, and we
end whole process groups: Dagster alone leaves code servers and workers behind.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rhizome_pipelines.deployment.guardian import start_guardian
from rhizome_pipelines.deployment.presence import stopping
from rhizome_pipelines.deployment.sessions import SessionRecord
from rhizome_pipelines.deployment.warm import warm_place
from rhizome_pipelines.deployment.web_address import WebAddress
from rhizome_pipelines.lifecycle.errors import InvalidInputError, TransientError
from rhizome_pipelines.server.layout import Layout, make_private_folder
from rhizome_pipelines.settings import Settings, environment_for_others
from rhizome_pipelines.warm_launcher.shutdown import Shutdown

PROJECT_ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 10.0
DEATHS_ALLOWED = 5
DEATHS_SECONDS = 120.0
"""A process that ends more than five times in two minutes is not started again."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Process:
    """A started process and what it is called."""

    name: str
    arguments: Sequence[str]
    popen: "subprocess.Popen[bytes]"
    log: Path


@dataclass
class DagsterProcesses:
    """The processes of one deployment; use `running`.

    `web` and `panel`: where Dagster's web server and our own listen, if they are wanted.
    """

    settings: Settings
    web: WebAddress | None = None
    panel: WebAddress | None = None
    _started: list[Process] = field(default_factory=list)
    _deaths: dict[str, list[float]] = field(default_factory=dict)
    _guardian: "subprocess.Popen[bytes] | None" = None

    @contextmanager
    def running(self) -> Iterator["DagsterProcesses"]:
        """Start all, and end all however the context is left."""
        try:
            self._start()
            yield self
        finally:
            self.stop()

    @property
    def _sessions(self) -> SessionRecord:
        return SessionRecord(self.settings.home)

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this deployment."""
        return self.settings.home / "dagster"

    def dead(self) -> Process | None:
        """A process that has ended though it should not have."""
        return next((one for one in self._started if one.popen.poll() is not None), None)

    def stop(self) -> None:
        """End every process group, politely first; nothing is left behind."""
        if self._guardian is not None:
            self._guardian.kill()
            self._guardian.wait()
        if not self._started:
            return
        with stopping(self.settings.home):
            members = [one for process in self._started for one in _family(process.popen.pid)]
            runs = Shutdown(warm_place(self.settings.home))
            runs.ask()
            for process in reversed(self._started):
                _signal_group(process.popen.pid, signal.SIGTERM)
            runs.wait(STOP_SECONDS)
            _, alive = psutil.wait_procs(members, timeout=STOP_SECONDS)
            for member in alive:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            psutil.wait_procs(alive, timeout=STOP_SECONDS)
            for process in self._started:
                process.popen.wait()
            # What a worker that died has left behind is nobody's child any more.
            self._sessions.end([process.popen.pid for process in self._started])
        self._started.clear()
        code_socket = self._code_socket()
        with suppress(OSError):
            code_socket.parent.rmdir()

    def wait_until_ready(self) -> None:
        """Return once the web servers answer. Raises TransientError if a process died or hangs."""
        deadline = time.monotonic() + START_SECONDS
        for address in filter(None, (self.panel, self.web)):
            while not address.answers():
                self.raise_if_dead()
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"The web server does not answer at {address.url} after "
                        f"{START_SECONDS:.0f} s; see {self.logs_folder}."
                    )
                time.sleep(0.1)

    def raise_if_dead(self) -> None:
        """Raise TransientError, with the end of its log, if a process has ended."""
        process = self.dead()
        if process is None:
            return
        raise TransientError(
            f"{process.name} ended with code {process.popen.returncode}. The end of its log "
            f"({process.log}): {_tail(process.log)}"
        )

    def revive(self) -> str | None:
        """Start again a process that has ended; its name, or None if all live.

        What it has left in its session is ended first; runs are in sessions of their own, and go
        on. Raises TransientError for a process that keeps ending.
        """
        process = self.dead()
        if process is None:
            return None
        now = time.monotonic()
        before = self._deaths.get(process.name, [])
        deaths = [death for death in before if now - death < DEATHS_SECONDS] + [now]
        self._deaths[process.name] = deaths
        if len(deaths) > DEATHS_ALLOWED:
            self.raise_if_dead()
        self._sessions.end([process.popen.pid])
        if process.name == "code-server":
            self._code_socket()
        self._started[self._started.index(process)] = self._spawn(process.name, process.arguments)
        return process.name

    def _launch(self, name: str, arguments: Sequence[str]) -> None:
        (self.logs_folder / f"{name}.log").unlink(missing_ok=True)
        self._started.append(self._spawn(name, arguments))

    def _start(self) -> None:
        # Two daemons at once would launch everything twice, in vain.
        self._sessions.end_orphans()
        self._refuse_taken_ports()
        self._prepare_home()
        self._guardian = start_guardian(self.settings.home)
        code_socket = self._code_socket()
        self._launch(
            "code-server",
            [
                *("-m", "dagster", "code-server", "start", "--socket", str(code_socket)),
                *("-m", "rhizome_pipelines.definitions", "-d", str(PROJECT_ROOT)),
                *("--location-name", "rhizome", "--use-python-environment-entry-point"),
            ],
        )
        self._wait_for_socket(code_socket)
        self._write_workspace(code_socket)
        workspace = str(self.dagster_home / "workspace.yaml")
        level = self.settings.log_level
        self._launch(
            "daemon", ["-m", "dagster._daemon", "run", "-w", workspace, "--log-level", level]
        )
        if self.web is not None:
            where = ["-h", self.web.host, "-p", str(self.web.port)]
            where += ["--dagster-log-level", level]
            self._launch("webserver", ["-m", "dagster_webserver", "-w", workspace, *where])

        if self.panel is not None:
            self._launch("panel", ["-m", "rhizome_pipelines.panel"])

    def _refuse_taken_ports(self) -> None:
        for address, option in ((self.web, "--port"), (self.panel, "--panel-port")):
            if address is not None and address.answers():
                raise InvalidInputError(
                    f"Something else listens at {address.url} already; choose another port with "
                    f"{option}, or end what is there (`rhizome down`)."
                )
        if self.web is not None and self.panel is not None and self.web.port == self.panel.port:
            raise InvalidInputError(
                f"Dagster's web server and the server of downloads cannot both have port "
                f"{self.web.port}; choose another with --port or --panel-port."
            )

    def _code_socket(self) -> Path:
        """A path short enough for a socket, in a folder that nobody else can enter."""
        folder = Layout.of(self.settings.home).socket_folder(os.geteuid())
        make_private_folder(folder, os.geteuid(), os.getegid())
        path = folder / "code.sock"
        path.unlink(missing_ok=True)
        return path

    def _prepare_home(self) -> None:
        self.dagster_home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs_folder.mkdir(exist_ok=True)
        shutil.copyfile(PROJECT_ROOT / "dagster.yaml", self.dagster_home / "dagster.yaml")

    def _write_workspace(self, code_socket: Path) -> None:
        (self.dagster_home / "workspace.yaml").write_text(
            "# Written at each start.\nload_from:\n  - grpc_server:\n"
            f'      socket: "{code_socket}"\n      location_name: rhizome\n'
        )

    def _wait_for_socket(self, path: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not path.exists():
            self.raise_if_dead()
            if time.monotonic() > deadline:
                raise TransientError(
                    f"Dagster's code server did not start; see {self.logs_folder}."
                )
            time.sleep(0.05)

    @property
    def logs_folder(self) -> Path:
        """What the processes print."""
        return self.dagster_home / "process-logs"

    def _spawn(self, name: str, arguments: Sequence[str]) -> Process:
        log = self.logs_folder / f"{name}.log"
        environment = {
            **environment_for_others(),
            "DAGSTER_HOME": str(self.dagster_home),
            "RHIZOME_HOME": str(self.settings.home),
            # Runs make links to it.
            "RHIZOME_PANEL_PORT": str(self.settings.panel_port),
            "PYTHONUNBUFFERED": "1",
        }
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROJECT_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_restore_interrupt,  # noqa: PLW1509 - no threads run yet
            )
        self._sessions.add(popen.pid)
        return Process(name, arguments, popen, log)


def _restore_interrupt() -> None:
    """A script's background job inherits an ignored SIGINT; Dagster would then ignore TERM too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _family(pid: int) -> list[psutil.Process]:
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _tail(log: Path, lines: int = 3) -> str:
    text = _COLOURS.sub("", log.read_text(errors="replace")).strip().splitlines()
    return " ⏎ ".join(line[:300] for line in text[-lines:]) or "(empty)"
