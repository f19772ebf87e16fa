"""`rhizome jobs clear|fail-all|stop-all|reset|fix-documents|force-fail`, `documents delete`."""

import json
import os
import pty
import subprocess
import sys
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.cleanup import LEFT_BEHIND
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.jobs import JobStatus, JobType
from rhizome_pipelines.settings import DEFAULT_USER
from tests.integration.deployment.command_line import CommandLine

OTHER = uuid4()
REMOVING = (
    ("jobs", "clear", "--completed"),
    ("jobs", "clear", "--failed"),
    ("jobs", "clear", "--all"),
    ("jobs", "reset"),
    ("documents", "delete"),
)


def ask(services: Services, status: JobStatus, user: UUID = DEFAULT_USER) -> UUID:
    job = JobRepository(services.database).insert(user, JobType.PROCESS_DOCUMENT)
    services.database.execute(
        "update background_jobs set status = %s where id = %s", (status, job.id)
    )
    return job.id


def add(services: Services, user: UUID = DEFAULT_USER, status: str = "processing") -> UUID:
    document = uuid4()
    with services.database.transaction() as connection:
        connection.execute(
            "insert into documents (id, user_id, processing_status, updated_at) "
            "values (%s, %s, %s, now() - interval '1 hour')",
            (document, user, status),
        )
    services.objects.write(f"{user}/{document}/source.md", b"text")
    return document


def count(services: Services, table: str) -> int:
    return len(services.database.all(f"select from {table}"))


def status_of(services: Services, job: UUID) -> str:
    found = JobRepository(services.database).get(job)
    assert found is not None
    return found.status


@pytest.fixture
def one_of_each(services: Services) -> UUID:
    """A job in every state, one of another user's, an unfinished document; the document."""
    for status in JobStatus:
        ask(services, status)
    ask(services, JobStatus.COMPLETED, OTHER)
    return add(services)


@pytest.mark.parametrize("words", REMOVING)
def test_what_removes_something_asks_and_in_a_pipe_refuses(
    services: Services, rhizome: CommandLine, one_of_each: UUID, words: tuple[str, ...]
) -> None:
    ids = [one_of_each] if words[0] == "documents" else []

    line = rhizome.complaint(2, *words, *ids)

    assert "say --yes" in line or "say --confirm reset" in line
    assert count(services, "background_jobs") == len(JobStatus) + 1
    assert count(services, "documents") == 1


@pytest.mark.parametrize("words", [*REMOVING, ("jobs", "stop-all"), ("jobs", "fail-all")])
def test_a_dry_run_tells_and_does_nothing(
    services: Services, rhizome: CommandLine, one_of_each: UUID, words: tuple[str, ...]
) -> None:
    before = services.database.all("select * from background_jobs order by id")
    ids = [one_of_each] if words[0] == "documents" else []

    (line,) = rhizome.lines(*words, *ids, "--dry-run")
    told = rhizome.json(*words, *ids, "--dry-run")

    assert "would" in line.lower()
    assert told["dry_run"] is True
    assert services.database.all("select * from background_jobs order by id") == before
    assert count(services, "documents") == 1


def test_clearing_takes_what_is_named(
    services: Services, rhizome: CommandLine, one_of_each: UUID
) -> None:
    assert rhizome.lines("jobs", "clear", "--completed", "--yes") == ["1 job was deleted."]
    assert rhizome.json("jobs", "clear", "--failed", "-y")["jobs"] == 1
    assert rhizome.lines("jobs", "clear", "--all", "-y") == ["4 jobs were deleted."]
    assert rhizome.lines("jobs", "clear", "--all", "-y", "--everybody") == ["1 job was deleted."]
    assert count(services, "documents") == 1


def test_what_to_clear_must_be_said(rhizome: CommandLine) -> None:
    for words in ((), ("--all", "--failed")):
        assert "one of --completed, --failed" in rhizome.complaint(2, "jobs", "clear", *words)


def test_all_is_stopped_or_failed_without_a_question(
    services: Services, rhizome: CommandLine
) -> None:
    pending, working = ask(services, JobStatus.PENDING), ask(services, JobStatus.PROCESSING)
    anothers = ask(services, JobStatus.PROCESSING, OTHER)

    assert rhizome.json("jobs", "fail-all") == {
        "done": "failed",
        "jobs": 1,
        "retrying": 0,
        "dry_run": False,
    }
    assert rhizome.lines("jobs", "stop-all") == ["1 job was paused."]

    assert status_of(services, working) == "failed"
    assert status_of(services, pending) == "paused"
    assert status_of(services, anothers) == "processing"


def test_a_reset_wants_the_word(
    services: Services, rhizome: CommandLine, one_of_each: UUID
) -> None:
    assert "'yes' is not 'reset'" in rhizome.complaint(2, "jobs", "reset", "--confirm", "yes")
    assert count(services, "documents") == 1

    done = rhizome.json("jobs", "reset", "--confirm", "reset")

    assert (done["jobs"], done["documents"], done["files"]) == (6, 1, 1)
    assert count(services, "background_jobs") == 1
    assert count(services, "documents") == 0


@pytest.mark.parametrize(("typed", "left"), [("reset", 0), ("yes", 1)])
def test_the_word_is_typed_in_a_terminal(
    services: Services, one_of_each: UUID, typed: str, left: int
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from rhizome_pipelines.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "jobs", "reset"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.write(ours, f"{typed}\n".encode())
    _, said = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)

    assert process.returncode == (2 if left else 0)
    assert b"Would remove 1 document, 6 jobs" in said
    assert b"Type 'reset' to go on" in said
    assert count(services, "documents") == left


def test_documents_are_set_right_for_one_user(services: Services, rhizome: CommandLine) -> None:
    add(services)
    add(services, OTHER)

    assert rhizome.json("jobs", "fix-documents", "--dry-run")["failed"] == 1
    assert rhizome.lines("jobs", "fix-documents") == [
        "Set 1 document right: 0 completed, 1 failed."
    ]

    rows = services.database.all("select processing_error from documents order by user_id")
    assert {row["processing_error"] for row in rows} == {LEFT_BEHIND, None}


def test_a_job_that_hangs_is_failed_and_due_at_once(
    services: Services, rhizome: CommandLine
) -> None:
    hanging, paused = ask(services, JobStatus.PROCESSING), ask(services, JobStatus.PAUSED)
    anothers = ask(services, JobStatus.PROCESSING, OTHER)

    (foreseen,) = rhizome.json("jobs", "force-fail", hanging, "--dry-run")
    assert (foreseen["granted"], foreseen["status"]) == (True, "processing")
    (would,) = rhizome.lines("jobs", "force-fail", hanging, "--dry-run")
    assert would == f"{hanging}  would fail and be tried again; nothing was done"
    (line,) = rhizome.lines("jobs", "force-fail", str(hanging)[:13])
    assert "to fail and be tried again" in line
    row = services.database.first("select * from background_jobs where id = %s", (hanging,))
    assert row is not None
    assert (row["status"], row["retry_count"]) == ("failed", 0)
    assert row["next_retry_at"] is not None

    assert "only what is being worked on" in rhizome.complaint(2, "jobs", "force-fail", paused)
    for one in (["--dry-run"], []):
        assert "no job" in rhizome.complaint(2, "jobs", "force-fail", anothers, *one)


def test_documents_are_deleted_and_unknown_ones_told_of(
    services: Services, rhizome: CommandLine
) -> None:
    document, anothers = add(services), add(services, OTHER)

    done = rhizome("documents", "delete", document, anothers, "--yes")

    assert done.exit_code == 2
    assert done.stdout.startswith("Removed 1 document, 0 jobs")
    assert f"There is no document {anothers} of this user" in done.stderr
    (row,) = services.database.all("select id from documents")
    assert row["id"] == anothers

    for dry_run in (["--dry-run"], []):
        told = rhizome.complaint(2, "documents", "delete", anothers, "--yes", *dry_run)
        assert f"There is no document {anothers} of this user" in told
    printed = rhizome("documents", "delete", anothers, "--yes", "--json")
    assert printed.exit_code == 2
    assert json.loads(printed.stdout)["unknown"] == [str(anothers)]
