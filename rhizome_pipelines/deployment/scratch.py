"""Where an attempt keeps files for a while: a folder of its own, which goes when the attempt does.

A killed process cannot remove what it has unpacked or put together. So its temporary files do not
lie among those of the system, where nobody would find them, but under the home, by the attempt: the
job's next attempt removes them, or the sweep.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import Attempt

_NAME = re.compile(r"([0-9a-f-]{36})\.(\d+)")


@contextmanager
def attempts_scratch(services: Services, attempt: Attempt) -> Iterator[Path]:
    """All temporary files of this process lie in the attempt's folder meanwhile.

    What earlier attempts of the job have left is removed. The folder is set for the whole process,
    since libraries ask for temporary files too; a run has a process of its own.
    """
    root = _root(services)
    for left in root.glob(f"{attempt.job_id}.*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = root / f"{attempt.job_id}.{attempt.number}"
    folder.mkdir(parents=True, mode=0o700)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class LeftBehind:
    """A folder of a killed attempt, and what it held."""

    name: str
    files: int
    bytes: int


def sweep_scratch(services: Services, *, dry_run: bool = False) -> list[LeftBehind]:
    """Remove the folders of attempts that have ended; those that went, or would go."""
    found = {
        folder: (UUID(match[1]), int(match[2]))
        for folder in _root(services).glob("*")
        if (match := _NAME.fullmatch(folder.name)) is not None
    }
    alive = AttemptRepository(services.database).alive_among([job for job, _ in found.values()])
    gone = [folder for folder, (job, _) in sorted(found.items()) if job not in alive]
    swept = [_measured(folder) for folder in gone]
    if not dry_run:
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
    return swept


def _measured(folder: Path) -> LeftBehind:
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
    return LeftBehind(folder.name, len(sizes), sum(sizes))


def _root(services: Services) -> Path:
    return services.settings.home / "scratch"
