"""Documents out of the library, into one archive."""

from dagster import Field

from jobs.asked import asked_job
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.transfer.inputs import ExportFormat

export_documents = asked_job(
    JobType.EXPORT_DOCUMENTS,
    {
        StageName.ARCHIVE: "Each document's files and rows into its part of the archive, streamed "
        "from storage to storage; then the parts put together, with a manifest of hashes.",
    },
    {
        "document_ids": Field(
            [str],
            is_required=False,
            default_value=[],
            description="Ids of the documents, in the order in which they go in.",
        ),
        "includeConnections": Field(
            bool,
            is_required=False,
            default_value=False,
            description="Whether connections between them go in too.",
        ),
        "includeAnnotations": Field(
            bool,
            is_required=False,
            default_value=False,
            description="Whether highlights and notes go in too.",
        ),
        "format": Field(
            str,
            is_required=False,
            default_value=ExportFormat.ZIP.value,
            description=f"What the archive holds: {', '.join(ExportFormat)}. zip: everything, to "
            "be imported again; markdown: a readable note a document; parquet: tables for pandas.",
        ),
    },
    description="Documents with all that belongs to them into one archive in the storage. A "
    "stopped export goes on with the next document and gives the same archive.",
)
