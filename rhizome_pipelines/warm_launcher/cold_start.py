"""Starting a worker in a fresh process (cold.py is what runs there)."""

import json
import os
import select
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from rhizome_pipelines.warm_launcher.identity import ProcessIdentity
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.registry import Entry, Registry
from rhizome_pipelines.warm_launcher.spawning import Start, tell

BEGIN_SECONDS = 60.0
"""How long the process may take to load Dagster, on a machine that is busy."""


def start_cold(
    place: Place, executable: str, environment: Mapping[str, str], instance_ref: str, run_id: str
) -> None:
    """Return when the worker is on record and about to begin, or another one lives.

    Raises OSError if there is none; then none will be.
    """
    begins, begun = os.pipe()
    with os.fdopen(begins, "rb") as beginning:
        try:
            process = Start(
                "rhizome_pipelines.warm_launcher.cold",
                place.log,
                executable,
                environment,
                kept=(begun,),
            ).begin()
        finally:
            os.close(begun)
        worker = ProcessIdentity.of(process.pid)
        order = json.dumps({"instance_ref": instance_ref, "run_id": run_id, "begun": begun})
        try:
            is_ours = worker is not None and _put_on_record(place, run_id, worker)
        except OSError:
            tell(process, b"")
            raise
        with suppress(BrokenPipeError):
            tell(process, order.encode() if is_ours else b"")
        if is_ours or worker is None:
            _wait_until_it_begins(process, beginning, place)


def _put_on_record(place: Place, run_id: str, worker: ProcessIdentity) -> bool:
    """False if the run has another worker, which lives."""
    if Registry(place).add(Entry(run_id, worker, socket="")) != worker:
        return False
    place.record("cold", worker.pid).write_text(worker.to_json())
    return True


def _wait_until_it_begins(
    process: "subprocess.Popen[bytes]", beginning: IO[bytes], place: Place
) -> None:
    if not select.select([beginning], [], [], BEGIN_SECONDS)[0]:
        process.kill()
    if not beginning.read(1):
        raise ChildProcessError(f"The process for the run ended before it began: see {place.log}.")
