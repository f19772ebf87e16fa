"""A small process that outlives its starter, to end what the starter was killed too soon to end.

`python -m rhizome_pipelines.deployment.guardian HOME PID`: waits until the process PID is gone,
then ends the sessions on record whose starters are gone. Jobs under way go on at the next start.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from rhizome_pipelines.deployment.sessions import STOP_SECONDS, SessionRecord
from rhizome_pipelines.deployment.warm import end_warm_processes

GRACE_SECONDS = 8.0
"""Time for whoever comes next (`rhizome down`, a new start) to put things right first."""


def guard(home: Path, starter: int) -> None:
    """Wait for the starter's end, then end what it has left."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(starter).wait()
    time.sleep(GRACE_SECONDS)
    sessions = SessionRecord(home)
    # Only if nobody was quicker: then runs and warm processes are somebody else's by now.
    if sessions.end_orphans():
        end_warm_processes(home, STOP_SECONDS)


def start_guardian(home: Path) -> "subprocess.Popen[bytes]":
    """Start the guardian of this process; whoever ends in good order kills it."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "rhizome_pipelines.deployment.guardian",
            str(home),
            str(os.getpid()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


if __name__ == "__main__":
    guard(Path(sys.argv[1]), int(sys.argv[2]))
