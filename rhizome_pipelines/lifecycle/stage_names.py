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

# Measured on manuals of 100–1,200 pages as PDF and EPUB: of the time a PDF spends two thirds in
# extraction, an EPUB a tenth; connections take from a twentieth to a half, as the corpus grows.
STAGE_WEIGHTS: Mapping[StageName, float] = {
    StageName.EXTRACTION: 0.50,
    StageName.CHUNKING: 0.15,
    StageName.EMBEDDINGS: 0.15,
    StageName.CONNECTIONS: 0.20,
}
