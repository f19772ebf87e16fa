"""The sessions that a deployment's processes lead, on record while they live.

Whoever started them ends them. If that process is killed, they live on with nobody who knows of
them but this record: one small file for each leader, named by its pid.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STOP_SECONDS = 10.0


@dataclass(frozen=True)
class SessionRecord:
    """The record of one home. `folder` is made when it is first written to."""

    home: Path

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.home / "dagster" / "sessions"

    def add(self, leader: int) -> None:
        """Note that this process has started a session leader with that pid."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        starter = psutil.Process()
        told = {"starter": starter.pid, "began": starter.create_time()}
        draft = self.folder / f"{leader}.tmp"
        draft.write_text(json.dumps(told))
        draft.rename(self.folder / f"{leader}.json")

    def end_orphans(self) -> bool:
        """End all sessions whose starter is gone; True if any process was still alive.

        A session whose starter lives is that process's own affair.
        """
        return self.end([leader for leader, alive in self._sessions() if not alive])

    def end(self, leaders: Sequence[int]) -> bool:
        """End these sessions, whose leaders may be dead; True if any process was still alive."""
        members = self._members(leaders) if leaders else []
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(members, timeout=STOP_SECONDS)
        for process in stubborn:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=STOP_SECONDS)
        for leader in leaders:
            (self.folder / f"{leader}.json").unlink(missing_ok=True)
        return bool(members)

    def _sessions(self) -> Iterator[tuple[int, bool]]:
        """Every recorded leader, and whether its starter is alive."""
        for path in sorted(self.folder.glob("*.json")):
            with suppress(FileNotFoundError):
                yield int(path.stem), _starter_lives(path.read_text())

    def _members(self, leaders: Sequence[int]) -> list[psutil.Process]:
        """What is left of the sessions.

        A pid may be another's by now: only processes that work for this home are taken.
        """
        return [
            process
            for process in psutil.process_iter()
            if _session_of(process) in leaders and self._is_ours(process)
        ]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("RHIZOME_HOME") == str(self.home)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _starter_lives(text: str) -> bool:
    try:
        told = json.loads(text)
        starter = psutil.Process(int(told["starter"]))
        # The same pid with another beginning is another process.
        return (
            abs(starter.create_time() - float(told["began"])) < 1
            and starter.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.NoSuchProcess, ValueError, KeyError, TypeError):
        return False


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None
