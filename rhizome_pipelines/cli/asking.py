"""What the commands share that ask for jobs and stay until they are over."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import typer

from rhizome_pipelines.cli.identifying import DOCUMENT
from rhizome_pipelines.cli.interruption import told_what_becomes, work_through
from rhizome_pipelines.cli.output import EXIT_FAILED, complain
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.database.documents import DocumentRepository
from rhizome_pipelines.database.overview import jobs_by_id
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobStatus
from rhizome_pipelines.transfer.inputs import MAX_DOCUMENTS


@dataclass(frozen=True)
class Ended:
    """A job as it is when nobody works on it any more; None if it was deleted meanwhile."""

    job_id: UUID
    label: str
    job: Job | None

    @property
    def status(self) -> JobStatus:
        """A deleted job counts as cancelled."""
        return JobStatus.CANCELLED if self.job is None else self.job.status

    @property
    def output(self) -> Mapping[str, Any]:
        """`output_data`, {} unless it is completed."""
        return self.job.output_data if self.job is not None else {}

    def as_json(self, document_id: UUID | None = None) -> dict[str, Any]:
        """For programs. `document_id`: what the job is about, if it is about a document.

        The ids stand in the output too, named as what stands there.
        """
        about = {} if document_id is None else {"document_id": document_id}
        ids = {"jobId": self.job_id} | ({} if document_id is None else {"documentId": document_id})
        return {
            **about,
            "job_id": self.job_id,
            "status": self.status,
            "error_type": self.job.error_type if self.job else None,
            "error_message": self.job.error_message if self.job else None,
            "output": {**self.output, **ids},
        }


def see_through(services: Services, asking: Iterator[WatchedJob], *, quiet: bool) -> list[Ended]:
    """Ask for the jobs, stay until they are over, and show meanwhile how far they are.

    `asking` inserts a job's row and gives the job, one after the other. See `work_through`: where
    that gives up, it is said why, and the jobs are as they are then. Raises KeyboardInterrupt with
    a sentence on what becomes of those that were asked for.
    """
    asked: list[WatchedJob] = []
    with told_what_becomes(services, asked):
        for one in asking:
            asked.append(one)
        gave_up = work_through(services, asked, quiet=quiet)
    rows = {job.id: job for job in jobs_by_id(services.database, [one.job_id for one in asked])}
    if gave_up is not None:
        complain(gave_up.message)
    return [Ended(one.job_id, one.label, rows.get(one.job_id)) for one in asked]


def fail_unless_completed(ended: Sequence[Ended]) -> None:
    """Tell why what has not been completed was not, and exit with a failure then."""
    failed = [one for one in ended if one.status is not JobStatus.COMPLETED]
    for one in failed:
        why = one.job.error_message if one.job is not None else "the job was deleted meanwhile"
        complain(f"{one.label}: {why or f'the job is {one.status}'}")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def named_documents(services: Services, ids: Sequence[str]) -> list[Document]:
    """The user's documents of these ids, or whose ids begin so, each once.

    Raises InvalidInputError for an unknown one.
    """
    documents, user = DocumentRepository(services.database), services.settings.user
    found = []
    for document_id in dict.fromkeys(DOCUMENT.resolve(services, text, user) for text in ids):
        document = documents.get(user, document_id)
        if document is None:
            raise InvalidInputError(
                f"There is no document {document_id} of this user; see `rhizome documents list`."
            )
        found.append(document)
    return found


def chosen_documents(
    services: Services, ids: Sequence[str], everything: bool
) -> Sequence[Document]:
    """Those named, or all of the user's. Raises InvalidInputError for both, and for neither."""
    if everything == bool(ids):
        raise InvalidInputError("Name the documents, or say --all.")
    if not everything:
        return named_documents(services, ids)
    found = DocumentRepository(services.database).list(
        services.settings.user, limit=MAX_DOCUMENTS + 1
    )
    if not found:
        raise InvalidInputError("There is no document yet; see `rhizome process --help`.")
    if len(found) > MAX_DOCUMENTS:
        raise InvalidInputError(
            f"There are more than {MAX_DOCUMENTS:,} documents, which is the most that one command "
            "takes (and one archive holds); name them in several."
        )
    return found
