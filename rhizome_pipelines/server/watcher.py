"""The process that stops a server nobody uses any more: `python -m …server.watcher HOME LOCK`.

It is started with the server (see `watching`), holds the watcher lock by the inherited descriptor
LOCK, and asks the kernel twice a second whether anybody holds a lease. So the server ends even when
all its users were killed, and a user that comes back within the linger finds it running.
"""

import sys
import time
from pathlib import Path

from rhizome_pipelines.server import cluster, locks, processes
from rhizome_pipelines.server.layout import Layout

LINGER = 5.0  # seconds
_POLL = 0.5  # seconds


def watch(layout: Layout, lock: int) -> None:
    """Return when there is no server left to watch."""
    # Opened once: a watcher that opened them later could bring back a folder that is being removed.
    leases, start = locks.open_lock(layout.lease_lock), locks.open_lock(layout.start_lock)
    last_used = time.monotonic()
    while True:
        time.sleep(_POLL)
        if not locks.is_current(leases, layout.lease_lock):
            # The folder was removed, moved or replaced: nobody finds the server there any more.
            for process in processes.find_abandoned(layout.data):
                process.kill()
            return
        if locks.is_held(layout.alive_lock):
            cluster.rotate_log(layout)
            if not locks.try_lock(leases):
                last_used = time.monotonic()
                continue
            locks.release(leases)
            if time.monotonic() - last_used < LINGER:
                continue
        if _finish(layout, leases, start, lock):
            return


def _finish(layout: Layout, leases: int, start: int, lock: int) -> bool:
    """Stop the server unless it is used again; True if it is gone and the watcher may go.

    All under the start lock: whoever starts a server next finds either this watcher, which then
    stays for the new server, or none. A start that goes on meanwhile is a reason to stay.
    """
    if not locks.try_lock(start):
        return False
    try:
        if locks.is_held(layout.alive_lock):
            if not locks.try_lock(leases):
                return False
            try:
                processes.shut_down(layout)
            finally:
                locks.release(leases)
        locks.close(lock)
        return True
    finally:
        locks.release(start)


if __name__ == "__main__":
    watch(Layout.of(Path(sys.argv[1])), int(sys.argv[2]))
