"""How long one user's row waits while another user has fifty queued.

The same deployment and the same tiny documents as in `latency`. Before each of B's rows, A's are
filled up to fifty that wait; A's jobs take all places that there are. So B waits for the next of
A's jobs to end, and no longer, if the queue is fair. Beside it stand how long A's jobs work, and
a few rows of B's before A came.
"""

import random
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from benchmarks.deployment import LOOK_SECONDS, Home, deployment, new_home
from benchmarks.spread import percentile, spread, told
from benchmarks.wishes import tiny_document, waited, wish
from benchmarks.workshop import CannotMeasureError, Workshop, say

ROWS = 20
IDLE_ROWS = 10
QUEUED = 50
PAUSES = (0.5, 3.0)
LIMIT = 120.0

_OF_A = "select count(*) as count from background_jobs where user_id = %s and status = 'pending'"
_WORKED = """
    select extract(epoch from j.completed_at - a.started_at)::float8 as worked
    from background_jobs j join job_attempts a on a.job_id = j.id and a.number = 1
    where j.user_id = %s and j.status = 'completed'
"""


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"queued", "idle": {"p50", "p95", "all"}, "busy": {…}, "work": spread}`; seconds."""
    pauses = random.Random(2)
    busy_user = uuid4()
    queued = 5 if workshop.quick else QUEUED
    with new_home(workshop) as home, deployment(home), workshop.folder("tiny") as folder:
        database = home.services.database
        idle = []
        for number in range(workshop.repetitions(IDLE_ROWS) + 1):
            time.sleep(pauses.uniform(*PAUSES))
            say(f"latency_busy: idle, row {number}")
            [job_id] = wish(database, [tiny_document(home, folder)])
            home.wait(job_id, LIMIT)
            idle.append(waited(database, job_id)["started"])
        busy = []
        for number in range(workshop.repetitions(ROWS)):
            say(f"latency_busy: busy, row {number + 1}")
            ours = tiny_document(home, folder)
            _fill_up(home, folder, busy_user, queued)
            time.sleep(pauses.uniform(*PAUSES))
            [job_id] = wish(database, [ours])
            busy.append(_wait_for_start(home, job_id))
        worked = [row["worked"] for row in database.all(_WORKED, (busy_user,))]
    return {
        "queued": queued,
        "places": home.services.settings.max_in_flight,
        "idle": _summary(idle[1:]),
        "busy": _summary(busy),
        "work": spread(worked),
    }


def _fill_up(home: Home, folder: Path, user: UUID, queued: int) -> None:
    waiting = home.services.database.first(_OF_A, (user,))
    missing = queued - (waiting["count"] if waiting else 0)
    documents = [tiny_document(home, folder, user) for _ in range(missing)]
    wish(home.services.database, documents)


def _wait_for_start(home: Home, job_id: UUID) -> float:
    """Seconds from INSERT to the first line of stage code."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        row = home.services.database.first(
            """
            select extract(epoch from a.started_at - j.created_at)::float8 as started
            from background_jobs j join job_attempts a on a.job_id = j.id and a.number = 1
            where j.id = %s and a.started_at is not null
            """,
            (job_id,),
        )
        if row is not None:
            return float(row["started"])
        time.sleep(LOOK_SECONDS)
    raise CannotMeasureError(f"The other user's row was not begun within {LIMIT:.0f} s.")


def _summary(seconds: list[float]) -> dict[str, Any]:
    return {
        "p50": percentile(seconds, 0.5),
        "p95": percentile(seconds, 0.95),
        "least": min(seconds),
        "most": max(seconds),
        "all": [round(one, 3) for one in seconds],
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    work = found["work"]["median"]
    lines = [
        f"{found['queued']} of A's rows wait, {found['places']} are worked on at once; each works "
        f"for {told(found['work'], 2, ' s')}.",
        "",
        "| B's row, from INSERT to first line | rows | p50 | p95 | least–most "
        "| p50 in A's jobs | p95 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for key, name in (("idle", "nobody else"), ("busy", f"{found['queued']} of A's queued")):
        one = found[key]
        lines.append(
            f"| {name} | {len(one['all'])} | {one['p50']:.2f} s | {one['p95']:.2f} s "
            f"| {one['least']:.2f}–{one['most']:.2f} s | {one['p50'] / work:.1f}× "
            f"| {one['p95'] / work:.1f}× |"
        )
    return "\n".join(lines)
