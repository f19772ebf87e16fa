"""The main job: a document through all its stages."""

from dagster import AssetSelection, define_asset_job

from assets import DOCUMENT_ASSETS
from rhizome_pipelines.lifecycle.jobs import JobType

process_document = define_asset_job(
    name=JobType.PROCESS_DOCUMENT.value,
    selection=AssetSelection.assets(*DOCUMENT_ASSETS),
    description="Turn one document into markdown, chunks, embeddings and connections. The "
    "partition is the document's id.",
)
