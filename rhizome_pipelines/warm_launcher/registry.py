"""Which process works for which run, on record from the moment it exists until it is gone.

The same is kept as a tag of the run, by the worker itself; the file is there before the worker
has done anything, and when Dagster's storage cannot be asked.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Entry:
    """A worker; `socket` is that of its warm process, empty for one that was started cold."""

    run_id: str
    worker: ProcessIdentity
    socket: str


@dataclass(frozen=True)
class Registry:
    place: Place

    def add(self, entry: Entry) -> None:
        told = {"worker": entry.worker.to_json(), "socket": entry.socket}
        path = self._path(entry.run_id)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(told))
        draft.rename(path)

    def find(self, run_id: str) -> Entry | None:
        try:
            told = json.loads(self._path(run_id).read_text())
            worker = ProcessIdentity.from_json(told["worker"])
            return None if worker is None else Entry(run_id, worker, str(told["socket"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self, run_id: str) -> None:
        with suppress(OSError):
            self._path(run_id).unlink()

    def entries(self) -> Iterator[Entry]:
        """All that are on record, whether alive or not."""
        for path in sorted(self.place.workers.glob("*.json")):
            entry = self.find(path.stem)
            if entry is not None:
                yield entry

    def _path(self, run_id: str) -> Path:
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"{run_id[:70]!r} is not the id of a run.")
        return self.place.workers / f"{run_id}.json"
