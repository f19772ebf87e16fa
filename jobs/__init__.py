"""Jobs, one module a family, named exactly as the job types of `background_jobs`.

Asset jobs select assets; the others are made of ops, one a stage (`jobs/asked.py`).
Housekeeping is nobody's wish: its jobs have no rows, and names that are no job types.
"""

from dagster import JobDefinition
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from jobs.clean_up import clean_up_storage
from jobs.detect_connections import detect_connections
from jobs.export_documents import export_documents
from jobs.import_document import import_document
from jobs.process_document import process_document
from jobs.purge_history import purge_history
from jobs.reprocess_connections import reprocess_connections

Job = JobDefinition | UnresolvedAssetJobDefinition

WISHED_JOBS: list[Job] = [
    process_document,
    detect_connections,
    export_documents,
    import_document,
    reprocess_connections,
]
"""Those that rows of `background_jobs` ask for."""

JOBS: list[Job] = [*WISHED_JOBS, purge_history, clean_up_storage]

__all__ = [
    "JOBS",
    "WISHED_JOBS",
    "clean_up_storage",
    "detect_connections",
    "export_documents",
    "import_document",
    "process_document",
    "purge_history",
    "reprocess_connections",
]
