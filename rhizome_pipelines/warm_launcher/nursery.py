"""The workers of one warm process: forked, watched, reaped, and told of when they die."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from dagster._core.instance.ref import InstanceRef

from rhizome_pipelines.warm_launcher import obituary, worker
from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.registry import Entry, Registry

TOLD = 86
"""Exit code of a worker that has told Dagster how its run ended. Not 0: user code may call
`os._exit(0)` in the middle of a run."""


@dataclass
class Ward:
    """A worker that lives; it is killed at `kill_at` (monotonic seconds) if that is set."""

    run_id: str
    identity: ProcessIdentity
    kill_at: float | None = None


@dataclass
class Nursery:
    place: Place
    socket_path: str
    instance_ref: InstanceRef
    inherited: set[int]
    """Descriptors of the warm process that no child keeps."""
    _wards: dict[int, Ward] = field(default_factory=dict)
    _untold: list[Callable[[], object]] = field(default_factory=list)
    """Deaths that Dagster is to be told of."""
    _reporters: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        Registry(self.place).clear_away()

    @property
    def empty(self) -> bool:
        return not (self._wards or self._untold or self._reporters)

    def of_run(self, run_id: str) -> Ward | None:
        return next((ward for ward in self._wards.values() if ward.run_id == run_id), None)

    def begin(self, run_id: str) -> ProcessIdentity:
        """Fork a worker for the run, unless one lives already: who it is.

        Raises OSError if that cannot be; then nothing was begun.
        """
        self.place.trim_log()
        # The child waits until it is on record: so nothing works that nobody knows of.
        ready, go = os.pipe()
        try:
            pid = self._fork(partial(self._work, run_id, ready, go))
            return self._let_go(run_id, pid, go)
        finally:
            os.close(ready)
            os.close(go)

    def _let_go(self, run_id: str, pid: int, go: int) -> ProcessIdentity:
        identity = ProcessIdentity.of(pid)
        if identity is None:
            raise ChildProcessError("the worker ended as soon as it was forked")
        registry = Registry(self.place)
        on_record = registry.add(Entry(run_id, identity, self.socket_path))
        if on_record == identity:
            try:
                os.write(go, b"!")
            except OSError:
                registry.remove(run_id, identity)
                raise
            self._wards[pid] = Ward(run_id, identity)
        return on_record

    def end(self, ward: Ward, grace: float) -> None:
        """It was interrupted: kill it after `grace` seconds."""
        at = time.monotonic() + grace
        ward.kill_at = at if ward.kill_at is None else min(at, ward.kill_at)

    def interrupt_all(self, grace: float) -> None:
        for ward in self._wards.values():
            ward.identity.signal(signal.SIGINT)
            self.end(ward, grace)

    def next_deadline(self) -> float | None:
        """When the next one is to be killed."""
        return min((w.kill_at for w in self._wards.values() if w.kill_at is not None), default=None)

    def kill_those_due(self) -> None:
        now = time.monotonic()
        for ward in self._wards.values():
            if ward.kill_at is not None and ward.kill_at <= now:
                ward.identity.kill_group()
                ward.kill_at = now + 1.0

    def reap(self) -> None:
        """Take note of the children that have ended."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._reporters.discard(pid)
            ward = self._wards.pop(pid, None)
            if ward is not None:
                self._bury(
                    ward,
                    os.waitstatus_to_exitcode(status),
                    {
                        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
                        "peak_memory_mb": worker.megabytes(usage.ru_maxrss),
                    },
                )

    def _bury(self, ward: Ward, code: int, usage: dict[str, float]) -> None:
        if code != TOLD or ward.kill_at is not None:
            ward.identity.kill_group()
        if code != TOLD:
            how = obituary.describe(code)
            self._untold.append(
                partial(obituary.report, self.instance_ref, ward.run_id, how, usage)
            )
        Registry(self.place).remove(ward.run_id, ward.identity)

    def tell_of_deaths(self) -> None:
        """In processes of their own; if none can be had now (OSError), the next time."""
        with suppress(OSError):
            while self._untold:
                self._reporters.add(self._fork(self._untold[0]))
                self._untold.pop(0)

    def _work(self, run_id: str, ready: int, go: int) -> None:
        os.close(go)
        if os.read(ready, 1) != b"!":
            return  # nobody would know of it: the warm process died, or could not write it down
        os.close(ready)
        if worker.execute(self.instance_ref, run_id) == 0:
            worker.finish()
            _flush()
            os._exit(TOLD)

    def _fork(self, work: Callable[[], object]) -> int:
        _flush()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for descriptor in self.inherited:
                with suppress(OSError):
                    os.close(descriptor)
            worker.become_a_worker()
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as two
            traceback.print_exc()
        finally:
            _flush()
            os._exit(code)


def _flush() -> None:
    # A full disk must not end a warm process, nor let a child go on as its parent.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
