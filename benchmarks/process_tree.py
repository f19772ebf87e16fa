"""Memory of a tree of processes while it lives, read from /proc by a thread."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.workshop import CannotMeasureError

SAMPLE_SECONDS = 0.05
LOOK_FOR_NEW_EVERY = 4


@dataclass
class Peak:
    """Bytes. `worker` and `readers` at their highest each, `sum` at its highest at one moment."""

    worker: int = 0
    readers: int = 0
    sum: int = 0


@dataclass
class TreeSampler:
    """Samples what is started below `roots` from now on.

    A process whose command line names `reader_program` is a reader, all others are the worker's.
    `label` is set from outside (the stage); peaks are told for each label. Resident memory
    counts a page shared by two processes twice.
    """

    roots: Iterable[int]
    reader_program: str
    label: str = ""
    peaks: dict[str, Peak] = field(default_factory=lambda: defaultdict(Peak))
    high_water: dict[str, int] = field(default_factory=lambda: {"worker": 0, "readers": 0})
    """VmHWM: the kernel's own record of the highest resident memory of one process."""

    def __enter__(self) -> Self:
        if not Path("/proc/self/status").is_file():
            raise CannotMeasureError("Memory is read from /proc, which only Linux has.")
        self._old = {child.pid for child in self._below()}
        self._kinds: dict[int, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def overall(self) -> Peak:
        """The highest of all labels."""
        return Peak(
            max((peak.worker for peak in self.peaks.values()), default=0),
            max((peak.readers for peak in self.peaks.values()), default=0),
            max((peak.sum for peak in self.peaks.values()), default=0),
        )

    def _sample(self) -> None:
        turn = 0
        while not self._over.wait(SAMPLE_SECONDS):
            if turn % LOOK_FOR_NEW_EVERY == 0:
                self._look_for_new()
            turn += 1
            now = {"worker": 0, "readers": 0}
            for pid, kind in list(self._kinds.items()):
                memory = _memory(pid)
                if memory is None:
                    del self._kinds[pid]
                    continue
                resident, highest = memory
                now[kind] += resident
                self.high_water[kind] = max(self.high_water[kind], highest)
            peak = self.peaks[self.label]
            peak.worker = max(peak.worker, now["worker"])
            peak.readers = max(peak.readers, now["readers"])
            peak.sum = max(peak.sum, sum(now.values()))

    def _look_for_new(self) -> None:
        for process in self._below():
            if process.pid not in self._old and process.pid not in self._kinds:
                try:
                    command = " ".join(process.cmdline())
                except psutil.Error:
                    continue
                reads = self.reader_program in command
                self._kinds[process.pid] = "readers" if reads else "worker"

    def _below(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for root in self.roots:
            try:
                found.extend(psutil.Process(root).children(recursive=True))
            except psutil.Error:
                continue
        return found


def _memory(pid: int) -> tuple[int, int] | None:
    """Resident memory now and at its highest, in bytes; None when the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kilobytes = {
        name: int(value.split()[0])
        for name, _, value in (line.partition(":") for line in status.splitlines())
        if name in ("VmRSS", "VmHWM")
    }
    if len(kilobytes) < 2:
        return None
    return kilobytes["VmRSS"] * 1024, kilobytes["VmHWM"] * 1024
