"""What can be said of a job by its row alone: that its type is offered, and its input of use.

Asked before a job waits for anything: for room, for another job about its document, for a provider.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, field_validator

from rhizome_pipelines.lifecycle.documents import SourceType
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Job, JobType
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES

_BOOLEAN = "must be true or false"
_TEXT = "must be a text"

_Switch = Annotated[StrictBool | None, Field(description=_BOOLEAN)]
_Text = Annotated[str | None, Field(strict=True, description=_TEXT)]


class _AboutDocument(BaseModel):
    """What every job about one document may name. `description`: what is allowed, in words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    document_id: Annotated[
        UUID | None, Field(description="must be a document's id, which is a UUID")
    ] = None


class _ProcessInput(_AboutDocument):
    """`process_document`, as clients write it. Keys that are not known here are passed over."""

    storage_path: _Text = None
    source_type: Annotated[
        SourceType | None, Field(description=f"must be one of {', '.join(SourceType)}")
    ] = None
    source_url: _Text = None
    pasted_content: _Text = None
    reviewBeforeChunking: _Switch = None  # noqa: N815 - as clients write it
    enrichChunks: _Switch = None  # noqa: N815
    detectConnections: _Switch = None  # noqa: N815

    @field_validator("source_type", mode="before")
    @classmethod
    def _empty_is_not_given(cls, value: object) -> object:
        return None if value == "" else value


_INPUTS: Mapping[JobType, type[_AboutDocument]] = {
    JobType.PROCESS_DOCUMENT: _ProcessInput,
    JobType.DETECT_CONNECTIONS: _AboutDocument,
    JobType.REPROCESS_CONNECTIONS: _AboutDocument,
    JobType.IMPORT_DOCUMENT: _AboutDocument,
}
"""Of the jobs about one document; what else those of ops are asked for, their work reads."""


def offered_type(job: Job) -> JobType:
    """The job's type, if jobs of it can be done and its input can be used.

    Raises InvalidInputError.
    """
    job_type = JobType.parse(job.job_type)
    if job_type is None or job_type not in JOB_STAGES:
        named = repr(job.job_type[:60])
        raise InvalidInputError(
            (
                f"There is no job type {named}"
                if job_type is None
                else f"Jobs of the type {named} are not offered by this version"
            )
            + f"; it can do {', '.join(sorted(JOB_STAGES))}."
        )
    if not job.input_is_object:
        raise InvalidInputError(
            "The job's input_data cannot be used: it must be a JSON object, such as "
            '{"document_id": "…"}.'
        )
    if job_type in _INPUTS:
        _one_document(job, _read(_INPUTS[job_type], job.input_data))
    return job_type


def _read(model: type[_AboutDocument], given: Mapping[str, Any]) -> _AboutDocument:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        # Of several faults in one value only the first: the sentence says what is allowed.
        wrong = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors())
        told = "; ".join(f"{key} {model.model_fields[key].description}" for key in wrong)
        raise InvalidInputError(f"The job's input_data cannot be used: {told}.") from None


def _one_document(job: Job, given: _AboutDocument) -> None:
    if job.entity_id is None or given.document_id in (None, job.entity_id):
        return
    raise InvalidInputError(
        f"The job names two documents: its entity_id is {job.entity_id}, and "
        f"input_data.document_id is {given.document_id}. Name the same in both, or leave one out."
    )
