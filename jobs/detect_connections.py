"""Connections anew, for a document that has everything else."""

from dagster import AssetSelection, define_asset_job

from assets import connections
from rhizome_pipelines.lifecycle.jobs import JobType

detect_connections = define_asset_job(
    name=JobType.DETECT_CONNECTIONS.value,
    selection=AssetSelection.assets(connections),
    description="Look for connections of one document that is processed already, with what is in "
    "the user's corpus now. The partition is the document's id.",
)
