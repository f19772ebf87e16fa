"""One deployment a home: a lock that the kernel lets go of when its holder dies."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rhizome_pipelines.lifecycle.errors import InvalidInputError


class DeploymentLock:
    """The lock of one home; its file names the process that holds it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Take the lock, if nobody has it."""
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("a+")
        if not _locked(file):
            file.close()
            return False
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        """Let go of the lock, if it is held here."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def holder(self) -> int | None:
        """The process that holds the lock, or None if nobody does."""
        if not self._path.exists():
            return None
        with self._path.open("a+") as file:
            if _locked(file):
                return None
            file.seek(0)
            text = file.read().strip()
            return int(text) if text.isdigit() else None

    def held_for(self) -> float:
        """How many seconds ago the lock was taken last; 0 if it never was."""
        try:
            return max(0.0, time.time() - self._path.stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def __enter__(self) -> Self:
        if not self.acquire():
            raise InvalidInputError(
                f"A deployment of {self._home} is up already (pid {self.holder()}); "
                "end it with `rhizome down`."
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    @property
    def _path(self) -> Path:
        return self._home / "deployment.lock"


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
