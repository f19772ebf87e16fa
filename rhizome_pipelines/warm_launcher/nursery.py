"""The workers of one warm process: forked, watched, reaped, and told of when they die."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from dagster._core.instance.ref import InstanceRef

from rhizome_pipelines.warm_launcher import obituary, worker
from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.registry import Entry, Registry


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
    inherited: list[int]
    """Descriptors of the warm process that no child keeps."""
    _wards: dict[int, Ward] = field(default_factory=dict)
    _reporters: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        registry = Registry(self.place)
        for entry in registry.entries():
            if not entry.worker.alive:
                registry.remove(entry.run_id)

    @property
    def empty(self) -> bool:
        return not self._wards and not self._reporters

    def of_run(self, run_id: str) -> Ward | None:
        return next((ward for ward in self._wards.values() if ward.run_id == run_id), None)

    def begin(self, run_id: str) -> ProcessIdentity:
        """Fork a worker for the run."""
        # The child waits until it is on record: so nothing works that nobody knows of.
        ready, go = os.pipe()
        pid = self._fork(lambda: self._work(run_id, ready, go))
        os.close(ready)
        identity = ProcessIdentity.of(pid)
        if identity is None:
            os.close(go)
            raise ChildProcessError("The worker ended as soon as it was forked.")
        Registry(self.place).add(Entry(run_id, identity, self.socket_path))
        self._wards[pid] = Ward(run_id, identity)
        os.write(go, b"!")
        os.close(go)
        return identity

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
        if code != 0:
            ward.identity.kill_group()
            how = obituary.describe(code)
            self._reporters.add(
                self._fork(lambda: obituary.report(self.instance_ref, ward.run_id, how, usage))
            )
        Registry(self.place).remove(ward.run_id)

    def _work(self, run_id: str, ready: int, go: int) -> None:
        os.close(go)
        if os.read(ready, 1) != b"!":
            return  # the warm process died before the worker was on record
        os.close(ready)
        code = worker.execute(self.instance_ref, run_id)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _fork(self, work: Callable[[], None]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for descriptor in self.inherited:
                os.close(descriptor)
            worker.become_a_worker()
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as two
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
