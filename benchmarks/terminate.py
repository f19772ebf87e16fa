"""How long it takes from asking Dagster to end a run until it is CANCELED, and until it is gone.

Jobs of one op that stays where it is: in Python; in C with the interpreter given up, so that other
threads run but no handler of a signal does (`pbkdf2_hmac` with very many rounds); and in C with
the interpreter held, so that no thread runs at all (a loop in `collections`). The same code under
stock Dagster and under the warm launcher, in a deployment that differs in nothing else. A run that
does not end is killed by the launcher after a time that can be set (`grace_seconds`): its default,
and a short one.

CANCELED is Dagster's word; a process may work on after it. So the end of the run's process is told
as well.
"""

import threading
import time
from typing import Any

import psutil
from dagster import DagsterInstance
from dagster._core.errors import DagsterUserCodeUnreachableError

from benchmarks.spread import spread, told
from benchmarks.trivial_deployment import (
    GRACE_SECONDS,
    STOCK,
    TrivialDeployment,
    trivial_deployment,
    warm,
)
from benchmarks.workshop import Workshop, say

ROUNDS = 3
SHORT_GRACE = 2.0
LAUNCHERS = {"stock": STOCK, "warm": warm(), "warm-short": warm(SHORT_GRACE)}
NAMES = {
    "stock": "stock",
    "warm": f"ours, killed after {GRACE_SECONDS:.0f} s",
    "warm-short": f"ours, killed after {SHORT_GRACE:.0f} s",
}
JOBS = {
    "waits_in_python": "Python",
    "waits_in_c": "C, interpreter given up",
    "waits_in_c_holding": "C, interpreter held",
}
START_LIMIT = 60.0
LIMIT = 25.0
SETTLE_SECONDS = 1.0
LOOK_SECONDS = 0.02


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"limit", launcher: {job: {"canceled": [seconds or None], "gone": […]}}}`."""
    found: dict[str, Any] = {"limit": LIMIT}
    for launcher, settings in LAUNCHERS.items():
        with (
            trivial_deployment(workshop, launcher, settings) as made,
            DagsterInstance.from_config(str(made.dagster_home)) as instance,
        ):
            found[launcher] = {}
            for job in JOBS:
                rounds = []
                for number in range(workshop.repetitions(ROUNDS)):
                    say(f"terminate: {launcher}, {job}, round {number + 1}")
                    rounds.append(_once(made, instance, job))
                found[launcher][job] = {
                    key: [one[key] for one in rounds] for key in ("canceled", "gone", "status")
                }
    return found


def _once(made: TrivialDeployment, instance: DagsterInstance, job: str) -> dict[str, Any]:
    [row] = made.want(job)
    pid = made.wait(row, "started", START_LIMIT)["pid"]
    run_id = made.run_of(row)
    worker = psutil.Process(pid)
    time.sleep(SETTLE_SECONDS)
    began = time.monotonic()
    # Asking may take as long as the ending.
    asking = threading.Thread(target=_ask, args=(instance, run_id), daemon=True)
    asking.start()
    canceled = gone = None
    status = ""
    while (canceled is None or gone is None) and time.monotonic() - began < LIMIT:
        if canceled is None:
            status = _status(made, run_id)
            if status in ("CANCELED", "FAILURE", "SUCCESS"):
                canceled = time.monotonic() - began
        if gone is None and not _alive(worker):
            gone = time.monotonic() - began
        time.sleep(LOOK_SECONDS)
    if gone is None:
        worker.kill()
    asking.join(LIMIT)
    return {"canceled": canceled, "gone": gone, "status": status}


def _ask(instance: DagsterInstance, run_id: str) -> None:
    try:
        instance.run_coordinator.cancel_run(run_id)
    except DagsterUserCodeUnreachableError as error:
        say(f"terminate: {error}")


def _status(made: TrivialDeployment, run_id: str) -> str:
    row = made.dagster.first("select status from runs where run_id = %s", (run_id,))
    return str(row["status"]) if row is not None else ""


def _alive(worker: psutil.Process) -> bool:
    try:
        return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    count = len(found["stock"]["waits_in_python"]["canceled"])
    lines = [
        f"{count} runs each, median (least–most); {found['limit']:.0f} s is as long as was waited.",
        "",
        "| the run is in | launcher | until Dagster says | | until the process is gone |",
        "|---|---|---|--:|--:|",
    ]
    for job, place in JOBS.items():
        for launcher, name in NAMES.items():
            one = found[launcher][job]
            words = ", ".join(sorted(set(one["status"])))
            lines.append(
                f"| {place} | {name} | {words} | {within(one['canceled'], found['limit'])} "
                f"| {within(one['gone'], found['limit'])} |"
            )
    return "\n".join(lines)


def within(seconds: list[float | None], limit: float) -> str:
    """Median and ends; what was not seen within the limit is told as more than it."""
    seen = [one for one in seconds if one is not None]
    missing = len(seconds) - len(seen)
    if not seen:
        return f"> {limit:.0f} s"
    text = told(spread(seen), 2, " s")
    return text if not missing else f"{text}; {missing} of {len(seconds)} > {limit:.0f} s"
