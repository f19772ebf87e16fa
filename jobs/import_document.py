"""Documents out of an archive into the library."""

from dagster import Field

from jobs.asked import asked_job
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName
from rhizome_pipelines.transfer.inputs import ImportStrategy

import_document = asked_job(
    JobType.IMPORT_DOCUMENT,
    {
        StageName.READING: "The archive looked through, whole: names, sizes, hashes, versions; and "
        "what is to be done with each document.",
        StageName.APPLICATION: "The rows of all documents, in one transaction.",
        StageName.FILES: "The documents' files into the storage.",
    },
    {
        "storage_path": Field(
            str,
            is_required=False,
            default_value="",
            description="Storage key of an archive (….zip) or a chunks.json, below the user's id.",
        ),
        "document_id": Field(
            str,
            is_required=False,
            default_value="",
            description="Only this document of the archive; without storage_path, the chunks.json "
            "that lies with it in the storage.",
        ),
        "strategy": Field(
            str,
            is_required=False,
            default_value=ImportStrategy.SKIP.value,
            description="What becomes of a document that is there already: skip (it stays), "
            "replace (its rows go, those of the archive come), merge_smart (only what is said "
            "about its chunks is taken over).",
        ),
        "regenerateEmbeddings": Field(
            bool,
            is_required=False,
            default_value=False,
            description="Embed anew, though vectors of the model in use come along.",
        ),
        "reprocessConnections": Field(
            bool,
            is_required=False,
            default_value=False,
            description="Ask for a detect_connections job for each document that has changed.",
        ),
    },
    description="Read chunks.json and all that belongs to it back into the database. The archive "
    "is refused whole or taken whole.",
)
