"""How long a pause and a resume take: ours at random moments of a long PDF, and stock Dagster's.

Ours are two UPDATEs of the row, by any client. A pause is acknowledged when the attempt is
recorded as ended with the outcome `paused`. A resume has its first line of stage code when the
next attempt is recorded as started, and its first unit when the first file that it keeps lies in
storage. All is looked at from outside, a hundred times a second, from the end of the UPDATE on.

Stock Dagster cannot pause. What comes nearest is asked of its web server by GraphQL, at random
moments of an op that only waits: end the run (until CANCELED), and execute it again from failure
(until the op's first line). See `trivial_deployment`.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from benchmarks.deployment import Home, deployment, new_home
from benchmarks.spread import percentile
from benchmarks.stock_server import StockServer, stock_server
from benchmarks.trivial_deployment import TrivialDeployment, trivial_deployment
from benchmarks.wishes import wish
from benchmarks.workshop import CannotMeasureError, Workshop, say
from rhizome_pipelines.checkpoints.keys import TEMPORARY_MARK
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.lifecycle.documents import SourceType
from tests.system.long_pdf import long_pdf

MOMENTS = 30
PAGES = 1_000
WORK_SECONDS = (0.05, 1.5)
REST_SECONDS = (0.1, 1.0)
LIMIT = 120.0
LOOK_SECONDS = 0.01
JOB = "waits_in_python"

NAMES = {
    "acknowledged": "pause wish → acknowledged",
    "first_line": "resume wish → first line of stage code",
    "first_unit": "resume wish → first unit kept",
}
STOCK_NAMES = {
    "acknowledged": "stock: terminate → CANCELED",
    "first_line": "stock: re-execute from failure → first line",
}

_PAUSE = """
    update background_jobs set status = 'paused', paused_at = now(), pause_reason = 'benchmark'
    where id = %s and status = 'processing'
    returning coalesce(progress ->> 'stage', 'the start') as stage
"""
_RESUME = """
    update background_jobs
    set status = 'pending', resumed_at = now(), resume_count = coalesce(resume_count, 0) + 1
    where id = %s and status = 'paused'
"""
_NEWEST = """
    select a.number, a.started_at, a.ended_at, a.outcome, j.status
    from background_jobs j join job_attempts a on a.job_id = j.id
    where j.id = %s order by a.number desc limit 1
"""


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"pages", "ours": [{"stage", "acknowledged", "first_line", …}], "stock": […]}`; seconds."""
    count = workshop.repetitions(MOMENTS)
    return {
        "pages": PAGES,
        "ours": _ours(workshop, count),
        "stock": _stock(workshop, count),
    }


def _ours(workshop: Workshop, count: int) -> list[dict[str, Any]]:
    chance = random.Random(1)
    found: list[dict[str, Any]] = []
    with (
        workshop.folder("pdf") as folder,
        new_home(workshop, "pausing") as home,
        deployment(home),
    ):
        pdf = long_pdf(folder / "long.pdf", PAGES)
        while len(found) < count:
            job = _LongJob.begun(home, pdf)
            for moment in job.moments(chance):
                say(f"pausing: ours, moment {len(found) + 1}, in {moment['stage']}")
                found.append(moment)
                if len(found) == count:
                    break
    return found


@dataclass(frozen=True)
class _LongJob:
    """The PDF as a document of a new user, on its way."""

    database: Database
    id: UUID
    folder: Path

    @classmethod
    def begun(cls, home: Home, pdf: Path) -> "_LongJob":
        user = uuid4()
        document = home.add(pdf, user, SourceType.PDF)
        [job_id] = wish(home.services.database, [document])
        folder = home.path / "objects" / str(user) / str(document.id)
        return cls(home.services.database, job_id, folder)

    def moments(self, chance: random.Random) -> Iterator[dict[str, Any]]:
        """Pause and resume again and again, until the job is completed."""
        self._wait(lambda newest: newest["started_at"] is not None)
        while True:
            time.sleep(chance.uniform(*WORK_SECONDS))
            paused = self.database.first(_PAUSE, (self.id,))
            began = time.perf_counter()
            if paused is None:
                self._wait(lambda newest: newest["status"] == "completed")
                return
            ended = self._wait(lambda newest: newest["ended_at"] is not None)
            acknowledged = time.perf_counter() - began
            if ended["outcome"] != "paused":
                raise CannotMeasureError(f"A paused attempt ended as {ended['outcome']}.")
            time.sleep(chance.uniform(*REST_SECONDS))
            yield {
                "stage": paused["stage"],
                "acknowledged": acknowledged,
                **self._resumed(ended["number"]),
            }

    def _resumed(self, number: int) -> dict[str, float]:
        before = self._files()
        self.database.execute(_RESUME, (self.id,))
        began = time.perf_counter()
        self._wait(lambda newest: newest["number"] > number and newest["started_at"] is not None)
        first_line = time.perf_counter() - began
        _until(lambda: self._files() - before, "a unit is kept after a resume")
        return {"first_line": first_line, "first_unit": time.perf_counter() - began}

    def _wait(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        newest: dict[str, Any] = {}

        def look() -> bool:
            row = self.database.first(_NEWEST, (self.id,))
            newest.update(row or {})
            if newest.get("status") == "failed":
                raise CannotMeasureError("The job that is paused and resumed has failed.")
            return row is not None and holds(row)

        _until(look, "an attempt begins or ends")
        return newest

    def _files(self) -> frozenset[tuple[str, int]]:
        """What is kept of the document: a file that was replaced is another one."""
        return frozenset(
            (path.name, path.stat().st_ino)
            for path in self.folder.iterdir()
            if not path.name.startswith(TEMPORARY_MARK)
        )


def _stock(workshop: Workshop, count: int) -> list[dict[str, Any]]:
    chance = random.Random(1)
    found = []
    with trivial_deployment(workshop, "stock") as made, stock_server(made) as server:
        [row] = made.want(JOB)
        made.wait(row, "started", LIMIT)
        run_id = made.run_of(row)
        for number in range(count):
            say(f"pausing: stock, moment {number + 1}")
            time.sleep(chance.uniform(*WORK_SECONDS))
            moment, run_id = _steered(made, server, row, run_id, chance)
            found.append(moment)
    return found


def _steered(
    made: TrivialDeployment, server: StockServer, row: int, run_id: str, chance: random.Random
) -> tuple[dict[str, Any], str]:
    """End the run and execute it again; the seconds of both, and the new run."""
    began = time.perf_counter()
    server.terminate(run_id)
    _until(lambda: _status(made, run_id) == "CANCELED", "a plain run is CANCELED")
    acknowledged = time.perf_counter() - began
    made.rows.execute("update wanted set started_at = null where id = %s", (row,))
    time.sleep(chance.uniform(*REST_SECONDS))
    began = time.perf_counter()
    following = server.re_execute(run_id)
    _until(lambda: _started(made, row), "a plain run begins again")
    first_line = time.perf_counter() - began
    return {"acknowledged": acknowledged, "first_line": first_line}, following


def _status(made: TrivialDeployment, run_id: str) -> str:
    found = made.dagster.first("select status from runs where run_id = %s", (run_id,))
    return str(found["status"]) if found is not None else ""


def _started(made: TrivialDeployment, row: int) -> bool:
    question = "select from wanted where id = %s and started_at is not null"
    return made.rows.first(question, (row,)) is not None


def _until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > deadline:
            raise CannotMeasureError(f"It never happened within {LIMIT:.0f} s that {what}.")
        time.sleep(LOOK_SECONDS)


def summary(moments: list[dict[str, Any]], key: str) -> dict[str, float]:
    """`p50`, `p95` and ends of one of the times, in seconds."""
    seconds = [moment[key] for moment in moments]
    return {
        "p50": percentile(seconds, 0.5),
        "p95": percentile(seconds, 0.95),
        "least": min(seconds),
        "most": max(seconds),
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    ours = {key: summary(found["ours"], key) for key in NAMES}
    stock = {key: summary(found["stock"], key) for key in STOCK_NAMES}
    stages: dict[str, int] = {}
    for moment in found["ours"]:
        stages[moment["stage"]] = stages.get(moment["stage"], 0) + 1
    places = ", ".join(f"{count} in {stage}" for stage, count in stages.items())
    lines = [
        f"{len(found['ours'])} moments of a PDF of {found['pages']:,} pages ({places}); "
        f"{len(found['stock'])} of stock Dagster.",
        "",
        "| | p50 | p95 | least–most | p50 to ours | p95 |",
        "|---|--:|--:|--:|--:|--:|",
        *(_line(NAMES[key], one, one) for key, one in ours.items()),
        *(_line(STOCK_NAMES[key], one, ours[key]) for key, one in stock.items()),
    ]
    return "\n".join(lines)


def _line(name: str, one: dict[str, float], ours: dict[str, float]) -> str:
    return (
        f"| {name} | {one['p50']:.2f} s | {one['p95']:.2f} s "
        f"| {one['least']:.2f}–{one['most']:.2f} s | {one['p50'] / ours['p50']:.1f}× "
        f"| {one['p95'] / ours['p95']:.1f}× |"
    )
