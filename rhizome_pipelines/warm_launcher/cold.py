"""A worker in a fresh process: what is done where nothing can be forked from a warm one.

`python -m rhizome_pipelines.warm_launcher.cold`, with `{"instance_ref", "run_id", "begun"}` on
standard input; `begun` is the descriptor of a pipe, by which it says that it is about to begin. It
is a worker like the others: on record, terminated and watched in the same way.
"""

import json
import os
import sys
import time

from dagster._core.instance.ref import InstanceRef
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import setup_interrupt_handlers

from rhizome_pipelines.warm_launcher import obituary, worker
from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.spawning import fresh_signals

_POLL = 0.25  # seconds


def main() -> int:
    """What the process does; its exit code."""
    fresh_signals()
    setup_interrupt_handlers()
    order = sys.stdin.read()
    if not order:
        return 0  # whoever started it has thought better of it, or died
    told = json.loads(order)
    instance_ref = deserialize_value(told["instance_ref"], InstanceRef)
    _be_watched(instance_ref, told["run_id"], told["begun"])
    os.write(told["begun"], b"!")
    os.close(told["begun"])
    return worker.execute(instance_ref, told["run_id"])


def _be_watched(instance_ref: InstanceRef, run_id: str, begun: int) -> None:
    """Have a process of its own tell Dagster if this one dies; forked before any user's code."""
    me = ProcessIdentity.of(os.getpid())
    if me is None:
        raise RuntimeError("A process does not find itself.")
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.close(begun)
        worker.become_a_worker()
        if os.fork():
            os._exit(0)  # so the watching one is no child of the worker's, whose code may wait
        while me.alive:
            time.sleep(_POLL)
        if obituary.report(instance_ref, run_id, "died"):
            me.kill_group()
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
