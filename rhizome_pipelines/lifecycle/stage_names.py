"""The stages of a document, in order, and the share of the whole job's time that each takes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class StageName(StrEnum):
    """Stages of `process_document`; also the names of the Dagster assets."""

    EXTRACTION = "extraction"
    CHUNKING = "chunking"
    EMBEDDINGS = "embeddings"
    CONNECTIONS = "connections"


DOCUMENT_STAGES: Sequence[StageName] = tuple(StageName)

STAGE_WEIGHTS: Mapping[StageName, float] = {
    StageName.EXTRACTION: 0.45,
    StageName.CHUNKING: 0.15,
    StageName.EMBEDDINGS: 0.25,
    StageName.CONNECTIONS: 0.15,
}
