"""How fast PDFs become markdown, and how true their headings are, beside other converters.

Five manuals, each by every converter in a process of its own, in turn; the truth about headings
is in the EPUB or HTML page that has the same text.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.competitors import REQUIREMENTS, python_of_competitors, versions
from benchmarks.documents import WITH_TRUTH, page_count, pdf_of, truth_of
from benchmarks.heading_quality import markdown_headings, measure_headings
from benchmarks.heading_truth import true_headings
from benchmarks.spread import ratio, spread, told
from benchmarks.workshop import Workshop, measured, say

ROUNDS = 3
PROGRAM = Path(__file__).parent / "programs" / "convert.py"
OURS = "ours"


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"versions", "manuals": [{"name", "pages", "converters": {name: {…}}}]}`."""
    python = python_of_competitors(workshop)
    known = versions(python)
    names = [OURS, *known]
    manuals = []
    for manual in WITH_TRUTH[:2] if workshop.quick else WITH_TRUTH:
        pdf = pdf_of(workshop, manual)
        truth = true_headings(truth_of(workshop, manual))
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for number in range(workshop.repetitions(ROUNDS)):
            say(f"extraction: {manual.name}, round {number + 1}")
            for name in names:
                rounds[name].append(_once(workshop, python, name, pdf))
        manuals.append(
            {
                "name": manual.name,
                "pages": page_count(pdf),
                "true_headings": len(truth),
                "converters": {
                    name: _summary(rounds[name], rounds[OURS], page_count(pdf))
                    | _headings(_target(workshop, name, pdf), truth)
                    for name in names
                },
            }
        )
    return {"versions": known, "manuals": manuals}


def _once(workshop: Workshop, python: Path, name: str, pdf: Path) -> dict[str, Any]:
    target = _target(workshop, name, pdf)
    target.parent.mkdir(exist_ok=True)
    if name == OURS:
        return measured([sys.executable, "-m", "benchmarks.programs.convert", name, pdf, target])
    return measured([python, PROGRAM, name, pdf, target])


def _target(workshop: Workshop, name: str, pdf: Path) -> Path:
    return workshop.cache / "converted" / f"{pdf.stem}.{name}.md"


def _summary(
    rounds: list[dict[str, Any]], ours: list[dict[str, Any]], pages: int
) -> dict[str, Any]:
    seconds = [found["seconds"] for found in rounds]
    return {
        "pages_per_second": spread([pages / one for one in seconds]),
        "seconds_to_ours": ratio(seconds, [found["seconds"] for found in ours]),
        "processor_seconds_to_ours": ratio(
            [found["processor_seconds"] for found in rounds],
            [found["processor_seconds"] for found in ours],
        ),
        "peak_bytes": max(found["peak_bytes"] for found in rounds),
    }


def _headings(target: Path, truth: list[tuple[int, str]]) -> dict[str, Any]:
    text = target.read_text(encoding="utf-8")
    quality = measure_headings(markdown_headings(text.splitlines()), truth)
    return {
        "precision": quality.precision,
        "recall": quality.recall,
        "levels": quality.levels,
        "characters": len(text),
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown: speed over all manuals, then headings of each."""
    told_versions = ", ".join(f"{name} {found['versions'][name]}" for name in REQUIREMENTS)
    names = [OURS, *REQUIREMENTS]
    count = found["manuals"][0]["converters"][OURS]["pages_per_second"]["count"]
    lines = [
        f"{told_versions}; {count} rounds in turn. Time as a multiple of ours: median "
        "(least–most) of the manuals' medians.",
        "",
        "| | time | processor time | pages/s | memory, at most |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [_speed(found["manuals"], name) for name in names]
    for title, key in (("precision", "precision"), ("recall", "recall"), ("levels", "levels")):
        lines += ["", f"Headings, {title}:", "", "| manual | pages | headings | "]
        lines[-1] += " | ".join(names) + " |"
        lines.append("|---|--:|--:|" + "--:|" * len(names))
        for manual in found["manuals"]:
            shares = " | ".join(_share(manual, name, key) for name in names)
            lines.append(
                f"| {manual['name']} | {manual['pages']} | {manual['true_headings']} | {shares} |"
            )
    return "\n".join(lines)


def _speed(manuals: list[dict[str, Any]], name: str) -> str:
    mine = [manual["converters"][name] for manual in manuals]
    wall, processor, pages = (
        spread([one[key]["median"] for one in mine])
        for key in ("seconds_to_ours", "processor_seconds_to_ours", "pages_per_second")
    )
    peak = max(one["peak_bytes"] for one in mine) / 1_000_000
    return (
        f"| {name} | {told(wall, 2, '×')} | {told(processor, 2, '×')} | {told(pages, 0)} "
        f"| {peak:,.0f} MB |"
    )


def _share(manual: dict[str, Any], name: str, key: str) -> str:
    shown = f"{manual['converters'][name][key]:.2f}"
    best = max(one[key] for one in manual["converters"].values())
    return f"**{shown}**" if shown == f"{best:.2f}" else shown
