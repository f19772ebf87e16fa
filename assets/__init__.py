"""The document's stages as partitioned assets, and their checks. Thin: each names its stage.

What a stage does is in `rhizome_pipelines`; how it is shown in Dagster is here.
"""

from assets.document import CHECKPOINT_TYPE, DOCUMENT_ASSETS, connections, documents
from assets.materialization import walked
from assets.previews import stage_metadata

__all__ = [
    "CHECKPOINT_TYPE",
    "DOCUMENT_ASSETS",
    "connections",
    "documents",
    "stage_metadata",
    "walked",
]
