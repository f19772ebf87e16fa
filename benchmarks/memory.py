"""How much memory a run needs, and how it grows with the document.

A real deployment processes a PDF of 193, of 1,151 and of 10,000 pages; all processes that appear
for it are the run: its worker, and the process that reads PDFs.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.deployment import Home, deployment, new_home, run_seconds
from benchmarks.documents import ANNOTATIONS, POLICY, long_pdf, page_count, pdf_of
from benchmarks.process_tree import TreeSampler
from benchmarks.workshop import Workshop, say
from rhizome_pipelines.extraction.pdf.reader import PROGRAM
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES

MEGABYTE = 1_000_000
AIM = 450 * MEGABYTE
SECONDS_PER_PAGE = 2.0


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"aim", "runs": […], "growth": {…}}`; sizes in bytes."""
    makers: Sequence[Callable[[], Path]] = (
        lambda: pdf_of(workshop, POLICY),
        lambda: pdf_of(workshop, ANNOTATIONS),
        lambda: long_pdf(workshop),
    )
    paths = [make() for make in (makers[:2] if workshop.quick else makers)]
    runs = []
    with new_home(workshop) as home, deployment(home):
        for path in paths:
            say(f"memory: {path.name}")
            runs.append(_run(home, path))
    return {"aim": AIM, "runs": runs, "growth": _growth(runs[0], runs[-1])}


def _run(home: Home, path: Path) -> dict[str, Any]:
    pages = page_count(path)
    document = home.add(path, uuid4())
    sampler = TreeSampler([os.getpid()], PROGRAM.name, label="start")

    def watch(job: Job) -> None:
        sampler.label = str(job.progress.get("stage") or sampler.label)

    with sampler:
        job = home.process(document, limit=300 + SECONDS_PER_PAGE * pages, watch=watch)
    keys = home.services.checkpoints(document).keys
    content = home.services.objects.info(keys.content)
    overall = sampler.overall()
    return {
        "pages": pages,
        "source_bytes": path.stat().st_size,
        "text_bytes": content.size if content is not None else 0,
        "chunks": job.output_data.get("chunkCount"),
        "run_seconds": run_seconds(home, home.run_of(document.id)),
        "worker": max(overall.worker, sampler.high_water["worker"]),
        "reader": max(overall.readers, sampler.high_water["readers"]),
        "sum": overall.sum,
        "by_stage": {
            stage: vars(sampler.peaks[stage]) for stage in DOCUMENT_STAGES if stage in sampler.peaks
        },
    }


def _growth(short: dict[str, Any], long: dict[str, Any]) -> dict[str, float]:
    """Bytes for each page between the shortest and the longest document."""
    pages = long["pages"] - short["pages"]
    return {
        name: (long[name] - short[name]) / pages
        for name in ("worker", "reader", "sum", "text_bytes")
    }


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| pages | text | chunks | run | worker | PDF reader | both at one moment | aim |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for run in found["runs"]:
        lines.append(
            f"| {run['pages']:,} | {_mb(run['text_bytes'], 1)} | {run['chunks']:,} "
            f"| {run['run_seconds']:,.0f} s | {_mb(run['worker'])} | {_mb(run['reader'])} "
            f"| **{_mb(run['sum'])}** | {_mb(found['aim'])} |"
        )
    lines += ["", "Highest sum of both in each stage:", ""]
    lines += ["| pages | " + " | ".join(DOCUMENT_STAGES) + " |"]
    lines += ["|--:|" + "--:|" * len(DOCUMENT_STAGES)]
    for run in found["runs"]:
        peaks = [run["by_stage"].get(stage, {}).get("sum") for stage in DOCUMENT_STAGES]
        shown = " | ".join(_mb(peak) if peak else "–" for peak in peaks)
        lines.append(f"| {run['pages']:,} | {shown} |")
    growth = found["growth"]
    first, last = found["runs"][0]["pages"], found["runs"][-1]["pages"]
    lines += [
        "",
        f"Growth from {first:,} to {last:,} pages, in bytes a page: worker "
        f"{growth['worker']:,.0f}, PDF reader {growth['reader']:,.0f}, both {growth['sum']:,.0f}; "
        f"the text itself has {growth['text_bytes']:,.0f}.",
    ]
    return "\n".join(lines)


def _mb(size: float, digits: int = 0) -> str:
    return f"{size / MEGABYTE:,.{digits}f} MB"
