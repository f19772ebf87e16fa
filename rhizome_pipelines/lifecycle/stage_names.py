"""The stages of each job type, in order, and the share of the whole job's time that each takes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from rhizome_pipelines.lifecycle.jobs import JobType


class StageName(StrEnum):
    """Stages of jobs; also the names of the Dagster assets and ops that walk them."""

    EXTRACTION = "extraction"
    CHUNKING = "chunking"
    EMBEDDINGS = "embeddings"
    CONNECTIONS = "connections"
    ARCHIVE = "archive"
    READING = "reading"
    APPLICATION = "application"
    FILES = "files"
    DETECTION = "detection"


DOCUMENT_STAGES: Sequence[StageName] = (
    StageName.EXTRACTION,
    StageName.CHUNKING,
    StageName.EMBEDDINGS,
    StageName.CONNECTIONS,
)

JOB_STAGES: Mapping[JobType, Sequence[StageName]] = {
    JobType.PROCESS_DOCUMENT: DOCUMENT_STAGES,
    JobType.DETECT_CONNECTIONS: (StageName.CONNECTIONS,),
    JobType.REPROCESS_CONNECTIONS: (StageName.DETECTION,),
    JobType.EXPORT_DOCUMENTS: (StageName.ARCHIVE,),
    JobType.IMPORT_DOCUMENT: (StageName.READING, StageName.APPLICATION, StageName.FILES),
}
"""All stages of a job type; a job's input may leave some out. The types that are offered."""

ASSET_JOBS = frozenset({JobType.PROCESS_DOCUMENT, JobType.DETECT_CONNECTIONS})
"""Job types whose stages are assets, partitioned by document; those of the others are ops."""

# Measured on manuals of 100–1,200 pages as PDF and EPUB: of the time a PDF spends two thirds in
# extraction, an EPUB a tenth; connections take from a twentieth to a half, as the corpus grows.
STAGE_WEIGHTS: Mapping[StageName, float] = {
    StageName.EXTRACTION: 0.50,
    StageName.CHUNKING: 0.15,
    StageName.EMBEDDINGS: 0.15,
    StageName.CONNECTIONS: 0.20,
    StageName.ARCHIVE: 1.0,
    StageName.READING: 0.25,
    StageName.APPLICATION: 0.50,
    StageName.FILES: 0.25,
    StageName.DETECTION: 1.0,
}
"""Relative to the other stages of the same job."""
