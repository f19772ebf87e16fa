"""Jobs, one module a family, named exactly as the job types of `background_jobs`.

Asset jobs select assets; ops jobs (import, export, reprocess, …) will stand beside them.
"""

from jobs.process_document import process_document

JOBS = [process_document]

__all__ = ["JOBS", "process_document"]
