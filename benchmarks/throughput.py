"""How many runs of four assets a minute, when many wait.

- ours: `process_document` on tiny documents that are all different, one run each: extraction,
  chunking, embeddings and connections, with checks, checkpoints, rows, progress and heartbeats;
- stock: four assets that do nothing (`trivial_deployment`), with the bound on runs at once that
  Dagster has unless it is told (ten), and with one run a processor.

All rows are inserted in one transaction. Time is from the moment at which the first row is taken
up (the attempt; the sensor's tick) to the `completed` of the last, by the database's clock. So the
wait for a tick does not count, and the start of processes does; from the first line of the first
run on, a launcher that starts all of its processes before any has reached its first line would
look too good.
"""

import os
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from benchmarks.deployment import deployment, new_home
from benchmarks.trivial_deployment import STOCK, trivial_deployment
from benchmarks.wishes import tiny_document, wish
from benchmarks.workshop import CannotMeasureError, Workshop, say

OURS = 200
TRIVIAL = 24
LIMIT = 1_200.0
LOOK_SECONDS = 1.0
"""Seldom: whoever looks works on the same processors."""

_OURS = """
    select count(*) filter (where j.status = 'completed') as done,
           count(*) filter (where j.status in ('failed', 'cancelled', 'paused')) as stuck,
           extract(epoch from max(j.completed_at) - min(a.created_at))::float8 as seconds
    from background_jobs j left join job_attempts a on a.job_id = j.id
    where j.user_id = %s
"""
_TRIVIAL = """
    select count(completed_at) as done, 0 as stuck,
           extract(epoch from max(completed_at) - min(seen_at))::float8 as seconds
    from wanted where id = any(%s)
"""


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"ways": [{"name", "runs", "seconds", "per_minute"}]}`, ours first."""
    ways = [_ours(workshop)]
    bounds = {"concurrency": {"runs": {"max_concurrent_runs": os.cpu_count() or 1}}}
    ways.append(_trivial(workshop, "stock", "as it comes", STOCK))
    ways.append(_trivial(workshop, "stock", "one run a processor", bounds))
    return {"processors": os.cpu_count(), "ways": ways}


def _ours(workshop: Workshop) -> dict[str, Any]:
    say("throughput: ours")
    user = uuid4()
    count = 6 if workshop.quick else OURS
    with new_home(workshop) as home, deployment(home), workshop.folder("tiny") as folder:
        # The first run after the start may wait for what is still being loaded.
        [first] = wish(home.services.database, [tiny_document(home, folder)])
        home.wait(first, LIMIT)
        documents = [tiny_document(home, folder, user) for _ in range(count)]
        wish(home.services.database, documents)
        return _way("ours", "`process_document`", count, home.services.database, (_OURS, user))


def _trivial(
    workshop: Workshop, name: str, what: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    say(f"throughput: {name}, {what}")
    count = 3 if workshop.quick else TRIVIAL
    with trivial_deployment(workshop, "stock", settings) as made:
        made.wait(made.want()[0], "completed", LIMIT)
        rows = made.want(count=count)
        return _way(name, f"four assets, {what}", count, made.rows, (_TRIVIAL, rows))


def _way(
    name: str, what: str, count: int, database: Any, question: tuple[Any, Any]
) -> dict[str, Any]:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        found = database.first(question[0], (question[1],))
        if found["stuck"]:
            raise CannotMeasureError(f"{found['stuck']} of the runs being measured did not end.")
        if found["done"] == count:
            seconds = float(found["seconds"])
            return {
                "name": name,
                "what": what,
                "runs": count,
                "seconds": seconds,
                "per_minute": 60 * count / seconds,
            }
    raise CannotMeasureError(f"{count} runs took more than {LIMIT:.0f} s.")


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    ours = found["ways"][0]["per_minute"]
    lines = [
        "| | a run is | runs | time | runs a minute | ours is |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for way in found["ways"]:
        lines.append(
            f"| {way['name']} | {way['what']} | {way['runs']} | {way['seconds']:,.0f} s "
            f"| {way['per_minute']:.0f} | {ours / way['per_minute']:.1f}× |"
        )
    return "\n".join(lines)
