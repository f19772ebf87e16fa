"""Annotations: finds again what a person has marked when a document's text has changed.

Here live the alignment of an old and a new text, the searches, the decision how sure a place is,
and the file `annotations.json`. Not here: how annotations are read and written (`AnchorStore`),
and when a text changes.
"""

from rhizome_pipelines.annotations.archive import (
    StoredAnnotation,
    annotations_document,
    annotations_from,
)
from rhizome_pipelines.annotations.model import (
    AUTOMATIC,
    Anchor,
    AnchorStore,
    ChunkText,
    Pointer,
    ReanchorReport,
    Recovery,
    RecoveryMethod,
)
from rhizome_pipelines.annotations.reanchoring import reanchor_document

__all__ = [
    "AUTOMATIC",
    "Anchor",
    "AnchorStore",
    "ChunkText",
    "Pointer",
    "ReanchorReport",
    "Recovery",
    "RecoveryMethod",
    "StoredAnnotation",
    "annotations_document",
    "annotations_from",
    "reanchor_document",
]
