"""Seeing a worker to its end: it was interrupted; if it does not go, its process group is killed.

`python -m rhizome_pipelines.warm_launcher.ending` does this for a worker whose warm process is no
more (or that was started cold), in a process that outlives whoever asked for it.
"""

import json
import sys
import threading
import time
from pathlib import Path

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.spawning import Start, tell

_POLL = 0.05  # seconds


def wait_and_kill(worker: ProcessIdentity, grace: float) -> None:
    """Return once the worker is gone, and what it has started in its process group.

    It has `grace` seconds to go by itself.
    """
    deadline = time.monotonic() + grace
    while worker.alive:
        if time.monotonic() >= deadline:
            worker.kill_group()
        time.sleep(_POLL)
    worker.kill_group()


def see_to_its_end(
    worker: ProcessIdentity, grace: float, instance_ref: str, run_id: str, log: Path
) -> None:
    """Start a process that does it."""
    told = {
        "worker": worker.to_json(),
        "grace": grace,
        "instance_ref": instance_ref,
        "run_id": run_id,
    }
    process = Start("rhizome_pipelines.warm_launcher.ending", log).begin()
    tell(process, json.dumps(told).encode())


def main() -> None:
    """What the process does; while it waits it loads what it needs to tell Dagster."""
    told = json.load(sys.stdin)
    worker = ProcessIdentity.from_json(told["worker"])
    if worker is None:
        raise ValueError("The worker to be ended is not named.")
    # Loading takes longer than a short grace period.
    waiting = threading.Thread(target=wait_and_kill, args=(worker, told["grace"]))
    waiting.start()
    from dagster._core.instance.ref import InstanceRef  # noqa: PLC0415 - see above
    from dagster._serdes import deserialize_value  # noqa: PLC0415

    from rhizome_pipelines.warm_launcher.obituary import report  # noqa: PLC0415

    waiting.join()
    report(deserialize_value(told["instance_ref"], InstanceRef), told["run_id"], "was ended")


if __name__ == "__main__":
    main()
