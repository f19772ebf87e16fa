"""The loop of a warm process: requests in, forks out, deaths noted."""

import os
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import assert_never

from rhizome_pipelines.warm_launcher.freshness import Snapshot
from rhizome_pipelines.warm_launcher.nursery import Nursery
from rhizome_pipelines.warm_launcher.protocol import (
    Answer,
    Birth,
    LineReader,
    Reply,
    Request,
    Wish,
    decode_request,
    encode,
)

LOOK_ANYWAY = 5.0  # seconds
UNUSABLE_SECONDS = 30.0
"""How long one that cannot be forked says so, before another try is worth its time."""
SEND_SECONDS = 1.0
REST_SECONDS = 0.1
SHUTDOWN_GRACE = 8.0  # seconds that workers have when the warm process is asked to end


class Server:
    """Single-threaded; `serve` returns when nothing is left to do."""

    def __init__(
        self, listening: socket.socket, lock: int, birth: Birth, nursery: Nursery, reason: str
    ) -> None:
        self.reason = reason
        """Why no run may be forked here, empty if they may."""
        self.outdated: Collection[str] = ()
        """Files that were changed while they were loaded."""
        self.snapshot: Snapshot | None = None
        self._listening: socket.socket | None = listening
        self._path: str = listening.getsockname()
        self._inode = os.stat(self._path).st_ino  # noqa: PTH116
        self._lock = lock
        self._birth = birth
        self._nursery = nursery
        self._selector = selectors.DefaultSelector()
        self._readers: dict[socket.socket, LineReader] = {}
        self._signals, self._wakeup = os.pipe()
        for end in (self._signals, self._wakeup):
            os.set_blocking(end, False)
        self._ending = False
        self._has_interrupted = False
        self._last_needed = time.monotonic()
        self._first_megabytes = _megabytes()
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._signals, selectors.EVENT_READ)
        nursery.inherited |= {self._signals, self._wakeup, self._selector.fileno()}

    @property
    def descriptors(self) -> Collection[int]:
        """What is open for the loop's own sake."""
        return (self._signals, self._wakeup, self._selector.fileno())

    def serve(self) -> None:
        self._first_megabytes = _megabytes()
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_end)
        while not self._over():
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._listening:
                    self._accept()
                elif key.fd == self._signals:
                    os.read(self._signals, 4096)
                else:
                    self._hear(key.fileobj)  # type: ignore[arg-type]
            self._nursery.reap()
            self._nursery.tell_of_deaths()
            self._nursery.kill_those_due()
        self._retire()

    # Its own end

    def _asked_to_end(self, *_: object) -> None:
        self._ending = True

    def _over(self) -> bool:
        if self._ending and not self._has_interrupted:
            self._has_interrupted = True
            self._retire()
            self._nursery.interrupt_all(SHUTDOWN_GRACE)
        if self._listening is not None and not self._can_be_found():
            self._retire()
        if self._listening is None:
            return self._nursery.empty
        unneeded = time.monotonic() - self._last_needed
        if self.reason:
            # Of no use as it is; perhaps the next one is.
            return unneeded > UNUSABLE_SECONDS
        if self._readers or not self._nursery.empty:
            self._last_needed = time.monotonic()
            return False
        return unneeded > self._birth.linger_seconds

    def _retire(self) -> None:
        """Take no more runs; whoever asks next starts another process."""
        if self._listening is None:
            return
        with suppress(OSError):
            place, digest = self._nursery.place, self._birth.digest
            place.record(digest, os.getpid()).rename(place.record_of_retired(digest, os.getpid()))
        if self._can_be_found():
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108
        self._selector.unregister(self._listening)
        self._nursery.inherited -= {self._listening.fileno(), self._lock}
        self._listening.close()
        self._listening = None
        os.close(self._lock)
        for connection in list(self._readers):
            self._leave(connection)

    def _can_be_found(self) -> bool:
        """Whether the socket lies where it was made: /tmp is swept now and then."""
        try:
            return os.stat(self._path).st_ino == self._inode  # noqa: PTH116
        except OSError:
            return False

    def _patience(self) -> float:
        deadline = self._nursery.next_deadline()
        if deadline is None:
            return LOOK_ANYWAY
        return min(LOOK_ANYWAY, max(0.0, deadline - time.monotonic()))

    # Its conversations

    def _accept(self) -> None:
        if self._listening is None:
            return
        try:
            connection, _ = self._listening.accept()
        except OSError:
            time.sleep(REST_SECONDS)  # no descriptor is free
            return
        if not _is_of_this_user(connection):
            connection.close()
            return
        # Whoever does not read his answers must not hold up the others.
        connection.settimeout(SEND_SECONDS)
        self._readers[connection] = LineReader()
        self._nursery.inherited.add(connection.fileno())
        self._selector.register(connection, selectors.EVENT_READ)

    def _leave(self, connection: socket.socket) -> None:
        self._readers.pop(connection, None)
        self._selector.unregister(connection)
        self._nursery.inherited.discard(connection.fileno())
        connection.close()

    def _hear(self, connection: socket.socket) -> None:
        if connection not in self._readers:
            return
        try:
            data = connection.recv(65536)
            lines = self._readers[connection].feed(data)
            for line in lines:
                request = decode_request(line)
                reply = self._answer(request)
                leaves = request.wish is Wish.LEAVE and reply.answer is Answer.OK
                try:
                    connection.sendall(encode(reply))
                finally:
                    if leaves or reply.answer is Answer.STALE:
                        # Whoever waits in the backlog asks again, and starts the next one.
                        self._retire()
                if self._listening is None:
                    return
        except Exception as fault:  # noqa: BLE001 - nothing that anybody sends may end it
            if not isinstance(fault, OSError):
                traceback.print_exc()
            data = b""
        if not data and connection in self._readers:
            self._leave(connection)

    def _answer(self, request: Request) -> Reply:
        match request.wish:
            case Wish.END:
                return self._end(request)
            case Wish.LEAVE:
                unneeded = self._nursery.empty and len(self._readers) == 1
                return Reply(Answer.OK if unneeded else Answer.UNKNOWN)
            case Wish.PING:
                return self._refusal() or Reply(Answer.OK)
            case Wish.RUN:
                return self._refusal() or self._run(request.run_id)
            case _:
                assert_never(request.wish)

    def _end(self, request: Request) -> Reply:
        ward = self._nursery.of_run(request.run_id)
        if ward is None:
            return Reply(Answer.UNKNOWN)
        self._nursery.end(ward, request.grace)
        return Reply(Answer.OK)

    def _refusal(self) -> Reply | None:
        if why := self._stale():
            return Reply(Answer.STALE, why)
        return Reply(Answer.UNUSABLE, self.reason) if self.reason else None

    def _run(self, run_id: str) -> Reply:
        known = self._nursery.of_run(run_id)
        try:
            worker = known.identity if known is not None else self._nursery.begin(run_id)
        except OSError as fault:
            return Reply(Answer.UNUSABLE, f"no process can be forked: {fault}")
        return Reply(Answer.OK, worker=worker.to_json())

    def _stale(self) -> str:
        grown = _megabytes() - self._first_megabytes
        if grown > self._birth.growth_megabytes:
            return f"it has grown by {grown} MB"
        changed = list(self.outdated)
        if not changed and self.snapshot is not None:
            changed = self.snapshot.changes()
        if not changed:
            return ""
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{changed[0]}{more} changed since it was loaded"


def _is_of_this_user(connection: socket.socket) -> bool:
    if sys.platform != "linux":
        return True  # the folder is closed to others
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", told)[1]
    return uid == os.getuid()


def _megabytes() -> int:
    """Resident memory of this process (proc(5): statm, second field, in pages)."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
