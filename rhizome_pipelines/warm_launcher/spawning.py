"""Starting a module in a process of its own, which outlives whoever starts it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_children: list["subprocess.Popen[bytes]"] = []
_turn = threading.Lock()


@dataclass(frozen=True)
class Start:
    """What to start, and with what around it."""

    module: str
    log: Path
    executable: str = sys.executable
    environment: Mapping[str, str] | None = None
    """Default: that of this process."""
    kept: tuple[int, ...] = field(default=())
    """Descriptors that the process keeps."""

    def begin(self) -> "subprocess.Popen[bytes]":
        """Start it, in a session of its own. It waits for what it is told: see `tell`."""
        reap()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [self.executable, "-m", self.module],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.environment is None else dict(self.environment),
                start_new_session=True,
                pass_fds=self.kept,
            )
        with _turn:
            _children.append(process)
        return process


def fresh_signals() -> None:
    """What the process has that was started: the usual reactions to signals.

    A script's background job ignores SIGINT, some supervisors SIGCHLD, and threads of servers block
    signals: all that they start inherits it.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def tell(process: "subprocess.Popen[bytes]", told: bytes) -> None:
    """By its standard input, which ends then: what is secret is in no argument and no file."""
    if process.stdin is None:
        raise RuntimeError("A pipe was asked for.")
    with process.stdin as pipe:
        pipe.write(told)


def reap() -> None:
    """Take note of those that have ended: else they stay as zombies while their parent lives."""
    with _turn:
        _children[:] = [one for one in _children if one.poll() is None]
