"""`python -m benchmarks [--quick] [--rounds N] [--report] [figure …]`: measure, and write it down.

Ends with 0 when all was measured, 3 when a figure was left out because something that it needs is
not here, 2 for an unknown name.
"""

import argparse
import sys
from typing import Any

from benchmarks import (
    engine_quality,
    export_size,
    extraction,
    import_rows,
    latency,
    latency_busy,
    markdown_folder,
    memory,
    neighbours,
    overhead,
    pausing,
    per_run,
    reanchoring,
    redone,
    report,
    terminate,
    throughput,
    tick,
    unchanged,
)
from benchmarks.workshop import CannotMeasureError, Workshop, machine, say

FIGURES = {
    "extraction": extraction,
    "overhead": overhead,
    "latency": latency,
    "latency_busy": latency_busy,
    "throughput": throughput,
    "markdown_folder": markdown_folder,
    "unchanged": unchanged,
    "tick": tick,
    "terminate": terminate,
    "redone": redone,
    "pausing": pausing,
    "per_run": per_run,
    "memory": memory,
    "engine_quality": engine_quality,
    "reanchoring": reanchoring,
    "export_size": export_size,
    "import_rows": import_rows,
    "neighbours": neighbours,
}
EXIT_LEFT_OUT = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figure", nargs="*", help=f"of {', '.join(FIGURES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="see whether all works; keep nothing")
    parser.add_argument("--rounds", type=int, metavar="N", help="repeat N times, not as usual")
    parser.add_argument("--report", action="store_true", help="only write the tables anew")
    given = parser.parse_args()
    unknown = sorted(set(given.figure) - set(FIGURES))
    if unknown:
        parser.error(f"there is no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    workshop = Workshop(quick=given.quick, rounds=given.rounds)
    left_out = [] if given.report else _measure(given.figure or list(FIGURES), workshop)
    if not given.quick:
        report.write_tables({name: module.tables for name, module in FIGURES.items()})
    return EXIT_LEFT_OUT if left_out else 0


def _measure(names: list[str], workshop: Workshop) -> list[str]:
    workshop.cache.mkdir(exist_ok=True)
    left_out = []
    for name in names:
        figure: Any = FIGURES[name]
        try:
            found = figure.measure(workshop)
        except CannotMeasureError as error:
            say(f"{name} was left out. {error}")
            left_out.append(name)
            continue
        print(f"\n## {name}\n\n{figure.tables(found)}\n")
        if not workshop.quick:
            report.keep(name, {"machine": machine(), "found": found})
    return left_out


if __name__ == "__main__":
    sys.exit(main())
