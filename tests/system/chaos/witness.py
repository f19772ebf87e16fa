"""What a job keeps, seen from outside: each file that is put under its document's prefix."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from rhizome_pipelines.checkpoints.keys import parse_checkpoint_name


@dataclass(eq=False)
class Witness(FileSystemEventHandler):
    """Counts how often each file of a folder was put in its place, by the kernel's own word.

    Files are put in place by a rename, so that one event is one finished write.
    """

    folder: Path
    writes: Counter[str] = field(default_factory=Counter)
    last: float = 0.0
    """When the newest file was put in place, by the monotonic clock."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._observer = Observer()
        self._observer.schedule(self, str(self.folder))
        self._observer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._observer.stop()
        self._observer.join()

    def on_moved(self, event: FileSystemEvent) -> None:
        with self._changed:
            self.writes[Path(str(event.dest_path)).name] += 1
            self.last = time.monotonic()
            self._changed.notify_all()

    def units(self, stage: str | None = None) -> int:
        """Units that were kept at least once, of a stage or in all."""
        with self._changed:
            return sum(1 for name in self.writes if _is_unit(name, stage))

    def units_again(self) -> int:
        """How often a unit was kept that had been kept before."""
        with self._changed:
            return sum(times - 1 for name, times in self.writes.items() if _is_unit(name))

    def stage_now(self) -> str | None:
        """The stage of the newest part or stage file; None before the first."""
        with self._changed:
            names = [parse_checkpoint_name(name) for name in self.writes]
        return next((name.stage for name in reversed(names) if name), None)

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Until it holds, asked after each file; False if it never did."""
        with self._changed:
            return self._changed.wait_for(holds, seconds)


def _is_unit(name: str, stage: str | None = None) -> bool:
    found = parse_checkpoint_name(name)
    return (
        found is not None
        and found.unit is not None
        and not found.bulk
        and stage in (None, found.stage)
    )
