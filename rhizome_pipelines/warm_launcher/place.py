"""Where a launcher's files lie, and how a warm process is named by what it has loaded."""

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PRIVATE = 0o700
LOG_LIMIT = 10 * 2**20  # bytes

_PASSING = frozenset(
    {"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES", "TERM", "LS_COLORS", "PYTHONUNBUFFERED"}
)
"""Variables of the shell and the terminal: they differ between a code server and a web server
that were started side by side, and no code is loaded otherwise because of them."""

_PASSING_PREFIXES = ("DAGSTER_CLI_API_", "DAGSTER_GRPC_", "GRPC_")


@dataclass(frozen=True)
class Place:
    """The files of one launcher; `folder` is its own, made when it is first needed."""

    folder: Path

    @property
    def workers(self) -> Path:
        """One file for each living worker, named by its run."""
        return self.folder / "workers"

    @property
    def processes(self) -> Path:
        """One file for each process that was started: see `record`."""
        return self.folder / "processes"

    def record(self, name: str, pid: int) -> Path:
        """File with the identity of a process; the name is a warm process' digest, or `cold`."""
        return self.processes / f"{name}.{pid}.json"

    def record_of_retired(self, digest: str, pid: int) -> Path:
        """The same for a warm process that takes no more runs and waits for its last workers."""
        return self.processes / f"{digest}.{pid}.retired.json"

    @property
    def log(self) -> Path:
        """What warm processes and workers print outside of steps."""
        return self.folder / "warm.log"

    def trim_log(self) -> None:
        """Set a long log aside. Whoever has it open goes on writing, at its beginning."""
        with suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT:
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)

    def lock(self, digest: str) -> Path:
        """Held by the one warm process of that digest that takes runs."""
        return self.folder / f"{digest}.lock"

    def prepare(self) -> None:
        for folder in (self.folder, self.workers, self.processes):
            folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        check_private(self.folder)

    def socket(self, digest: str) -> str:
        """Path of a warm process' socket: short, since such paths are limited to 107 bytes."""
        return str(self.socket_folder() / f"{digest}.sock")

    def socket_folder(self) -> Path:
        """Folder of the sockets of this launcher, in the one of this user; both are made."""
        of_user = Path(tempfile.gettempdir()) / f"dagster-warm-{os.getuid()}"
        own = of_user / hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]
        for folder in (of_user, own):
            folder.mkdir(exist_ok=True, mode=PRIVATE)
            check_private(folder)
        return own


class NotPrivateError(Exception):
    """A folder that others can write to is no place for a socket that starts programs."""


def check_private(folder: Path) -> None:
    """Raise NotPrivateError unless the folder is ours and closed to others."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise NotPrivateError(
            f"{folder} must be a folder that belongs to this user and that others cannot write to; "
            "remove it, or name another in the launcher's `state_dir`."
        )


def digest_of(*parts: str, environment: Mapping[str, str], folder: Path) -> str:
    """The name of the warm process for this code, instance, environment and working directory.

    Another environment is another process: what was read from it while loading may be anything.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _PASSING and not name.startswith(_PASSING_PREFIXES)
    }
    told = json.dumps([*parts, kept, os.getuid(), str(Path.cwd()), str(folder)], sort_keys=True)
    return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()[:20]
