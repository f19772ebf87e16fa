"""`rhizome detect`: connections of documents anew."""

from collections.abc import Sequence
from uuid import UUID

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.asking import fail_unless_completed, named_documents, see_through
from rhizome_pipelines.cli.output import show_json, show_table, told
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.overview import connection_counts
from rhizome_pipelines.lifecycle.jobs import JobType


def detect_for(document_ids: Sequence[UUID], *, as_json: bool) -> None:
    """Look for connections of each of the documents; fail if any of it failed."""
    with told(), asked_to_end(), context.services() as services:
        jobs = JobRepository(services.database)
        asked = []
        for document in named_documents(services, document_ids):
            title = document.known_title or str(document.id)
            job = jobs.insert(
                document.user_id,
                JobType.DETECT_CONNECTIONS,
                document_id=document.id,
                input_data={"document_id": str(document.id)},
                metadata={"documentId": str(document.id), "title": title},
            )
            asked.append(WatchedJob(job.id, document.id, title))
        ended = see_through(services, asked, quiet=as_json)
        ids = [one.document_id for one in asked]
        counts = connection_counts(services.database, services.settings.user, ids)
    if as_json:
        show_json([one.as_json() for one in ended])
    else:
        show_table(
            None,
            ["document", "status", "connections"],
            [
                [one.label, one.status.value, counts.get(document_id, 0)]
                for one, document_id in zip(ended, ids, strict=True)
            ],
        )
    fail_unless_completed(ended)
