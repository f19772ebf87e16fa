"""A job that a row asks for, in a real deployment: its seconds, and what its process has used."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.deployment import Home
from benchmarks.workshop import CannotMeasureError
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import dagster_database_url
from rhizome_pipelines.lifecycle.jobs import Job, JobType

_PATIENCE = 30.0
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Asked:
    """A completed job. `seconds`: from its first line of work to its end; `peak` in bytes."""

    job: Job
    seconds: float
    peak: float

    def stage_seconds(self, before: str, stage: str) -> float:
        """Seconds between the ends of two stages that follow each other."""
        ends: Mapping[str, str] = self.job.progress["stage_timestamps"]
        began, ended = (datetime.fromisoformat(ends[name]) for name in (before, stage))
        return (ended - began).total_seconds()


def asked(home: Home, user: UUID, job_type: JobType, limit: float, **wanted: Any) -> Asked:
    """Insert the row and wait. Raises CannotMeasureError if it does not come to its end."""
    job = JobRepository(home.services.database).insert(user, job_type, input_data=wanted)
    done = home.wait(job.id, limit)
    if done.started_at is None or done.completed_at is None:
        raise CannotMeasureError("The job that is being measured tells no times.")
    (attempt,) = home.services.database.all(
        "select run_id from job_attempts where job_id = %s", (job.id,)
    )
    seconds = (done.completed_at - done.started_at).total_seconds()
    return Asked(done, seconds, _peak(home, str(attempt["run_id"])))


def _peak(home: Home, run_id: str) -> float:
    """Resident memory of the run's process at its highest, as its launcher has it, in bytes."""
    url = dagster_database_url(home.services.settings).replace("postgresql+psycopg2", "postgresql")
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(
                "select value from run_tags where run_id = %s and key = 'warm/peak_memory_mb'",
                (run_id,),
            ).fetchone()
            if row is not None:
                return float(row[0]) * MEGABYTE
            time.sleep(0.2)
    raise CannotMeasureError("The launcher tells no memory of the run that is being measured.")
