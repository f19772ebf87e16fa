"""The document's stages as partitioned assets, and their checks. Thin: each names its stage.

What a stage does is in `rhizome_pipelines`; how it is shown in Dagster is here.
"""

from assets.document import DOCUMENT_ASSETS, connections, documents

__all__ = ["DOCUMENT_ASSETS", "connections", "documents"]
