"""A document's connections made anew, or only added to."""

from dagster import Field, Noneable, Permissive

from jobs.asked import asked_job
from rhizome_pipelines.connections.reprocessing import ReprocessMode
from rhizome_pipelines.lifecycle.jobs import JobType
from rhizome_pipelines.lifecycle.stage_names import StageName

reprocess_connections = asked_job(
    JobType.REPROCESS_CONNECTIONS,
    {
        StageName.DETECTION: "What a person has judged written down first; then the document's "
        "chunks against the corpus, block by block; then old and new exchanged in one transaction.",
    },
    {
        "document_id": Field(
            str, is_required=False, default_value="", description="The document's id."
        ),
        "mode": Field(
            str,
            is_required=False,
            default_value=ReprocessMode.SMART.value,
            description="all: everything anew; smart: what a person has validated, starred or "
            "rejected stays; add_new: only documents newer than the newest connection.",
        ),
        "engines": Field(
            Noneable(Permissive()),  # type: ignore[no-untyped-call]
            is_required=False,
            default_value=None,
            description="Engines with their weights and thresholds. Default: as the settings say.",
        ),
        "preserveValidated": Field(
            bool,
            is_required=False,
            default_value=True,
            description="Whether smart leaves alone what was validated or starred.",
        ),
        "backupFirst": Field(
            bool,
            is_required=False,
            default_value=True,
            description="Whether judgements are written to a file, which is read back, before "
            "anything is deleted.",
        ),
    },
    description="Connections of one document anew: all of them, all that nobody has judged, or "
    "only those to newer documents. Readers see the old set or the new one.",
)
