"""`results.json`, and the tables in docs/performance.md that are written from it."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.workshop import ROOT

RESULTS = ROOT / "benchmarks" / "results.json"
DOCUMENT = ROOT / "docs" / "performance.md"


def keep(name: str, found: dict[str, Any]) -> None:
    """Write a figure's results beside those of the others."""
    results = _results()
    results[name] = found
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


def write_tables(tables: Mapping[str, Callable[[dict[str, Any]], str]]) -> None:
    """Write every figure that has results between its two marks in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, found in _results().items():
        written = f"{_machine(found['machine'])}\n\n{tables[name](found['found'])}"
        text = between_marks(text, name, written)
    DOCUMENT.write_text(text, encoding="utf-8")


def between_marks(text: str, name: str, written: str) -> str:
    """`text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{DOCUMENT.name} must have the marks {begin} and {end} once")
    return pattern.sub(lambda _: f"{begin}\n{written}\n{end}", text)


def _machine(told: Mapping[str, Any]) -> str:
    return (
        f"*{told['processors']} processors, {told['memory_gib']} GiB, {told['system']} "
        f"{told['architecture']}, Python {told['python']}, Dagster {told['dagster']}, liteparse "
        f"{told['liteparse']}; load average at the end, the benchmark's own "
        f"included: {told['load_at_end']}.*"
    )


def _results() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
