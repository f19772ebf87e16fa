"""What a job is about, in a few words for a person."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from uuid import UUID

from rhizome_pipelines.database.overview import documents_by_id
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import DISPLAY, Job, JobType
from rhizome_pipelines.lifecycle.wording import some


def titles(services: Services, jobs: Sequence[Job]) -> Mapping[UUID, str]:
    """By job: what its client calls it, or its document's title, or what it works on."""
    unnamed = [job for job in jobs if _given(job) is None]
    wanted = {(job.user_id, one) for job in unnamed if (one := _document(job)) is not None}
    known: dict[UUID, str | None] = {}
    for user_id in {user for user, _ in wanted}:
        ids = [one for user, one in wanted if user == user_id]
        found = documents_by_id(services.database, user_id, ids)
        known |= {document.id: document.known_title for document in found.values()}
    return {job.id: _given(job) or _told(job, known) for job in jobs}


def _given(job: Job) -> str | None:
    """The title that extraction has found, or what the client calls it.

    An import's output has the title of its first document, which is not what the import is.
    """
    is_import = JobType.parse(job.job_type) is JobType.IMPORT_DOCUMENT
    found = None if is_import else job.output_data.get("documentTitle")
    named = found or job.metadata.get("title")
    return None if not named else str(named)


def _told(job: Job, documents: Mapping[UUID, str | None]) -> str:
    document_id = _document(job)
    if document_id is not None:
        return documents.get(document_id) or str(document_id)
    job_type = JobType.parse(job.job_type)
    stored, ids = job.input_data.get("storage_path"), job.input_data.get("document_ids")
    if job_type is JobType.IMPORT_DOCUMENT and isinstance(stored, str) and stored:
        return PurePosixPath(stored).name
    if job_type is JobType.EXPORT_DOCUMENTS and isinstance(ids, list) and ids:
        return some(len(ids), "document")
    return DISPLAY[job_type].name if job_type else "–"


def _document(job: Job) -> UUID | None:
    """The one document that the job is about; an import's or export's, if it is of only one."""
    named = job.entity_id or job.input_data.get("document_id")
    ids = job.input_data.get("document_ids")
    if named is None and isinstance(ids, list) and len(ids) == 1:
        named = ids[0]
    try:
        return None if named is None else UUID(str(named))
    except ValueError:
        return None
