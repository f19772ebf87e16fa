"""Asking the warm process for a run: the one that is there, or one that is started for it."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

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

CONNECT_SECONDS = 60.0
"""How long a warm process may take to listen and load, on a machine that is busy."""

ANSWER_SECONDS = 90.0

_POLL = 0.02  # seconds


class NoWarmProcessError(Exception):
    """There is none that could take the run; the message says why."""


@dataclass
class Client:
    """Of one launcher. Its open connections tell warm processes that somebody needs them."""

    place: Place
    most_processes: int
    _open: dict[str, Conversation] = field(default_factory=dict)
    _started: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self, executable: str, birth: Birth, run_id: str) -> ProcessIdentity:
        """Have a worker forked for the run.

        Raises NoWarmProcessError if that cannot be; then no worker was begun, and none will be.
        """
        request = Request(Wish.RUN, run_id)
        with self._turn:
            for _ in range(3):
                try:
                    reply = self._ask(executable, birth, request)
                except TimeoutError as fault:
                    raise ChildProcessError(
                        f"The warm process gave no answer for {ANSWER_SECONDS:.0f} s; whether it "
                        "has begun the run is not known."
                    ) from fault
                except OSError:
                    # It died, or went as we came. What it began is on record, if it began it.
                    entry = Registry(self.place).find(run_id)
                    if entry is not None:
                        return entry.worker
                    continue
                worker = ProcessIdentity.from_json(reply.worker)
                if worker is not None:
                    return worker
                if reply.answer is Answer.UNUSABLE:
                    raise NoWarmProcessError(reply.reason)
        raise NoWarmProcessError("three warm processes ended, or were out of date, as they came up")

    def prewarm(self, executable: str, birth: Birth) -> None:
        """See to it that a current warm process is there, or on its way; nothing is waited for."""
        with self._turn:
            if birth.digest not in self._open and not self._listens(birth.digest):
                self._start(executable, birth)
                return
            with suppress(OSError):
                # One that is still loading answers when it is ready: nobody waits for that.
                reply = self._ask_once(birth.digest, Request(Wish.PING), timeout=0.2)
                if reply.answer is Answer.STALE:
                    self._start(executable, birth)

    def end(self, socket_path: str, run_id: str, grace: float) -> bool:
        """Have an interrupted worker seen to its end by its warm process, if there is one."""
        if not socket_path:
            return False
        try:
            conversation = Conversation.with_process_at(socket_path)
        except OSError:
            return False
        try:
            reply = conversation.ask(Request(Wish.END, run_id, grace=grace), timeout=5.0)
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
            self._started = [one for one in self._started if one.poll() is None]

    def _ask(self, executable: str, birth: Birth, request: Request) -> Reply:
        if birth.digest not in self._open and not self._listens(birth.digest):
            self._start(executable, birth)
            self._wait_until_it_listens(birth.digest)
        return self._ask_once(birth.digest, request, ANSWER_SECONDS)

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

    def _wait_until_it_listens(self, digest: str) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._listens(digest):
            self._started = [one for one in self._started if one.poll() is None]
            if time.monotonic() > deadline:
                raise NoWarmProcessError(f"none came up within {CONNECT_SECONDS:.0f} s")
            time.sleep(_POLL)

    def _start(self, executable: str, birth: Birth) -> None:
        self._started = [one for one in self._started if one.poll() is None]
        if self._living() >= self.most_processes:
            raise NoWarmProcessError(
                f"{self.most_processes} warm processes with other code, settings or environment "
                "are there already"
            )
        self.place.prepare()
        self._started.append(
            spawn(executable, "rhizome_pipelines.warm_launcher.process", encode(birth), self.place)
        )

    def _living(self) -> int:
        living = 0
        for path in self.place.processes.glob("*.json"):
            identity = ProcessIdentity.from_json(path.read_text()) if path.exists() else None
            if identity is not None and identity.alive:
                living += 1
            else:
                path.unlink(missing_ok=True)
        return living


def spawn(executable: str, module: str, told: bytes, place: Place) -> "subprocess.Popen[bytes]":
    """Start a module in a session of its own; what it is told goes through its standard input."""
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            [executable or sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=Path.cwd(),
            env=dict(os.environ),
            start_new_session=True,
        )
    if process.stdin is None:
        raise RuntimeError("A pipe was asked for.")
    with process.stdin as pipe:
        pipe.write(told)
    return process
