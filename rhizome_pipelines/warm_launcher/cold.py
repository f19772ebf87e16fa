"""A worker in a fresh process: what is done where nothing can be forked from a warm one.

`python -m rhizome_pipelines.warm_launcher.cold`, with `{"instance_ref", "run_id"}` on standard
input. It is a worker like the others: on record, terminated and watched in the same way.
"""

import json
import signal
import sys

from dagster._core.instance.ref import InstanceRef
from dagster._serdes import deserialize_value
from dagster._utils.interrupts import setup_interrupt_handlers

from rhizome_pipelines.warm_launcher import worker

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    setup_interrupt_handlers()
    told = json.load(sys.stdin)
    sys.exit(worker.execute(deserialize_value(told["instance_ref"], InstanceRef), told["run_id"]))
