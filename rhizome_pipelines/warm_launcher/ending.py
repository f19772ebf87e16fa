"""Seeing a worker to its end: it was interrupted; if it does not go, its process group is killed.

`python -m rhizome_pipelines.warm_launcher.ending` does this for a worker whose warm process is no
more (or that was started cold), in a process that outlives whoever asked for it.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity

_POLL = 0.05  # seconds


def wait_and_kill(worker: ProcessIdentity, grace: float) -> None:
    """Return once the worker is gone; after `grace` seconds its process group is killed."""
    deadline = time.monotonic() + grace
    while worker.alive:
        if time.monotonic() >= deadline:
            worker.kill_group()
        time.sleep(_POLL)


def see_to_its_end(
    worker: ProcessIdentity, grace: float, instance_ref: str, run_id: str, log: Path
) -> "subprocess.Popen[bytes]":
    """Start a process that does it."""
    told = {
        "worker": worker.to_json(),
        "grace": grace,
        "instance_ref": instance_ref,
        "run_id": run_id,
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "rhizome_pipelines.warm_launcher.ending"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if process.stdin is None:
        raise RuntimeError("A pipe was asked for.")
    with process.stdin as pipe:
        pipe.write(json.dumps(told).encode())
    return process


def main() -> None:
    """What the process does; while it waits it loads what it needs to tell Dagster."""
    told = json.load(sys.stdin)
    worker = ProcessIdentity.from_json(told["worker"])
    if worker is None:
        raise ValueError("The worker to be ended is not named.")
    began = time.monotonic()
    from dagster._core.instance.ref import InstanceRef  # noqa: PLC0415 - see above
    from dagster._serdes import deserialize_value  # noqa: PLC0415

    from rhizome_pipelines.warm_launcher.obituary import report  # noqa: PLC0415

    wait_and_kill(worker, max(0.0, told["grace"] - (time.monotonic() - began)))
    report(deserialize_value(told["instance_ref"], InstanceRef), told["run_id"], "was ended")


if __name__ == "__main__":
    main()
