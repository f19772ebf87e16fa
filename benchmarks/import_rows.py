"""Import of 100,000 chunks into an empty installation, against a bare COPY of the same rows.

The archive comes from a real export, vectors included. The COPY is into a table of the same shape
with the same indexes and checks, in the same Postgres, of what the import has written.
"""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.asked import MEGABYTE, asked
from benchmarks.deployment import Home, deployment, new_home
from benchmarks.made_library import SPACE, make_document
from benchmarks.workshop import Workshop, say
from rhizome_pipelines.checkpoints.keys import import_key
from rhizome_pipelines.deployment import configuration
from rhizome_pipelines.embedding import open_model
from rhizome_pipelines.embedding.ports import EmbeddingSpace
from rhizome_pipelines.lifecycle.jobs import JobType

DOCUMENTS, CHUNKS = 50, 2_000
LIMIT = 900.0


def measure(workshop: Workshop) -> dict[str, Any]:
    """`{"documents", "rows", "bytes", "import_seconds", "rows_seconds", "copy_seconds", "peak"}`.

    `rows_seconds`: of the stage that writes the rows.
    """
    documents, chunks = (3, 50) if workshop.quick else (DOCUMENTS, CHUNKS)
    with workshop.folder("import") as folder:
        archive = folder / "library.zip"
        with new_home(workshop, "export") as home, deployment(home):
            _export(home, archive, documents, chunks)
        with new_home(workshop, "home") as home, deployment(home):
            return {
                "documents": documents,
                "bytes": archive.stat().st_size,
                **_import(home, archive, folder / "rows"),
            }


def _export(home: Home, archive: Path, documents: int, chunks: int) -> None:
    user, ids = uuid4(), []
    # As if the model in use had made the vectors: then they are taken as they are.
    model = open_model(configuration.embedding(home.services)).name
    space = EmbeddingSpace(model, SPACE.dimensions)
    for number in range(documents):
        say(f"import_rows: making document {number + 1} of {documents}")
        ids.append(str(make_document(home, user, chunks, number, space).document.id))
    say("import_rows: the export")
    done = asked(home, user, JobType.EXPORT_DOCUMENTS, LIMIT, document_ids=ids)
    with home.services.objects.local_copy(str(done.job.output_data["storagePath"])) as path:
        archive.write_bytes(path.read_bytes())


def _import(home: Home, archive: Path, scratch: Path) -> dict[str, Any]:
    user = uuid4()
    key = import_key(user, "library.zip")
    home.services.objects.write_file(key, archive)
    say("import_rows: the import")
    done = asked(home, user, JobType.IMPORT_DOCUMENT, LIMIT, storage_path=key)
    if done.job.output_data["embeddingsRegenerated"]:
        raise RuntimeError("the import has made vectors anew, which is not what is measured")
    say("import_rows: the COPY")
    rows, seconds = _copied(home, scratch)
    return {
        "rows": rows,
        "import_seconds": done.seconds,
        "rows_seconds": done.stage_seconds("reading", "application"),
        "copy_seconds": seconds,
        "peak": done.peak,
    }


def _copied(home: Home, scratch: Path) -> tuple[int, float]:
    """Rows, and the seconds that a COPY of all of them takes."""
    with home.services.database.connection() as connection:
        connection.execute("create table bare (like chunks including all)")
        with (
            scratch.open("wb") as file,
            connection.cursor() as cursor,
            cursor.copy("copy chunks to stdout (format binary)") as copy,
        ):
            for block in copy:
                file.write(block)
        began = time.perf_counter()
        with (
            scratch.open("rb") as file,
            connection.cursor() as cursor,
            cursor.copy("copy bare from stdin (format binary)") as copy,
        ):
            while data := file.read(1 << 20):
                copy.write(data)
        connection.commit()
        seconds = time.perf_counter() - began
        row = connection.execute("select count(*) from bare").fetchone()
    return (int(row[0]) if row else 0), seconds


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    rows = found["rows"]
    ways = (
        ("the whole import: reading, rows, files", found["import_seconds"]),
        ("its stage that writes the rows", found["rows_seconds"]),
        ("bare COPY", found["copy_seconds"]),
    )
    lines = [
        f"{rows:,} chunks of {found['documents']:,} documents, with vectors of 768 dimensions; an "
        f"archive of {found['bytes'] / MEGABYTE:,.0f} MB. Memory of the run at its highest: "
        f"{found['peak'] / MEGABYTE:,.0f} MB.",
        "",
        "| | seconds | rows/s | against COPY |",
        "|---|--:|--:|--:|",
    ]
    for name, seconds in ways:
        share = found["copy_seconds"] / seconds
        lines.append(f"| {name} | {seconds:,.1f} | {rows / seconds:,.0f} | {share:.2f}× |")
    return "\n".join(lines)
