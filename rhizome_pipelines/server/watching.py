"""Starting the watcher, of which every running server has exactly one."""

import sys

from rhizome_pipelines.server import locks
from rhizome_pipelines.server.layout import Layout
from rhizome_pipelines.server.processes import launch


def ensure_watched(layout: Layout, log: int) -> None:
    """Start a watcher if none lives. To be called with the start lock held.

    It comes before the server, so that no moment of death leaves a server unwatched: while the
    start lock is held the watcher does not give up on a server that is not there yet.
    """
    lock = locks.open_lock(layout.watcher_lock)
    try:
        # Another process that only asks whether the lock is held has it for an instant.
        if locks.wait_lock(lock, 0.05):
            command = [sys.executable, "-m", "rhizome_pipelines.server.watcher"]
            launch([*command, str(layout.home), str(lock)], log, keep=lock, detach=True)
    finally:
        locks.close(lock)
