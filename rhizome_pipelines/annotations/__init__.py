"""Annotations: finds again what a person has marked when a document's text has changed.

Here live the alignment of an old and a new text, the searches, and the decision how sure a place
is. Not here: how annotations are read and written (`AnchorStore`), how they travel in archives
(`transfer`), and when a text changes.
"""

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
    "reanchor_document",
]
