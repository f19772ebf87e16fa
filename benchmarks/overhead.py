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
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.deployment import Home, deployment, new_home, run_seconds
from benchmarks.documents import POLICY, page_count, pdf_of
from benchmarks.spread import ratio, spread, told
from benchmarks.workshop import ROOT, Workshop, measured, run, say

ROUNDS = 5
LIMIT = 300.0
WAYS = ("bare", "session", "command", "sensor")


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"pages", "ways": {way: {"run", "run_to_bare", "whole", "stages"}}}`; seconds.

    `run`: from the start of the run to its end; `whole`: with the start of its process, for
    the sensor from INSERT to `completed`.
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
    bare = [found["run"] for found in taken["bare"]]
    return {
        "pages": page_count(pdf),
        "ways": {
            way: {
                "run": spread([found["run"] for found in rounds]),
                "run_to_bare": ratio([found["run"] for found in rounds], bare),
                "whole": spread([found["whole"] for found in rounds]),
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
    began = time.perf_counter()
    found = measured([*command, home.path, str(document.id), mode])
    whole = time.perf_counter() - began
    return {"run": found["seconds"], "whole": whole, "stages": found["stages"]}


def _command(home: Home, pdf: Path) -> dict[str, Any]:
    document = home.add(pdf, uuid4())
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home.path / "dagster"),
        "RHIZOME_HOME": str(home.path),
    }
    job = ["-m", "rhizome_pipelines.definitions", "-j", "process_document"]
    tags = json.dumps({"dagster/partition": str(document.id)})
    began = time.perf_counter()
    run(
        [sys.executable, "-m", "dagster", "job", "execute", *job, "--tags", tags],
        cwd=ROOT,
        env=environment,
    )
    whole = time.perf_counter() - began
    return {"run": run_seconds(home, home.run_of(document.id)), "whole": whole, "stages": {}}


def _sensor(home: Home, pdf: Path) -> dict[str, Any]:
    document = home.add(pdf, uuid4())
    job = home.process(document, LIMIT)
    if job.completed_at is None:
        raise AssertionError("a completed job has a time of completion")
    return {
        "run": run_seconds(home, home.run_of(document.id)),
        "whole": (job.completed_at - job.created_at).total_seconds(),
        "stages": {},
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    rounds = found["ways"]["bare"]["run"]["count"]
    lines = [
        f"A PDF of {found['pages']} pages, {rounds} rounds in turn; median (least–most).",
        "",
        "| | from start to end of the run | to bare | with the start of the process |",
        "|---|--:|--:|--:|",
    ]
    for way, taken in found["ways"].items():
        lines.append(
            f"| {_NAMES[way]} | {told(taken['run'], 2, ' s')} "
            f"| {told(taken['run_to_bare'], 2, '×')} | {told(taken['whole'], 1, ' s')} |"
        )
    stages = found["ways"]["bare"]["stages"]
    parts = ", ".join(f"{stage} {told(taken, 2, ' s')}" for stage, taken in stages.items())
    return "\n".join([*lines, "", f"The bare stages: {parts}."])


_NAMES = {
    "bare": "bare stages, no Dagster",
    "session": "with control, progress, checks; no Dagster",
    "command": "`dagster job execute`",
    "sensor": "a row, the sensor, a run",
}
