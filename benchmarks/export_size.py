"""Export of 2 GB: megabytes a second against `zip -r` on the same files, and the run's memory.

A real deployment exports documents whose sources cannot be compressed (as PDFs and pictures), and
whose texts can. `zip` (Info-ZIP) has the documents' folders of the storage, in the same run.
"""

import random
import shutil
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.asked import MEGABYTE, asked
from benchmarks.deployment import Home, deployment, new_home
from benchmarks.made_library import make_document
from benchmarks.workshop import CannotMeasureError, Workshop, run, say
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.lifecycle.jobs import JobType

DOCUMENTS = 100
SOURCE = 20 * MEGABYTE
CHUNKS = 300
SMALL = (5, MEGABYTE)
"""A tenth of the documents, and the bytes of each, by which growth of memory is seen."""
LIMIT = 900.0


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"sizes": [{"documents", "bytes", "export_seconds", "zip_seconds", "peak"}, …]}`."""
    if shutil.which("zip") is None:
        raise CannotMeasureError("The command zip is not installed here (Debian: zip).")
    whole = (4, MEGABYTE) if workshop.quick else (DOCUMENTS, SOURCE)
    sizes = []
    for documents, source in (SMALL, whole):
        with new_home(workshop, "export") as home, deployment(home):
            sizes.append(_measured(home, workshop, documents, source))
    return {"sizes": sizes}


def _measured(home: Home, workshop: Workshop, documents: int, source: int) -> dict[str, Any]:
    user = uuid4()
    ids = []
    for number in range(documents):
        say(f"export_size: making document {number + 1} of {documents}")
        made = make_document(home, user, CHUNKS, number)
        key = DocumentKeys(user, made.document.id).source("pdf")
        home.services.objects.write(key, random.Random(number).randbytes(source))
        ids.append(str(made.document.id))
    folder = home.path / "objects" / str(user)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    say("export_size: zip")
    zipped = _zip_seconds(folder, workshop.cache / "zipped.zip")
    say("export_size: the export")
    found = asked(
        home, user, JobType.EXPORT_DOCUMENTS, LIMIT, document_ids=ids, includeConnections=True
    )
    return {
        "documents": documents,
        "bytes": size,
        "archive_bytes": round(float(found.job.output_data["zipSizeMb"]) * MEGABYTE),
        "export_seconds": found.seconds,
        "zip_seconds": zipped,
        "peak": found.peak,
    }


def _zip_seconds(folder: Path, target: Path) -> float:
    target.unlink(missing_ok=True)
    began = time.perf_counter()
    run(["zip", "-q", "-r", target, "."], cwd=folder)
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| documents | files | export | `zip -r` | against `zip` | memory of the run, peak |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for one in found["sizes"]:
        size = one["bytes"] / MEGABYTE
        ours, zipped = size / one["export_seconds"], size / one["zip_seconds"]
        lines.append(
            f"| {one['documents']:,} | {size:,.0f} MB | {one['export_seconds']:,.1f} s, "
            f"{ours:,.0f} MB/s | {one['zip_seconds']:,.1f} s, {zipped:,.0f} MB/s "
            f"| {ours / zipped:.1f}× | {one['peak'] / MEGABYTE:,.0f} MB |"
        )
    return "\n".join(lines)
