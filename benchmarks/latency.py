"""How long a row waits: from INSERT to the first line of stage code, here and with stock Dagster.

Into a deployment that is up and has nothing else to do, one row after the other, in plain SQL as
any client writes it; all moments are by the database's clock. Between two rows there is a
pause of a length of its own, so that they do not fall in step with the sensor's ticks. The first
row after the start is not counted.

Stock is `trivial_deployment`: four assets that do nothing, where ours has four stages and a tiny
document. Beside both stands how long a fresh process takes to import the definitions: what every
row would wait for, at the least, were its process started from nothing.
"""

import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.deployment import deployment, new_home
from benchmarks.spread import percentile, spread, told
from benchmarks.trivial_deployment import trivial_deployment
from benchmarks.wishes import tiny_document, waited, wish
from benchmarks.workshop import ROOT, Workshop, run, say

ROWS = 30
IMPORTS = 3
LONGEST_PAUSE = 6.0
LIMIT = 120.0
MOMENTS = {
    "taken": "the attempt that the sensor makes",
    "started": "first line of stage code",
    "completed": "`completed`",
}
STOCK_MOMENTS = {
    "seen": "stock: the tick that sees it",
    "started": "stock: first line of the first asset",
    "completed": "stock: end of the fourth asset",
}


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"import": {…}, "taken": {"p50", "p95", "all", …}, …, "stock": {…}}`; seconds."""
    fresh = [_import_seconds() for _ in range(workshop.repetitions(IMPORTS))]
    ours = _ours(workshop)
    fresh += [_import_seconds() for _ in range(workshop.repetitions(IMPORTS))]
    stock = _stock(workshop)
    fresh += [_import_seconds() for _ in range(workshop.repetitions(IMPORTS))]
    return {
        "import": spread(fresh),
        **summaries(ours, MOMENTS, fresh),
        "stock": summaries(stock, STOCK_MOMENTS, fresh),
    }


def _ours(workshop: Workshop) -> list[dict[str, Any]]:
    with new_home(workshop) as home, deployment(home), workshop.folder("tiny") as folder:

        def one() -> dict[str, Any]:
            [job_id] = wish(home.services.database, [tiny_document(home, folder)])
            home.wait(job_id, LIMIT)
            return waited(home.services.database, job_id)

        return _in_turn(workshop, "ours", one)


def _stock(workshop: Workshop) -> list[dict[str, Any]]:
    with trivial_deployment(workshop, "stock") as stock:
        return _in_turn(workshop, "stock", lambda: stock.wait(stock.want()[0], "completed", LIMIT))


def _in_turn(
    workshop: Workshop, name: str, one: Callable[[], dict[str, Any]]
) -> list[dict[str, Any]]:
    pauses = random.Random(1)
    found = []
    for number in range(workshop.repetitions(ROWS) + 1):
        time.sleep(pauses.uniform(0, LONGEST_PAUSE))
        say(f"latency: {name}, row {number}" + (" (not counted)" if number == 0 else ""))
        found.append(one())
    return found[1:]


def _import_seconds() -> float:
    began = time.perf_counter()
    run([sys.executable, "-c", "import rhizome_pipelines.definitions"], cwd=ROOT)
    return time.perf_counter() - began


def summaries(
    rows: Sequence[dict[str, Any]], moments: dict[str, str], fresh: Sequence[float]
) -> dict[str, Any]:
    """Each moment's percentiles, in seconds and in fresh imports."""
    return {moment: _summary([row[moment] for row in rows], fresh) for moment in moments}


def _summary(seconds: list[float], fresh: Sequence[float]) -> dict[str, Any]:
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
        f"{len(found['started']['all'])} rows each. A fresh process imports the definitions in "
        f"{told(found['import'], 1, ' s')}.",
        "",
        "| from INSERT to | p50 | p95 | least–most | p50 in fresh imports | p95 |",
        "|---|--:|--:|--:|--:|--:|",
        *(_line(name, found[moment]) for moment, name in MOMENTS.items()),
    ]
    if stock := found.get("stock"):
        lines += [_line(name, stock[moment]) for moment, name in STOCK_MOMENTS.items()]
        times = {
            share: stock["started"][share] / found["started"][share] for share in ("p50", "p95")
        }
        lines += [
            "",
            f"To its first line, a row of stock Dagster waits {times['p50']:.1f} times as long as "
            f"one of ours at p50, {times['p95']:.1f} times at p95.",
        ]
    return "\n".join(lines)


def _line(name: str, one: dict[str, Any]) -> str:
    return (
        f"| {name} | {one['p50']:.2f} s | {one['p95']:.2f} s "
        f"| {one['least']:.2f}–{one['most']:.2f} s | {one['to_import']['p50']:.1f}× "
        f"| {one['to_import']['p95']:.1f}× |"
    )
