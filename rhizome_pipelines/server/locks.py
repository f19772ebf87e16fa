"""flock(2) on small files: kept by the kernel, let go when the last holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rhizome_pipelines.server.errors import ServerStartError
from rhizome_pipelines.server.layout import open_private

_POLL = 0.01  # seconds


# A forked child must not keep a lock that its parent held for a moment: as long as the child lives
# the server would seem to be starting, or alive. Descriptors that are passed on by exec are copies.
_transient: set[int] = set()


def open_lock(path: Path) -> int:
    """Open (or create) a lock file; to be closed by `close` or `unlock`."""
    descriptor = open_private(path, os.O_RDWR)
    _transient.add(descriptor)
    return descriptor


def close(descriptor: int) -> None:
    """Close the file. The lock lives on if a child process inherited it."""
    _transient.discard(descriptor)
    os.close(descriptor)


def _close_in_forked_child() -> None:
    while _transient:
        os.close(_transient.pop())


os.register_at_fork(after_in_child=_close_in_forked_child)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_lock(descriptor: int, seconds: float) -> bool:
    """Take the lock exclusively within `seconds`."""
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def release(descriptor: int) -> None:
    """Let go of the lock and keep the file open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def unlock(descriptor: int) -> None:
    """Let go for every copy of the descriptor (forked children's too), and close it."""
    release(descriptor)
    close(descriptor)


def is_current(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the file behind the descriptor (it may have been removed)."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock exclusively."""
    return not _can_lock(path, shared=True)


def _can_lock(path: Path, *, shared: bool) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    _transient.add(descriptor)
    try:
        return try_lock(descriptor, shared=shared)
    finally:
        unlock(descriptor)


@contextmanager
def exclusive(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock for the block. Raises ServerStartError if it is not free within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        descriptor = open_lock(path)
        if not wait_lock(descriptor, deadline - time.monotonic()):
            close(descriptor)
            raise ServerStartError(
                f"Another process has been starting or stopping the database at {path.parent} "
                f"for more than {seconds:.0f} seconds; try again."
            )
        if is_current(descriptor, path):
            break
        close(descriptor)
    try:
        yield
    finally:
        unlock(descriptor)


class Lease:
    """The word of one process that it uses the server; good until released or until its end.

    A lease that is dropped without `release` stays: many a process wants one for its whole life.
    A forked child inherits it, and the lease then ends with the last of the two.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        while self._descriptor is None:
            descriptor = open_private(path, os.O_RDWR)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if is_current(descriptor, path):
                self._descriptor = descriptor
            else:
                os.close(descriptor)

    def release(self) -> None:
        """Give the lease back; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def count_holders(path: Path) -> int:
    """How many processes hold the lock (Linux: /proc/locks; elsewhere 1 stands for "some")."""
    if _can_lock(path, shared=False):
        return 0
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return 1
    # "7: FLOCK  ADVISORY  READ 4711 fe:00:1234567 0 EOF": the device number is not st_dev on btrfs.
    fields = [line.split() for line in lines]
    owners = [f[4] for f in fields if len(f) == 8 and f[5].rpartition(":")[2] == str(inode)]
    return max(1, len(owners))
