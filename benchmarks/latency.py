"""How long a row waits: from INSERT to the first line of stage code.

Into a deployment that is up and has nothing else to do, one row after the other, in plain SQL as
any client writes it; both moments are by the database's clock. Between two rows there is a
pause of a length of its own, so that they do not fall in step with the sensor's ticks. Beside it
stands how long a fresh process takes to import the definitions: what every row would wait for, at
the least, were its process started from nothing.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from benchmarks.deployment import Home, deployment, new_home
from benchmarks.spread import percentile, spread, told
from benchmarks.workshop import ROOT, Workshop, run, say
from rhizome_pipelines.lifecycle.documents import SourceType

ROWS = 20
IMPORTS = 3
LONGEST_PAUSE = 6.0
LIMIT = 120.0
MOMENTS = {
    "taken": "the attempt that the sensor makes",
    "started": "first line of stage code",
    "completed": "`completed`",
}

_INSERT = """
    insert into background_jobs (user_id, job_type, entity_type, entity_id, input_data)
    values (%s, 'process_document', 'document', %s, %s)
    returning id
"""
_WAITED = """
    select extract(epoch from a.created_at - j.created_at)::float8 as taken,
           extract(epoch from a.started_at - j.created_at)::float8 as started,
           extract(epoch from j.completed_at - j.created_at)::float8 as completed
    from background_jobs j join job_attempts a on a.job_id = j.id and a.number = 1
    where j.id = %s
"""


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"import": {…}, "taken": {"p50", "p95", "all", …}, "started": …}`; seconds."""
    pauses = random.Random(1)
    waited = []
    with new_home(workshop) as home, deployment(home), workshop.folder("tiny") as folder:
        for number in range(workshop.repetitions(ROWS)):
            time.sleep(pauses.uniform(0, LONGEST_PAUSE))
            say(f"latency: row {number + 1}")
            waited.append(_one_row(home, folder / f"{number}.md"))
        fresh = [_import_seconds() for _ in range(workshop.repetitions(IMPORTS))]
    return {
        "import": spread(fresh),
        **{moment: _summary([row[moment] for row in waited], fresh) for moment in MOMENTS},
    }


def _one_row(home: Home, path: Path) -> dict[str, float]:
    path.write_text(f"# {path.stem}\n\nOne paragraph of a tiny document.\n", encoding="utf-8")
    user = uuid4()
    document = home.add(path, user, SourceType.MARKDOWN_ASIS)
    job_id = _insert(home, user, document.id, document.storage_path)
    home.wait(job_id, LIMIT)
    row = home.services.database.first(_WAITED, (job_id,))
    if row is None:
        raise AssertionError("a completed job has an attempt")
    return row


def _insert(home: Home, user: UUID, document_id: UUID, path: str | None) -> UUID:
    given = {"document_id": str(document_id), "source_type": "markdown_asis", "storage_path": path}
    row = home.services.database.first(_INSERT, (user, document_id, Jsonb(given)))
    if row is None:
        raise AssertionError("an INSERT that returns gives a row")
    job_id: UUID = row["id"]
    return job_id


def _import_seconds() -> float:
    began = time.perf_counter()
    run([sys.executable, "-c", "import rhizome_pipelines.definitions"], cwd=ROOT)
    return time.perf_counter() - began


def _summary(seconds: list[float], fresh: list[float]) -> dict[str, Any]:
    middle = spread(fresh)["median"]
    found = {"p50": percentile(seconds, 0.5), "p95": percentile(seconds, 0.95)}
    return {
        **found,
        "least": min(seconds),
        "most": max(seconds),
        "all": [round(one, 3) for one in seconds],
        "to_import": {name: value / middle for name, value in found.items()},
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        f"{len(found['started']['all'])} rows. A fresh process imports the definitions in "
        f"{told(found['import'], 1, ' s')}.",
        "",
        "| from INSERT to | p50 | p95 | least–most | p50 in fresh imports | p95 |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for moment, name in MOMENTS.items():
        one = found[moment]
        lines.append(
            f"| {name} | {one['p50']:.2f} s | {one['p95']:.2f} s "
            f"| {one['least']:.2f}–{one['most']:.2f} s | {one['to_import']['p50']:.1f}× "
            f"| {one['to_import']['p95']:.1f}× |"
        )
    return "\n".join(lines)
