"""What one run leaves in Dagster's tables: rows and bytes, ours and stock.

Ours is `process_document` on a tiny document: four assets with checks, metadata and previews.
Stock are four assets that do nothing. Bytes are those of the values (`pg_column_size`, as stored,
so compressed where Postgres compresses), without indexes; of events also the length of their text.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.deployment import deployment, new_home
from benchmarks.trivial_deployment import trivial_deployment
from benchmarks.wishes import tiny_document, wish
from benchmarks.workshop import CannotMeasureError, Workshop, say
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.deployment.services import dagster_database_url

RUNS = 5
LIMIT = 120.0
END_SECONDS = 30.0

_ENDED = "select count(end_time) as ended from runs where run_id = any(%(runs)s)"
_TABLES = {
    "event_logs": """
        select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes,
               sum(length(event))::bigint as characters
        from event_logs t where run_id = any(%(runs)s)""",
    "runs": """
        select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes
        from runs t where run_id = any(%(runs)s)""",
    "run_tags": """
        select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes
        from run_tags t where run_id = any(%(runs)s)""",
    "asset_event_tags": """
        select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes
        from asset_event_tags t
        where event_id in (select id from event_logs where run_id = any(%(runs)s))""",
    "asset_check_executions": """
        select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes
        from asset_check_executions t where run_id = any(%(runs)s)""",
    "dynamic_partitions": """
        select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes
        from dynamic_partitions t
        where partition in (select partition from runs where run_id = any(%(runs)s))""",
}
_SNAPSHOTS = """
    select count(*) as rows, sum(pg_column_size(t.*))::bigint as bytes from snapshots t
"""


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{way: {"runs", "tables": {table: {"rows", "bytes"}}, "snapshots": {…}}}`, in all runs."""
    return {"ours": _ours(workshop), "stock": _stock(workshop)}


def _ours(workshop: Workshop) -> dict[str, Any]:
    say("per_run: ours")
    with new_home(workshop) as home, deployment(home), workshop.folder("tiny") as folder:
        runs = []
        for _ in range(workshop.repetitions(RUNS)):
            document = tiny_document(home, Path(folder))
            [job_id] = wish(home.services.database, [document])
            home.wait(job_id, LIMIT)
            runs.append(home.run_of(document.id))
        with Database(dagster_database_url(home.services.settings)) as dagster:
            return _left(dagster, runs)


def _stock(workshop: Workshop) -> dict[str, Any]:
    say("per_run: stock")
    with trivial_deployment(workshop, "stock") as stock:
        rows = stock.want(count=workshop.repetitions(RUNS))
        for row in rows:
            stock.wait(row, "completed", LIMIT)
        return _left(stock.dagster, [stock.run_of(row) for row in rows])


def _left(dagster: Database, runs: Sequence[str]) -> dict[str, Any]:
    deadline = time.monotonic() + END_SECONDS
    given = {"runs": list(runs)}
    while dagster.all(_ENDED, given)[0]["ended"] < len(runs):
        if time.monotonic() > deadline:
            raise CannotMeasureError("Dagster does not tell the end of the runs to be measured.")
        time.sleep(0.2)
    time.sleep(1.0)  # What is written after the end of a run.
    return {
        "runs": len(runs),
        "tables": {name: dagster.all(question, given)[0] for name, question in _TABLES.items()},  # type: ignore[arg-type]
        "snapshots": dagster.all(_SNAPSHOTS)[0],
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown: rows and bytes of one run, and what is kept once for all of a version."""
    lines = [
        f"Means of {found['ours']['runs']} and {found['stock']['runs']} runs.",
        "",
        "| | rows, ours | bytes, ours | rows, stock | bytes, stock |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in _TABLES:
        lines.append(f"| `{name}` | {_cells(found, name)} |")
    lines.append(f"| **in all** | {_cells(found, None)} |")
    texts, shapes = [], []
    for way in ("ours", "stock"):
        one = found[way]
        events = one["tables"]["event_logs"]["characters"] / one["runs"]
        texts.append(f"{events:,.0f} ({way})")
        kept = one["snapshots"]
        shapes.append(f"{kept['rows']} rows, {(kept['bytes'] or 0):,} bytes ({way})")
    lines += [
        "",
        f"The text of a run's events has {' and '.join(texts)} characters before compression. "
        f"Snapshots of jobs and plans, kept once however many runs there are: {'; '.join(shapes)}.",
    ]
    return "\n".join(lines)


def _cells(found: dict[str, Any], table: str | None) -> str:
    return " | ".join(
        f"{rows:,.0f} | {size:,.0f}"
        for rows, size in (per_run(found[way], table) for way in ("ours", "stock"))
    )


def per_run(one: dict[str, Any], table: str | None) -> tuple[float, float]:
    """Rows and bytes of one run in one table, or in all of them."""
    names = [table] if table is not None else list(one["tables"])
    return (
        sum(one["tables"][name]["rows"] for name in names) / one["runs"],
        sum(one["tables"][name]["bytes"] or 0 for name in names) / one["runs"],
    )
