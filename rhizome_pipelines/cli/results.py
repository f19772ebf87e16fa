"""What came out of processing: a table of documents, and a few of the connections found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rich.markup import escape
from rich.padding import Padding

from rhizome_pipelines.cli.harmless import one_line
from rhizome_pipelines.cli.output import console, show_table
from rhizome_pipelines.database.overview import (
    ShownConnection,
    best_connections,
    documents_by_id,
    jobs_by_id,
)
from rhizome_pipelines.database.touching import connection_counts
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus

SHOWN_CONNECTIONS = 5
SNIPPET_CHARACTERS = 220

_MARKUP = re.compile(r"^#{1,6}\s+.*$|\*\*|\[\^[^\]]*\]", re.MULTILINE)
"""Headings, bold marks and footnote marks: noise in a snippet of a few lines."""


@dataclass(frozen=True)
class WatchedJob:
    """A job that a command shows.

    `done`: it was completed before. `refused`: it failed at the door, and no run was made.
    """

    job_id: UUID
    document_id: UUID
    label: str
    done: bool = False
    refused: bool = False


@dataclass(frozen=True)
class ProcessedDocument:
    """A document's numbers, as its job's output tells them."""

    document: Document
    status: JobStatus
    job: Job | None
    output: Mapping[str, Any]
    connections: int
    """Connections that start at the document or lead to it, as they are stored now.

    As many as the output's `connectionCount`, until another document's run adds to them.
    """

    @property
    def title(self) -> str:
        """The title that was found, or what the job was called."""
        named = self.output.get("documentTitle")
        if not named and self.job is not None:
            named = self.job.metadata.get("title")
        return str(named or self.document.title or self.document.id)

    @property
    def seconds(self) -> float | None:
        """From the first line of work to the end."""
        if self.job is None or self.job.started_at is None or self.job.completed_at is None:
            return None
        return _seconds(self.job.started_at, self.job.completed_at)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "document_id": self.document.id,
            "job_id": self.job.id if self.job else None,
            "title": self.title,
            "status": self.status,
            "error_type": self.job.error_type if self.job else None,
            "error_message": self.job.error_message if self.job else None,
            "seconds": self.seconds,
            "connections": self.connections,
            "output": self.output,
        }


def read_results(
    services: Services, user_id: UUID, jobs: Sequence[WatchedJob]
) -> list[ProcessedDocument]:
    """Read the rows as they are now; a deleted job counts as cancelled."""
    database = services.database
    ids = [one.document_id for one in jobs]
    counts = connection_counts(database, user_id, ids)
    documents = documents_by_id(database, user_id, ids)
    rows = {job.id: job for job in jobs_by_id(database, [one.job_id for one in jobs])}
    results = []
    for one in jobs:
        document = documents.get(one.document_id)
        if document is None:
            raise InvalidInputError(f"The document {one.document_id} was deleted meanwhile.")
        job = rows.get(one.job_id)
        status = job.status if job else JobStatus.CANCELLED
        output = job.output_data if job else {}
        results.append(ProcessedDocument(document, status, job, output, counts.get(document.id, 0)))
    return results


def show_results(services: Services, results: Sequence[ProcessedDocument], reused: int) -> None:
    """The table, and the best connections of what was processed."""
    if not results:
        return
    if console.is_terminal:
        console.print()
    show_table(
        None,
        ["document", "type", "status", "pages", "words", "chunks", "connections", "seconds"],
        [_row(result) for result in results],
    )
    if reused:
        console.print(f"\n{reused} of {len(results)} were known and done already; reused.")
    for result in results:
        if result.job is not None and result.job.error_message and result.status != "completed":
            console.print(
                f"[red]{escape(one_line(result.title))}[/red] ({result.job.error_type}): "
                f"{escape(one_line(result.job.error_message))}",
                soft_wrap=True,
            )
    _show_connections(services, results)


def _row(result: ProcessedDocument) -> list[object]:
    numbers = ("pageCount", "wordCount", "chunkCount")
    return [
        result.title,
        result.document.source_type,
        result.status.value,
        *(result.output.get(number) for number in numbers),
        result.connections if result.status is JobStatus.COMPLETED else None,
        result.seconds,
    ]


def _show_connections(services: Services, results: Sequence[ProcessedDocument]) -> None:
    best = best_connections(
        services.database,
        results[0].document.user_id,
        [result.document.id for result in results],
        SHOWN_CONNECTIONS,
    )
    if not best:
        return
    console.print("\n[bold]Some of the connections found[/bold]")
    for connection in best:
        _show_connection(connection)


def _show_connection(connection: ShownConnection) -> None:
    console.print(
        f"\n[cyan]{connection.strength:.2f}[/cyan] {connection.type.replace('_', ' ')}: "
        f"[bold]{escape(one_line(connection.source_title))}[/bold] ↔ "
        f"[bold]{escape(one_line(connection.target_title))}[/bold]"
    )
    for text in (connection.source_text, connection.target_text):
        console.print(Padding(f"“{escape(_snippet(text))}”", (0, 0, 0, 4)), style="dim")


def _snippet(text: str) -> str:
    flat = " ".join(_MARKUP.sub("", text).split())
    if len(flat) <= SNIPPET_CHARACTERS:
        return flat
    return flat[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
