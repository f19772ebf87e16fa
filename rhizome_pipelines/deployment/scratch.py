"""Where an attempt keeps files for a while: a folder of its own, which goes when the attempt does.

A killed process cannot remove what it has unpacked or put together. So its temporary files do not
lie among those of the system, where nobody would find them, but under the home, by the attempt: the
job's next attempt removes them, or whoever finds that there will be none, or the sweep.

A command that unpacks something itself has a folder by its process; the sweep looks whether that
lives.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import Attempt

_NAME = re.compile(r"([0-9a-f-]{36})\.(\d+)")
_COMMAND = re.compile(r"command-(\d+)-(\d+)")
_CLOCK_MILLISECONDS = 2_000
"""By so much the start of one process may seem to differ, since it is reckoned from the boot."""


@contextmanager
def attempts_scratch(services: Services, attempt: Attempt) -> Iterator[Path]:
    """All temporary files of this process lie in the attempt's folder meanwhile.

    What earlier attempts of the job have left is removed. The folder is set for the whole process,
    since libraries ask for temporary files too; a run has a process of its own.
    """
    discard_scratch(services, attempt.job_id)
    folder = _root(services) / f"{attempt.job_id}.{attempt.number}"
    with _temporary(folder):
        yield folder


@contextmanager
def commands_scratch(services: Services) -> Iterator[Path]:
    """All temporary files of this process, which is no run, lie in a folder of its own."""
    process = psutil.Process()
    folder = _root(services) / f"command-{process.pid}-{_began(process)}"
    if folder.exists():  # it is within another such context already
        yield folder
        return
    with _temporary(folder):
        yield folder


@contextmanager
def _temporary(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, mode=0o700)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def discard_scratch(services: Services, job_id: UUID) -> None:
    """Remove what the job's attempts have left: none of them is at work, and there will be none."""
    for left in _root(services).glob(f"{job_id}.*"):
        shutil.rmtree(left, ignore_errors=True)


@dataclass(frozen=True)
class LeftBehind:
    """A folder of a killed attempt or command, and what it held."""

    name: str
    files: int
    bytes: int


def sweep_scratch(services: Services, *, dry_run: bool = False) -> list[LeftBehind]:
    """Remove the folders of attempts and commands that have ended; those that went, or would go."""
    found = {
        folder: (UUID(match[1]), int(match[2]))
        for folder in _root(services).glob("*")
        if (match := _NAME.fullmatch(folder.name)) is not None
    }
    alive = AttemptRepository(services.database).alive_among([job for job, _ in found.values()])
    gone = [folder for folder, (job, _) in sorted(found.items()) if job not in alive]
    gone += [folder for folder in sorted(_root(services).glob("*")) if _of_dead_command(folder)]
    swept = [_measured(folder) for folder in gone]
    if not dry_run:
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
    return swept


def _of_dead_command(folder: Path) -> bool:
    match = _COMMAND.fullmatch(folder.name)
    if match is None:
        return False
    try:
        began = _began(psutil.Process(int(match[1])))
    except psutil.NoSuchProcess:
        return True
    return abs(began - int(match[2])) > _CLOCK_MILLISECONDS


def _began(process: psutil.Process) -> int:
    """In milliseconds: with the pid it tells a process from all others."""
    return round(process.create_time() * 1000)


def _measured(folder: Path) -> LeftBehind:
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
    return LeftBehind(folder.name, len(sizes), sum(sizes))


def _root(services: Services) -> Path:
    return services.settings.home / "scratch"
