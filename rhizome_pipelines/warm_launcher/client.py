"""Asking the warm process for a run: the one that is there, or one that is started for it."""

import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.protocol import (
    Answer,
    Birth,
    Conversation,
    Reply,
    Request,
    Wish,
    encode,
)
from rhizome_pipelines.warm_launcher.registry import Registry
from rhizome_pipelines.warm_launcher.spawning import Start, reap, tell

CONNECT_SECONDS = 60.0
"""How long a warm process may take until it listens, on a machine that is busy."""

ANSWER_SECONDS = 90.0
"""How long it may take to load, and to fork."""

LEAVE_SECONDS = 0.5
END_SECONDS = 1.0
"""How long it may take to answer what it need not think about; one that hangs is done without."""

DEATH_SECONDS = 2.0
"""How long a worker may live that was never let go: it sees the end of its warm process."""

_POLL = 0.02  # seconds


class NoWarmProcessError(Exception):
    """There is none that could take the run; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """A warm process: what it is told, and what it is started with."""

    birth: Birth
    executable: str
    environment: Mapping[str, str]

    @property
    def digest(self) -> str:
        return self.birth.digest


@dataclass
class Client:
    """Of one launcher. Its open connections tell warm processes that somebody needs them."""

    place: Place
    most_processes: int
    _open: dict[str, Conversation] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self, wanted: Wanted, run_id: str) -> ProcessIdentity:
        """Have a worker forked for the run.

        Raises NoWarmProcessError if that cannot be; then no worker was begun, and none will be.
        """
        why = "three warm processes ended, or were out of date, as they came up"
        with self._turn:
            for _ in range(3):
                try:
                    reply = self._ask(wanted, Request(Wish.RUN, run_id))
                except TimeoutError:
                    # What hangs may still begin the run at any time, unless it is ended.
                    why = f"the warm process gave no answer for {ANSWER_SECONDS:.0f} s"
                    self._kill(wanted.digest)
                    if (worker := self._survivor(run_id)) is not None:
                        return worker
                    break
                except OSError as fault:
                    # It died, or went as we came. What it began is on record, if it began it.
                    why = f"no warm process could be asked ({fault})"
                    if (worker := self._survivor(run_id)) is not None:
                        return worker
                    continue
                worker = ProcessIdentity.from_json(reply.worker)
                if worker is not None:
                    return worker
                if reply.answer is Answer.UNUSABLE:
                    why = reply.reason
                    break
        raise NoWarmProcessError(why)

    def prewarm(self, wanted: Wanted) -> None:
        """See to it that a current warm process is there, or on its way; nothing is waited for."""
        if not self._turn.acquire(blocking=False):
            return  # somebody is asking one
        try:
            with suppress(OSError, NoWarmProcessError):
                self._see_to(wanted)
        finally:
            self._turn.release()

    def end(self, socket_path: str, run_id: str, grace: float) -> bool:
        """Have an interrupted worker seen to its end by its warm process, if there is one."""
        if not socket_path:
            return False
        try:
            conversation = Conversation.with_process_at(socket_path)
        except OSError:
            return False
        try:
            reply = conversation.ask(Request(Wish.END, run_id, grace=grace), END_SECONDS)
        except OSError:
            return False
        finally:
            conversation.close()
        return reply.answer is Answer.OK

    def close(self) -> None:
        with self._turn:
            for conversation in self._open.values():
                conversation.close()
            self._open.clear()
            reap()

    def _see_to(self, wanted: Wanted) -> None:
        if wanted.digest not in self._open and not self._listens(wanted.digest):
            if wanted.digest not in self._living():
                self._start(wanted)
            return
        # One that is still loading answers when it is ready: nobody waits for that.
        reply = self._ask_once(wanted.digest, Request(Wish.PING), timeout=0.2)
        if reply.answer is Answer.STALE:
            self._start(wanted)

    def _ask(self, wanted: Wanted, request: Request) -> Reply:
        if wanted.digest not in self._open and not self._listens(wanted.digest):
            self._come_up(wanted)
        return self._ask_once(wanted.digest, request, ANSWER_SECONDS)

    def _ask_once(self, digest: str, request: Request, timeout: float) -> Reply:
        conversation = self._open.get(digest)
        if conversation is None:
            conversation = Conversation.with_process_at(self.place.socket(digest))
            self._open[digest] = conversation
        try:
            reply = conversation.ask(request, timeout)
        except OSError:
            self._open.pop(digest).close()
            raise
        if reply.answer is not Answer.OK:
            self._open.pop(digest).close()
        return reply

    def _listens(self, digest: str) -> bool:
        try:
            self._open[digest] = Conversation.with_process_at(self.place.socket(digest))
        except OSError:
            return False
        return True

    def _come_up(self, wanted: Wanted) -> None:
        """Return once it listens; another launcher may have started it."""
        deadline = time.monotonic() + CONNECT_SECONDS
        process = None
        while not self._listens(wanted.digest):
            if process is not None and process.poll() not in (None, 0):
                raise NoWarmProcessError(
                    f"the warm process ended with exit code {process.returncode} as it came up, "
                    f"see {self.place.log}"
                )
            if wanted.digest not in self._living():
                # None, or it was just going, or found another one, which is gone now.
                process = self._start(wanted)
            if time.monotonic() > deadline:
                raise NoWarmProcessError(f"none came up within {CONNECT_SECONDS:.0f} s")
            time.sleep(_POLL)

    def _start(self, wanted: Wanted) -> "subprocess.Popen[bytes]":
        self._make_room()
        self.place.prepare()
        process = Start(
            "rhizome_pipelines.warm_launcher.process",
            self.place.log,
            wanted.executable,
            wanted.environment,
        ).begin()
        identity = ProcessIdentity.of(process.pid)
        if identity is not None:
            self.place.record(wanted.digest, process.pid).write_text(identity.to_json())
        tell(process, encode(wanted.birth))
        return process

    def _make_room(self) -> None:
        living = self._living()
        if len(living) < self.most_processes:
            return
        # Those go first that nobody needs, and wait whether somebody will.
        for digest in living:
            with suppress(OSError):
                conversation = Conversation.with_process_at(self.place.socket(digest))
                try:
                    reply = conversation.ask(Request(Wish.LEAVE), LEAVE_SECONDS)
                finally:
                    conversation.close()
                if reply.answer is Answer.OK:
                    return
        raise NoWarmProcessError(
            f"{self.most_processes} warm processes with other code, settings or environment "
            "are there already"
        )

    def _living(self) -> dict[str, ProcessIdentity]:
        """Warm processes by digest; not those that take no more runs."""
        living = {}
        for path in self.place.processes.glob("*.json"):
            digest, _, *retired = path.stem.split(".")
            try:
                identity = ProcessIdentity.from_json(path.read_text())
            except FileNotFoundError:
                continue
            if identity is None or identity.gone:
                path.unlink(missing_ok=True)
            elif digest != "cold" and not retired:
                living[digest] = identity
        return living

    def _kill(self, digest: str) -> None:
        process = self._living().get(digest)
        if process is None:
            return
        process.signal(signal.SIGKILL)
        deadline = time.monotonic() + DEATH_SECONDS
        while process.alive:
            if time.monotonic() > deadline:
                raise ChildProcessError(
                    f"The warm process (pid {process.pid}) gives no answer and cannot be killed; "
                    "whether it has begun the run is not known."
                )
            time.sleep(_POLL)

    def _survivor(self, run_id: str) -> ProcessIdentity | None:
        """The run's worker, if it was let go before its warm process was lost."""
        entry = Registry(self.place).find(run_id)
        if entry is None:
            return None
        deadline = time.monotonic() + DEATH_SECONDS
        while entry.worker.alive and time.monotonic() < deadline:
            time.sleep(_POLL)
        return None if entry.worker.gone else entry.worker
