"""Jobs, one module a family, named exactly as the job types of `background_jobs`.

Asset jobs select assets; ops jobs (import, export, reprocess, …) will stand beside them.
Housekeeping is nobody's wish: its jobs have no rows, and names that are no job types.
"""

from dagster import JobDefinition
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from jobs.clean_up import clean_up_storage
from jobs.detect_connections import detect_connections
from jobs.process_document import process_document
from jobs.purge_history import purge_history

JOBS: list[JobDefinition | UnresolvedAssetJobDefinition] = [
    process_document,
    detect_connections,
    purge_history,
    clean_up_storage,
]

WISHED_JOBS = [process_document, detect_connections]
"""Those that rows of `background_jobs` ask for."""

__all__ = [
    "JOBS",
    "WISHED_JOBS",
    "clean_up_storage",
    "detect_connections",
    "process_document",
    "purge_history",
]
