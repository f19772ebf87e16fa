"""Which process is meant: a pid alone may have been given to another program since."""

import json
import os
import platform
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told from all others that had or will have its pid.

    `machine` is this boot of this machine (or container); `started` the moment of its start in a
    unit of the platform's own, the same whenever it is asked for.
    """

    pid: int
    started: str
    machine: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The living process with that pid on this machine, or None."""
        started = _started(pid)
        return None if started is None else cls(pid, started, this_machine())

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """What `to_json` wrote, or None if it is something else."""
        try:
            told = json.loads(text)
            return cls(int(told["pid"]), str(told["started"]), str(told["machine"]))
        except (ValueError, KeyError, TypeError):
            return None

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def is_here(self) -> bool:
        """Whether it is (or was) a process that this one can see."""
        return self.machine == this_machine()

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether it is of another machine: then nothing can be said of it from here.

        The same machine in an earlier boot is not elsewhere: that process is gone.
        """
        return self.machine.split("/")[0] != this_machine().split("/")[0]

    @property
    def alive(self) -> bool:
        """Whether that very process lives; one that waits to be reaped does not."""
        return self.is_here and _started(self.pid) == self.started

    @property
    def gone(self) -> bool:
        """Whether it certainly lives no more."""
        return not self.alive and not self.may_be_elsewhere

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal, if it lives."""
        if not self.alive:
            return False
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)
            return True
        return False

    def kill_group(self) -> None:
        """Kill what is left of the process group that it leads (or led)."""
        if self.is_here and _started(self.pid) in (self.started, None):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


@cache
def this_machine() -> str:
    """`node/boot/process namespace`."""
    parts = [platform.node() or "localhost"]
    if sys.platform == "linux":
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    else:
        parts.append(str(int(psutil.boot_time())))
    return "/".join(parts)


def _started(pid: int) -> str | None:
    """Start of a living process, None if there is none."""
    if sys.platform != "linux":
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                return f"{process.create_time():.2f}"
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): the name, field 2, may hold anything; state is field 3, the start (in clock ticks
    # since boot) field 22.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()
