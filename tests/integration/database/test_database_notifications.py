"""What is told on the channels, and how it is listened to."""

import json
from uuid import UUID

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.listen import PROGRESS, WISHES, Listener, listen
from rhizome_pipelines.lifecycle.errors import ErrorType, TransientError
from rhizome_pipelines.lifecycle.jobs import (
    AttemptTrigger,
    JobType,
)


def test_wishes_and_progress_are_told_apart(
    database_url: str, database: Database, jobs: JobRepository, attempts: AttemptRepository,
    user: UUID,
) -> None:  # fmt: skip
    with Listener(database_url, WISHES, PROGRESS) as listener:
        job = jobs.insert(user, JobType.EXPORT_DOCUMENTS)
        attempts.begin(job.id, AttemptTrigger.START)
        guarded = GuardedJob(database, job.id, 1)
        guarded.progress({"percent": 1})
        guarded.fail(ErrorType.TRANSIENT, "Busy.", retry_after=60)
        database.execute("update background_jobs set next_retry_at = now()")
        jobs.delete(job.id)
        database.execute("notify rhizome_wish, 'end'")
        told = []
        for channel, payload in listener.notifications(30):
            if payload == "end":
                break
            told.append((channel, payload))
    wishes = [json.loads(payload) for channel, payload in told if channel == WISHES]
    assert [(wish["op"], wish["status"]) for wish in wishes] == [
        ("insert", "pending"),
        ("update", "processing"),
        ("update", "failed"),
        ("update", "failed"),
        ("delete", "failed"),
    ]
    assert {wish["id"] for wish in wishes} == {str(job.id)}
    assert {payload for channel, payload in told if channel == PROGRESS} == {str(job.id)}


def test_nothing_is_told_before_the_commit_or_of_what_was_rolled_back(
    database_url: str, database: Database, user: UUID
) -> None:
    insert = "insert into background_jobs (user_id, job_type) values (%s, 'x')"
    with Listener(database_url, WISHES) as listener:
        with database.connection() as connection:
            with connection.transaction(force_rollback=True):
                connection.execute(insert, (user,))
            with connection.transaction():
                connection.execute(insert, (user,))
                assert list(listener.notifications(0.2)) == []
        (told,) = listener.notifications(1)
    assert json.loads(told[1])["op"] == "insert"


def test_listening_ends_in_time(database_url: str) -> None:
    assert list(listen(database_url, WISHES, 0.1)) == []


def test_listening_nowhere_is_told() -> None:
    with pytest.raises(TransientError, match="cannot be reached"):
        list(listen("postgresql://127.0.0.1:1/none", WISHES, 1))
