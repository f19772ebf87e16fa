"""`rhizome detect` and `rhizome reprocess`: connections of documents anew."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.asking import Ended, chosen_documents, fail_unless_completed, see_through
from rhizome_pipelines.cli.output import mention, show_json, show_table, told
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.connections.reprocessing import ReprocessWish
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.touching import connection_counts
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document, DocumentStatus
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.wording import some


def detect_for(
    named: Sequence[str], chunk_ids: Sequence[UUID], *, everything: bool, as_json: bool
) -> None:
    """Look for connections of each of the documents; fail if any of it failed.

    `everything`: of all that are processed. `chunk_ids`: of the only document, those that are
    looked at; all if there are none.
    """
    with told(), asked_to_end(), context.services() as services:
        if chunk_ids and len(named) != 1:
            raise InvalidInputError("Chunks are named of one document; name it, and only it.")
        wish = {"chunk_ids": [str(one) for one in chunk_ids]} if chunk_ids else {}
        documents = _processed(services, named, everything)
        asking = _ask_each(services, documents, JobType.DETECT_CONNECTIONS, wish)
        ended = see_through(services, asking, quiet=as_json)
        ids = [document.id for document in documents]
        counts = connection_counts(services.database, services.settings.user, ids)
    columns = ["document", "status", "connections"]
    rows = [
        [one.label, one.status.value, counts.get(document_id, 0)]
        for one, document_id in zip(ended, ids, strict=True)
    ]
    _show(ended, ids, columns, rows, as_json)


def reprocess(named: Sequence[str], mode: str, *, everything: bool, as_json: bool) -> None:
    """Make the connections of each of the documents anew; fail if any of it failed.

    `everything`: of all that are processed.
    """
    with told(), asked_to_end(), context.services() as services:
        wish = {"mode": ReprocessWish.read({"mode": mode}).mode.value}
        documents = _processed(services, named, everything)
        asking = _ask_each(services, documents, JobType.REPROCESS_CONNECTIONS, wish)
        ended = see_through(services, asking, quiet=as_json)
    ids = [document.id for document in documents]
    columns = ["document", "status", "before", "deleted", "created", "after", "backup"]
    told_of = (
        "connectionsBefore",
        "connectionsDeleted",
        "connectionsCreated",
        "connectionsAfter",
        "backupPath",
    )
    rows = [
        [one.label, one.status.value, *(one.output.get(name) for name in told_of)] for one in ended
    ]
    _show(ended, ids, columns, rows, as_json)


def _processed(services: Services, ids: Sequence[str], everything: bool) -> Sequence[Document]:
    """Those named; of all, those that have been processed."""
    found = chosen_documents(services, ids, everything)
    if not everything:
        return found
    processed = [one for one in found if one.processing_status == DocumentStatus.COMPLETED]
    if not processed:
        raise InvalidInputError("No document has been processed yet; see `rhizome process --help`.")
    if left_out := len(found) - len(processed):
        mention(
            f"{some(left_out, 'document')} left out, not processed yet; see `rhizome documents "
            "list`. Named by id, a document is taken as it is."
        )
    return processed


def _ask_each(
    services: Services, documents: Sequence[Document], job_type: JobType, more: Mapping[str, Any]
) -> Iterator[WatchedJob]:
    jobs = JobRepository(services.database)
    for document in documents:
        title = document.known_title or str(document.id)
        job = jobs.insert(
            document.user_id,
            job_type,
            document_id=document.id,
            input_data={"document_id": str(document.id), **more},
            metadata={"documentId": str(document.id), "title": title},
        )
        yield WatchedJob(job.id, document.id, title)


def _show(
    ended: Sequence[Ended],
    document_ids: Sequence[UUID],
    columns: list[str],
    rows: Sequence[list[Any]],
    as_json: bool,
) -> None:
    if as_json:
        show_json([one.as_json(about) for one, about in zip(ended, document_ids, strict=True)])
    else:
        show_table(None, columns, rows)
    fail_unless_completed(ended)
