"""Jobs in a real database, their clients in plain SQL, and their workers as an attempt writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.control import DatabaseControl
from rhizome_pipelines.database.documents import DocumentRepository, NewDocument
from rhizome_pipelines.database.guarded import GuardedJob, OwnershipLostError
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document, SourceType
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptOutcome
from rhizome_pipelines.lifecycle.launch import LaunchRequest
from rhizome_pipelines.stages.stage import StopReason

Row = Mapping[str, Any]

_OUTCOMES = {
    StopReason.PAUSED: AttemptOutcome.PAUSED,
    StopReason.CANCELLED: AttemptOutcome.CANCELLED,
    StopReason.SUPERSEDED: AttemptOutcome.SUPERSEDED,
}


@dataclass
class Worker:
    """The process of one run. It may be silent for ever, and it may come back at any time."""

    services: Services
    request: LaunchRequest
    document: Document

    def __post_init__(self) -> None:
        job, number = self.request.job_id, self.request.attempt
        self.guard = GuardedJob(self.services.database, job, number)
        self._control = DatabaseControl(self.services.database, job, number)
        self._attempts = AttemptRepository(self.services.database)

    @property
    def run_id(self) -> str:
        return str(self.request.run_id)

    def begin(self) -> bool:
        """Its first line of stage code; False if it has lost the job."""
        return self._attempts.started(self.request.job_id, self.request.attempt)

    def writes(self) -> Mapping[str, Callable[[], None]]:
        """All that a worker may write without asking first."""
        return {
            "heartbeat": self.guard.heartbeat,
            "progress": lambda: self.guard.progress({"percent": 50, "stage": "extraction"}),
            "pointer": lambda: self.guard.pointer("extraction", self._part, "0" * 16),
            "complete": self._complete,
            "fail, to be tried again": lambda: self.guard.fail(
                ErrorType.TRANSIENT, "The server is busy.", retry_after=20.0
            ),
            "fail for good": lambda: self.guard.fail(ErrorType.PERMANENT, "It is damaged."),
        }

    def keep_part(self) -> bool:
        """Ask, write a part, tell; False if it was told to stop, and has."""
        if self.stops():
            return False
        self.services.objects.write(self._part, b"a part")
        self.guard.pointer("extraction", self._part, "0" * 16)
        return True

    def stops(self) -> bool:
        """Ask control, and end the attempt if it is not wanted any more."""
        reason = self._control.ask()
        if reason is None:
            return False
        self._attempts.end(self.request.job_id, self.request.attempt, _OUTCOMES[reason])
        return True

    def finish(self) -> None:
        """Do what is left of the job, or stop."""
        try:
            if self.begin() and self.keep_part():
                self._complete()
        except OwnershipLostError:
            pass
        self.stops()

    def _complete(self) -> None:
        self.guard.complete({})
        self.services.checkpoints(self.document).discard_all()

    @property
    def _part(self) -> str:
        return self.services.checkpoints(self.document).keys.part("extraction", "pages-1-16")


class JobWorld:
    """The rows of all jobs and attempts, as a client and a person at psql see them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._database = services.database
        self.documents: dict[UUID, Document] = {}

    def empty(self) -> None:
        """Forget what another example has left."""
        self.documents.clear()
        for table in ("background_jobs", "job_attempts", "documents"):
            self._database.execute(f"delete from {table}")  # type: ignore[arg-type]

    def insert(self, job_id: UUID, user_id: UUID) -> None:
        """A client wants a document processed; the id may be one that was used before."""
        if job_id not in self.documents:
            self.documents[job_id] = DocumentRepository(self._database).insert(
                NewDocument(user_id, SourceType.PDF, title="On rhizomes")
            )
        self._database.execute(
            "insert into background_jobs (id, user_id, job_type, entity_type, entity_id) "
            "values (%s, %s, 'process_document', 'document', %s)",
            (job_id, user_id, self.documents[job_id].id),
        )

    def row(self, job_id: UUID) -> Row | None:
        return self._database.first("select * from background_jobs where id = %s", (job_id,))

    def rows(self) -> Mapping[UUID, Row]:
        """All jobs."""
        rows = self._database.all("select * from background_jobs")
        return {row["id"]: row for row in rows}

    def attempts(self, job_id: UUID | None = None) -> list[Row]:
        """Of one job, or of all."""
        return self._database.all(
            "select * from job_attempts where %(job)s::uuid is null or job_id = %(job)s "
            "order by job_id, number",
            {"job": job_id},
        )

    def snapshot(self) -> tuple[Mapping[UUID, Row], list[Row]]:
        """All that a write might change."""
        return self.rows(), self.attempts()

    def checkpoints(self, job_id: UUID) -> list[str]:
        """What is stored of the job's document to go on from."""
        prefix = self.services.checkpoints(self.documents[job_id]).keys.prefix
        return [info.key for info in self.services.objects.list(prefix)]

    def pass_time(self, seconds: float) -> None:
        """The database's clock cannot be moved: all that has happened happened earlier instead."""
        by = {"by": f"{seconds} seconds"}
        self._database.execute(
            """
            update job_attempts
            set created_at = created_at - %(by)s::interval,
                heartbeat_at = heartbeat_at - %(by)s::interval,
                job_deleted_at = job_deleted_at - %(by)s::interval
            """,
            by,
        )
        self._database.execute(
            """
            update background_jobs
            set status_changed_at = status_changed_at - %(by)s::interval,
                next_retry_at = next_retry_at - %(by)s::interval
            """,
            by,
        )
