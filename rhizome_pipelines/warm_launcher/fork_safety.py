"""Whether a process may be forked without taking anything along that breaks in the child."""

import os
import stat
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

FORK_AWARE_THREADS = frozenset({"jemalloc_bg_thd"})
"""Threads of libraries that look after themselves in a child: jemalloc locks before a fork, and
starts the thread anew after it (its `jemalloc_prefork`, `jemalloc_postfork_child`)."""

SQLITE = b"SQLite format 3\0"
"""How its files begin (sqlite.org/fileformat2.html, 1.3)."""


def unsafe_to_fork(own_descriptors: Collection[int]) -> list[str]:
    """Why not: a sentence for each fault, none if all is well.

    `own_descriptors` are the sockets and pipes that the child is known to close.
    """
    _let_libraries_end_their_threads()
    return [*_threads(), *_open_files(own_descriptors)]


def _let_libraries_end_their_threads() -> None:
    """Fork for nothing.

    OpenBLAS, and others like it, end their threads before each fork, and start them again when
    they are needed.
    """
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _threads() -> list[str]:
    named = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    if named:
        return [f"the threads {', '.join(named)} were started while the code was loaded"]
    native = [name for name in _native_threads() if name not in FORK_AWARE_THREADS]
    return [f"a library has started the threads {', '.join(native)}"] if native else []


def _native_threads() -> list[str]:
    if sys.platform != "linux":
        return []
    names = []
    for thread in Path("/proc/self/task").iterdir():
        if int(thread.name) != os.getpid():
            with suppress(FileNotFoundError):
                names.append((thread / "comm").read_text().strip())
    return names


def _open_files(own_descriptors: Collection[int]) -> list[str]:
    connections, databases = [], []
    for descriptor in open_descriptors():
        if descriptor <= 2 or descriptor in own_descriptors:
            continue
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                connections.append(str(descriptor))
            elif _is_sqlite(descriptor):
                databases.append(str(descriptor))
    faults = []
    if connections:
        faults.append(f"connections are open (descriptors {', '.join(connections)})")
    if databases:
        faults.append(f"SQLite databases are open (descriptors {', '.join(databases)})")
    return [f"{fault} since the code was loaded" for fault in faults]


def _is_sqlite(descriptor: int) -> bool:
    """Its connections must not be carried across a fork (sqlite.org/howtocorrupt.html, 2.6).

    One that is still empty is not recognised.
    """
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    return is_file and os.pread(descriptor, len(SQLITE), 0) == SQLITE


def open_descriptors() -> list[int]:
    """Descriptors of this process."""
    folder = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    return sorted(int(entry.name) for entry in folder.iterdir())
