"""Which process works for which run, on record from the moment it exists until it is gone.

The same is kept as a tag of the run, by the worker itself; the file is there before the worker
has done anything, and when Dagster's storage cannot be asked.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place

if sys.platform != "win32":
    import fcntl

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

REGISTRY_LOCK = "registry.lock"


@dataclass(frozen=True)
class Entry:
    """A worker; `socket` is that of its warm process, empty for one that was started cold."""

    run_id: str
    worker: ProcessIdentity
    socket: str


@dataclass(frozen=True)
class Registry:
    place: Place

    def add(self, entry: Entry) -> ProcessIdentity:
        """Who works for the run from now on: the given worker, or another one that lives already.

        Raises OSError if that cannot be written down.
        """
        path = self._path(entry.run_id)
        told = {"worker": entry.worker.to_json(), "socket": entry.socket}
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        with self._alone():
            known = self.find(entry.run_id)
            if known is not None and not known.worker.gone:
                return known.worker
            try:
                draft.write_text(json.dumps(told))
                draft.rename(path)
            except OSError:
                draft.unlink(missing_ok=True)
                raise
        return entry.worker

    def find(self, run_id: str) -> Entry | None:
        try:
            told = json.loads(self._path(run_id).read_text())
            worker = ProcessIdentity.from_json(told["worker"])
            return None if worker is None else Entry(run_id, worker, str(told["socket"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self, run_id: str, worker: ProcessIdentity) -> None:
        """Forget that worker of the run; another one stays."""
        with suppress(OSError), self._alone():
            known = self.find(run_id)
            if known is None or known.worker == worker:
                self._path(run_id).unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        """All that are on record, whether alive or not."""
        for path in sorted(self.place.workers.glob("*.json")):
            entry = self.find(path.stem)
            if entry is not None:
                yield entry

    def clear_away(self) -> None:
        """Forget the workers that are gone."""
        for entry in list(self.entries()):
            if entry.worker.gone:
                self.remove(entry.run_id, entry.worker)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes asked for the same run at once must not both begin it."""
        lock = os.open(self.place.folder / REGISTRY_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _path(self, run_id: str) -> Path:
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"{run_id[:70]!r} is not the id of a run.")
        return self.place.workers / f"{run_id}.json"
