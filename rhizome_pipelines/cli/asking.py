"""What the commands share that ask for jobs and stay until they are over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import typer

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

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "job_id": self.job_id,
            "status": self.status,
            "error_type": self.job.error_type if self.job else None,
            "error_message": self.job.error_message if self.job else None,
            "output": self.output,
        }


def see_through(services: Services, asked: Sequence[WatchedJob], *, quiet: bool) -> list[Ended]:
    """Stay until the jobs are over, and show meanwhile how far they are.

    Uses the deployment that is up, and starts one for as long as needed if there is none.
    """
    # Late: who asks for help waits for none of this.
    from rhizome_pipelines.cli.watching import watch  # noqa: PLC0415
    from rhizome_pipelines.deployment.workforce import workforce  # noqa: PLC0415

    with workforce(services) as workers:
        watch(services, asked, workers, quiet=quiet)
    rows = {job.id: job for job in jobs_by_id(services.database, [one.job_id for one in asked])}
    return [Ended(one.job_id, one.label, rows.get(one.job_id)) for one in asked]


def fail_unless_completed(ended: Sequence[Ended]) -> None:
    """Tell why what has not been completed was not, and exit with a failure then."""
    failed = [one for one in ended if one.status is not JobStatus.COMPLETED]
    for one in failed:
        why = one.job.error_message if one.job is not None else "the job was deleted meanwhile"
        complain(f"{one.label}: {why or f'the job is {one.status}'}")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def named_documents(services: Services, ids: Sequence[UUID]) -> list[Document]:
    """The user's documents of these ids, each once. Raises InvalidInputError for an unknown one."""
    documents = DocumentRepository(services.database)
    found = []
    for document_id in dict.fromkeys(ids):
        document = documents.get(services.settings.user, document_id)
        if document is None:
            raise InvalidInputError(
                f"There is no document {document_id} of this user; see `rhizome documents list`."
            )
        found.append(document)
    return found


def chosen_documents(
    services: Services, ids: Sequence[UUID], everything: bool
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
