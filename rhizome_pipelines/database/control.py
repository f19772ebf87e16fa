"""`Control` over the job's row: what its owner wishes now."""

from uuid import UUID

from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.lifecycle.jobs import JobStatus
from rhizome_pipelines.stages.stage import StopReason


class DatabaseControl:
    """Asks the row by its primary key, each time; nothing is remembered between two questions."""

    def __init__(self, database: Database, job_id: UUID, number: int) -> None:
        self._database = database
        self._job_id = job_id
        self._number = number

    def ask(self) -> StopReason | None:
        """Why this attempt must stop, or None. Raises TransientError if nobody can be asked."""
        row = self._database.first(
            "select status, current_attempt from background_jobs where id = %s", (self._job_id,)
        )
        if row is None:
            return StopReason.CANCELLED
        if row["current_attempt"] != self._number:
            return StopReason.SUPERSEDED
        match row["status"]:
            case JobStatus.PROCESSING:
                return None
            case JobStatus.PAUSED:
                return StopReason.PAUSED
            case JobStatus.CANCELLED:
                return StopReason.CANCELLED
            case _:
                # forced to fail, or already waiting for another attempt
                return StopReason.SUPERSEDED
