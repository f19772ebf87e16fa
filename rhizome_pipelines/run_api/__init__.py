"""The one package that wraps Dagster's run API: launching runs, and asking what became of them."""

from rhizome_pipelines.run_api.runs import DagsterRuns
from rhizome_pipelines.run_api.source import RunSource, lasting_instance
from rhizome_pipelines.run_api.tags import (
    ATTEMPT_TAG,
    DOCUMENT_PARTITIONS,
    JOB_TAG,
    PARENT_TAG,
    PARTITION_TAG,
    TITLE_TAG,
    USER_TAG,
    run_request,
)

__all__ = [
    "ATTEMPT_TAG",
    "DOCUMENT_PARTITIONS",
    "JOB_TAG",
    "PARENT_TAG",
    "PARTITION_TAG",
    "TITLE_TAG",
    "USER_TAG",
    "DagsterRuns",
    "RunSource",
    "lasting_instance",
    "run_request",
]
