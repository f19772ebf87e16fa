"""Runs launched elsewhere (in Dagster's UI, by `dagster job execute`) get their job."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from rhizome_pipelines.database.connection import Connection, Database
from rhizome_pipelines.database.rows import attempt_from
from rhizome_pipelines.database.succession import take_next
from rhizome_pipelines.lifecycle.errors import InvalidInputError
from rhizome_pipelines.lifecycle.jobs import Attempt, AttemptTrigger, JobType

SILENCE = 30.0
"""Seconds without a sign of life after which an attempt counts as dead."""


@dataclass(frozen=True)
class ForeignRun:
    """A run that nobody here has asked for.

    `parent_run_id`: the run of which it is a re-execution. `document_id`: what it works on, where
    it is about a document. `user_id`: whose job it is where there is no document.
    """

    run_id: str
    job_type: JobType
    document_id: UUID | None = None
    user_id: UUID | None = None
    parent_run_id: str | None = None
    input_data: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


def adopt(database: Database, run: ForeignRun) -> Attempt:
    """Give the run a job, in one transaction, before it works; asked again, the same attempt.

    A re-execution, and a run about a document whose newest job of that type is unfinished, take
    that job's next number; else a new job is inserted as processing, with attempt 1. Raises
    InvalidInputError for an unknown document, and while another attempt of the job is alive or
    about to be.
    """
    with database.transaction() as connection:
        known = _first(connection, _BY_RUN, {"run": run.run_id})
        if known is not None:
            return attempt_from(known)
        user_id = _owner(connection, run)
        job = _job(connection, run, user_id)
        _refuse_if_taken(connection, run, job)
        if job is None:
            job_id = _insert(connection, run, user_id)
        else:
            job_id = job["id"]
            connection.execute(_CLAIM, {"job": job_id, "input": Jsonb(dict(run.input_data))})
        attempt = take_next(connection, job_id, AttemptTrigger.UI)
        connection.execute(
            "update job_attempts set run_id = %s where job_id = %s and number = %s",
            (run.run_id, attempt.job_id, attempt.number),
        )
        return replace(attempt, run_id=run.run_id)


def _owner(connection: Connection, run: ForeignRun) -> UUID:
    """Whose job it is. Two runs about one document come one after the other."""
    if run.document_id is None:
        if run.user_id is None:
            raise InvalidInputError(
                f"The run {run.run_id} of {run.job_type} says neither on which document nor for "
                "which user it works; launch it with one of them."
            )
        return run.user_id
    document = _first(connection, _DOCUMENT, {"document": run.document_id, "user": run.user_id})
    if document is None:
        raise InvalidInputError(
            f"There is no document {run.document_id}. Add it first (rhizome documents add), and "
            "launch the run with its id as the partition."
        )
    user_id: UUID = document["user_id"]
    return user_id


def _job(connection: Connection, run: ForeignRun, user_id: UUID) -> dict[str, Any] | None:
    """The job that the run goes on with, locked; None if it is to be a new one."""
    parameters = {
        "parent": run.parent_run_id,
        "user": user_id,
        "document": run.document_id,
        "type": run.job_type,
    }
    return _first(connection, _JOB_OF_PARENT, parameters) or _first(
        connection, _UNFINISHED_JOB, parameters
    )


def _insert(connection: Connection, run: ForeignRun, user_id: UUID) -> UUID:
    row = _first(
        connection,
        _INSERT,
        {
            "user": user_id,
            "type": run.job_type,
            "entity_type": None if run.document_id is None else "document",
            "document": run.document_id,
            "input": Jsonb(dict(run.input_data)),
            "metadata": Jsonb(dict(run.metadata)),
        },
    )
    assert row is not None  # noqa: S101 - an INSERT of one row returns it
    job_id: UUID = row["id"]
    return job_id


def _refuse_if_taken(
    connection: Connection, run: ForeignRun, job: Mapping[str, Any] | None
) -> None:
    """Raise if this job, or another about the same document, is being worked on or about to be."""
    parameters = {
        "job": None if job is None else job["id"],
        "document": run.document_id,
        "silence": SILENCE,
    }
    pending = _first(connection, _PENDING, parameters)
    if pending is not None:
        raise InvalidInputError(
            f"Job {pending['id']} is about to be started by itself. Wait for it, or cancel it "
            f"first (rhizome jobs cancel {pending['id']})."
        )
    alive = _first(connection, _ALIVE, parameters)
    if alive is not None:
        raise InvalidInputError(
            f"Attempt {alive['number']} of job {alive['job_id']} is at work. Wait for its end, or "
            f"pause or cancel the job first (rhizome jobs pause {alive['job_id']})."
        )


def _first(
    connection: Connection, query: LiteralString, parameters: Mapping[str, Any]
) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchone()


_BY_RUN: LiteralString = "select * from job_attempts where run_id = %(run)s"

_DOCUMENT: LiteralString = """
select user_id from documents
where id = %(document)s and (%(user)s::uuid is null or user_id = %(user)s)
for no key update
"""

_JOB_OF_PARENT: LiteralString = """
select j.id, j.status from background_jobs j
join job_attempts a on a.job_id = j.id
where a.run_id = %(parent)s and j.user_id = %(user)s
  and j.entity_id is not distinct from %(document)s
  and replace(j.job_type, '-', '_') = %(type)s
for update of j
"""

_UNFINISHED_JOB: LiteralString = """
select id, status from background_jobs
where status not in ('completed', 'cancelled') and id = (
    select id from background_jobs
    where entity_id = %(document)s and user_id = %(user)s
      and replace(job_type, '-', '_') = %(type)s
    order by created_at desc, id desc limit 1)
for update
"""

# Two look-ups, each by its index: told to find both at once, the planner may read all that is
# pending.
_PENDING: LiteralString = """
select id from (
    (select id, status from background_jobs where id = %(job)s offset 0)
    union all
    (select id, status from background_jobs where entity_id = %(document)s offset 0)) as named
where status = 'pending'
limit 1
"""

_ALIVE: LiteralString = """
select job_id, number from job_attempts
where ended_at is null and (job_id = %(job)s or entity_id = %(document)s)
  and coalesce(heartbeat_at, created_at) > now() - make_interval(secs => %(silence)s)
limit 1
"""

_INSERT: LiteralString = """
insert into background_jobs
    (user_id, job_type, entity_type, entity_id, input_data, metadata, status)
values (%(user)s, %(type)s, %(entity_type)s, %(document)s, %(input)s, %(metadata)s, 'processing')
returning id
"""

# A job that was finished begins again at zero percent.
_CLAIM: LiteralString = """
update background_jobs
set progress = case when status in ('completed', 'cancelled') then '{}' else progress end,
    input_data = coalesce(input_data, '{}') || %(input)s,
    resumed_at = now(), resume_count = coalesce(resume_count, 0) + 1
where id = %(job)s
"""
