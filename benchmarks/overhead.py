"""What a Dagster run costs beside the bare work: the same document, four ways, in turn.

- bare: the stage runner walks the four stages in one process; no Dagster, no progress, no checks;
- session: with all that Rhizome does around them (control, progress, checks, finals); no Dagster;
- command: `dagster job execute`;
- sensor: a row in `background_jobs`, a deployment that is up.

All use a local store and an embedded Postgres of their own kind; every round has a user of its
own, so that nothing is reused and there is nothing to be connected with.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from benchmarks.deployment import LOOK_SECONDS, Home, deployment, new_home, run_seconds
from benchmarks.documents import POLICY, page_count, pdf_of
from benchmarks.spread import ratio, spread, told
from benchmarks.workshop import ROOT, CannotMeasureError, Workshop, measured, run, say
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES

ROUNDS = 5
LIMIT = 300.0
LEAST_PROCESSOR_SECONDS = 1.0
"""The process of a run uses more; what else the deployment starts and ends uses next to none."""
WAYS = ("bare", "session", "command", "sensor")


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"pages", "ways": {way: {"run", "run_to_bare", "whole", "processor", "stages"}}}`; seconds.

    `run`: from the start of the run to its end; `whole`: with the start of its process, for
    the sensor from INSERT to `completed`; `processor`: time of the run's process and of those
    that it starts, from its start with all imports, which other work on the machine hardly
    lengthens.
    """
    pdf = pdf_of(workshop, POLICY)
    taken: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with (
        new_home(workshop, "home-without-dagster") as quiet,
        new_home(workshop) as home,
        deployment(home),
    ):
        for number in range(workshop.repetitions(ROUNDS)):
            say(f"overhead: round {number + 1}")
            for way in WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)]:
                taken[way].append(_once(way, quiet, home, pdf))
    bare, used = ([found[key] for found in taken["bare"]] for key in ("run", "processor"))
    return {
        "pages": page_count(pdf),
        "ways": {
            way: {
                "run": spread([found["run"] for found in rounds]),
                "run_to_bare": ratio([found["run"] for found in rounds], bare),
                "whole": spread([found["whole"] for found in rounds]),
                "processor": spread([found["processor"] for found in rounds]),
                "processor_to_bare": ratio([found["processor"] for found in rounds], used),
                "stages": {
                    stage: spread([found["stages"][stage] for found in rounds])
                    for stage in rounds[0]["stages"]
                },
            }
            for way, rounds in taken.items()
        },
    }


def _once(way: str, quiet: Home, home: Home, pdf: Path) -> dict[str, Any]:
    match way:
        case "command":
            return _command(home, pdf)
        case "sensor":
            return _sensor(home, pdf)
        case _:
            return _without_dagster(way, quiet, pdf)


def _without_dagster(mode: str, home: Home, pdf: Path) -> dict[str, Any]:
    document = home.add(pdf, uuid4())
    command = [sys.executable, "-m", "benchmarks.programs.stages"]
    used, began = _used_by_ended(), time.perf_counter()
    found = measured([*command, home.path, str(document.id), mode])
    return {
        "run": found["seconds"],
        "whole": time.perf_counter() - began,
        "processor": _used_by_ended() - used,
        "stages": found["stages"],
    }


def _command(home: Home, pdf: Path) -> dict[str, Any]:
    document = home.add(pdf, uuid4())
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home.path / "dagster"),
        "RHIZOME_HOME": str(home.path),
    }
    job = ["-m", "rhizome_pipelines.definitions", "-j", "process_document"]
    tags = json.dumps({"dagster/partition": str(document.id)})
    used, began = _used_by_ended(), time.perf_counter()
    run(
        [sys.executable, "-m", "dagster", "job", "execute", *job, "--tags", tags],
        cwd=ROOT,
        env=environment,
    )
    return {
        "run": run_seconds(home, home.run_of(document.id)),
        "whole": time.perf_counter() - began,
        "processor": _used_by_ended() - used,
        "stages": {},
    }


def _sensor(home: Home, pdf: Path) -> dict[str, Any]:
    document = home.add(pdf, uuid4())
    # Those that are there before: the run's process counts once it has ended.
    lasting = psutil.Process().children(recursive=True)
    used = _used_below(lasting)
    job = home.process(document, LIMIT)
    if job.completed_at is None:
        raise AssertionError("a completed job has a time of completion")
    run_took = run_seconds(home, home.run_of(document.id))
    return {
        "run": run_took,
        "whole": (job.completed_at - job.created_at).total_seconds(),
        "processor": _grown(lambda: _used_below(lasting), used),
        "stages": {},
    }


def _used_by_ended() -> float:
    """Processor seconds of the processes that we started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _used_below(processes: Sequence[psutil.Process]) -> float:
    """Processor seconds of what these processes started and saw end."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.children_user + times.children_system
    return total


def _grown(counter: Callable[[], float], before: float) -> float:
    """By how much a counter has grown, once the run's process has ended and been seen to."""
    deadline = time.monotonic() + LIMIT
    while (grown := counter() - before) < LEAST_PROCESSOR_SECONDS:
        if time.monotonic() > deadline:
            raise CannotMeasureError("The process of the run that is being measured did not end.")
        time.sleep(LOOK_SECONDS)
    return grown


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    rounds = found["ways"]["bare"]["run"]["count"]
    lines = [
        f"A PDF of {found['pages']} pages, {rounds} rounds in turn; median (least–most).",
        "",
        "| | from start to end of the run | to bare | with the start of the process "
        "| processor time of the process | to bare |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for way in WAYS:
        taken = found["ways"][way]
        lines.append(
            f"| {_NAMES[way]} | {told(taken['run'], 2, ' s')} "
            f"| {told(taken['run_to_bare'], 2, '×')} | {told(taken['whole'], 1, ' s')} "
            f"| {told(taken['processor'], 1, ' s')} | {told(taken['processor_to_bare'], 2, '×')} |"
        )
    stages = found["ways"]["bare"]["stages"]
    parts = ", ".join(f"{stage} {told(stages[stage], 2, ' s')}" for stage in DOCUMENT_STAGES)
    return "\n".join([*lines, "", f"The bare stages: {parts}."])


_NAMES = {
    "bare": "bare stages, no Dagster",
    "session": "with control, progress, checks; no Dagster",
    "command": "`dagster job execute`",
    "sensor": "a row, the sensor, a run",
}
