"""The command line against a real database: what it prints, how it ends, what it never shows."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from rhizome_pipelines.database.attempts import AttemptRepository
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.errors import ErrorType
from rhizome_pipelines.lifecycle.jobs import AttemptTrigger, JobType
from rhizome_pipelines.lifecycle.stage_names import JOB_STAGES
from rhizome_pipelines.settings import DEFAULT_USER
from tests.bad_input import SAMPLES, empty_file, html_named_pdf
from tests.integration.deployment.command_line import CommandLine

Insert = Callable[..., UUID]


@pytest.fixture
def insert(services: Services) -> Insert:
    """Insert a job; its id."""

    def make(
        job_type: JobType = JobType.PROCESS_DOCUMENT, user: UUID = DEFAULT_USER, title: str = "A"
    ) -> UUID:
        metadata = {"title": title}
        return JobRepository(services.database).insert(user, job_type, metadata=metadata).id

    return make


@pytest.fixture
def at_work(services: Services, insert: Insert) -> UUID:
    """A job in the middle of chunking."""
    job_id = insert(title="At work")
    AttemptRepository(services.database).begin(job_id, AttemptTrigger.START)
    guard = GuardedJob(services.database, job_id, 1)
    guard.progress({"stage": "chunking", "percent": 55, "details": "chunks 1–20"})
    return job_id


@pytest.fixture
def failed(services: Services, insert: Insert) -> UUID:
    job_id = insert(title="Failed")
    AttemptRepository(services.database).begin(job_id, AttemptTrigger.START)
    guard = GuardedJob(services.database, job_id, 1)
    guard.fail(ErrorType.INVALID, "The file is empty.", "Traceback: secret details")
    return job_id


# jobs list


def test_no_jobs(rhizome: CommandLine) -> None:
    assert rhizome.json("jobs", "list") == []
    (heading,) = rhizome.lines("jobs", "list")
    assert heading.split("\t")[:2] == ["id", "type"]


def test_jobs_one_a_line(rhizome: CommandLine, insert: Insert, at_work: UUID) -> None:
    other = insert(title="Waiting\tlong\nlong")

    _, newest, oldest = rhizome.lines("jobs", "list")

    assert newest.split("\t")[:4] == [
        str(other),
        "process_document",
        "Waiting long long",
        "pending",
    ]
    assert oldest.split("\t")[3:7] == ["processing", "55", "chunking", "chunks 1–20"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], {"at_work", "failed", "importing"}),
        (["--status", "failed"], {"failed"}),
        (["--status", "completed"], set()),
        (["--stage", "chunking"], {"at_work"}),
        (["--type", "import_document"], {"importing"}),
        (["--type", "import-document"], {"importing"}),
        (["--type", "process_document", "--status", "processing"], {"at_work"}),
        (["--limit", "1"], {"importing"}),
    ],
)
def test_filters(
    rhizome: CommandLine,
    insert: Insert,
    at_work: UUID,
    failed: UUID,
    filters: list[str],
    expected: set[str],
) -> None:
    importing = insert(JobType.IMPORT_DOCUMENT)
    names = {str(at_work): "at_work", str(failed): "failed", str(importing): "importing"}

    found = rhizome.json("jobs", "list", *filters)

    assert {names[job["id"]] for job in found} == expected


def test_jobs_of_another_user(rhizome: CommandLine, insert: Insert, at_work: UUID) -> None:
    user = uuid4()
    theirs = insert(user=user)

    assert [job["id"] for job in rhizome.json("--user", user, "jobs", "list")] == [str(theirs)]
    assert [job["id"] for job in rhizome.json("jobs", "list")] == [str(at_work)]
    told = rhizome.complaint(2, "--user", user, "jobs", "show", at_work)
    assert f"There is no job {at_work} of this user" in told


def test_a_type_that_there_is_not(rhizome: CommandLine) -> None:
    told = rhizome.complaint(2, "jobs", "list", "--type", "coffee")

    assert "'coffee'" in told
    assert {one for one in JobType if one in told} == set(JOB_STAGES)


# jobs show


def test_a_job_with_its_attempts(rhizome: CommandLine, failed: UUID) -> None:
    shown = rhizome.json("jobs", "show", failed)

    assert shown["id"] == str(failed)
    assert shown["status"] == "failed"
    assert shown["error_message"] == "The file is empty."
    (attempt,) = shown["attempts"]
    assert (attempt["number"], attempt["trigger"], attempt["outcome"]) == (1, "start", "failed")

    told = "\n".join(rhizome.lines("jobs", "show", failed))
    assert "invalid: The file is empty." in told
    assert "secret details" not in told


def test_a_job_that_there_is_not(rhizome: CommandLine) -> None:
    unknown = uuid4()

    assert f"There is no job {unknown}" in rhizome.complaint(2, "jobs", "show", unknown)


def test_an_id_that_is_none(rhizome: CommandLine) -> None:
    assert "'the-first' is no job's id" in rhizome.complaint(2, "jobs", "show", "the-first")


def test_watching_what_is_over_ends_at_once(rhizome: CommandLine, failed: UUID) -> None:
    (line,) = rhizome.lines("jobs", "watch", failed)

    assert line == "Failed: failed (invalid): The file is empty."


# documents


def test_documents_are_added_listed_and_shown(
    rhizome: CommandLine, services: Services, failed: UUID
) -> None:
    (document_id,) = rhizome.lines("documents", "add", SAMPLES / "card-box.md")

    (listed,) = rhizome.json("documents", "list")
    assert listed["id"] == document_id
    assert listed["source_type"] == "markdown_asis"
    assert listed["processing_status"] == "pending"
    shown = rhizome.json("documents", "show", document_id)
    (file,) = shown["files"]
    assert file["key"] == f"{DEFAULT_USER}/{document_id}/source.md"
    assert file["size"] == (SAMPLES / "card-box.md").stat().st_size
    assert shown["job_id"] is None
    told = "\n".join(rhizome.lines("documents", "show", document_id))
    assert "markdown_asis" in told


def test_the_same_file_is_the_same_document(rhizome: CommandLine) -> None:
    first = rhizome.lines("documents", "add", SAMPLES / "card-box.md")

    assert rhizome.lines("documents", "add", SAMPLES / "card-box.md") == first
    (again,) = rhizome.json("documents", "add", SAMPLES / "card-box.md")
    assert (again["id"], again["known"]) == (first[0], True)
    assert len(rhizome.json("documents", "list")) == 1


def test_what_cannot_be_added_is_told_and_the_rest_is_added(
    rhizome: CommandLine, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.md"
    (tmp_path / "bad").mkdir()
    html = html_named_pdf(tmp_path / "bad")

    done = rhizome("documents", "add", missing, html, SAMPLES / "card-box.md", "ftp://example.org")

    assert done.exit_code == 2
    assert len(done.stdout.splitlines()) == 1
    first, second, third = done.stderr.splitlines()
    assert "does not exist" in first
    assert "is no PDF, but a web page" in second
    assert "ftp:// cannot be fetched" in third


def test_an_empty_file_is_refused(rhizome: CommandLine, tmp_path: Path) -> None:
    assert "is empty" in rhizome.complaint(2, "documents", "add", empty_file(tmp_path))


def test_a_document_that_there_is_not(rhizome: CommandLine) -> None:
    unknown = uuid4()

    assert f"There is no document {unknown}" in rhizome.complaint(2, "documents", "show", unknown)


def test_nothing_to_process(rhizome: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    told = rhizome.complaint(2, "process", tmp_path / "empty")

    assert "There is nothing to process" in told


# db


def test_an_empty_database_is_migrated_once(
    rhizome: CommandLine, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHIZOME_DATABASE_URL", empty_database_url)

    (applied,) = rhizome.lines("db", "migrate")
    (again,) = rhizome.lines("db", "migrate")

    assert applied.startswith("Applied 0001")
    assert again == "The tables are up to date."


def test_the_url_is_one_that_psql_accepts(rhizome: CommandLine, database_url: str) -> None:
    assert rhizome.lines("db", "url") == [database_url]


def test_the_databases_status(rhizome: CommandLine, services: Services) -> None:
    shown = rhizome.json("db", "status")

    assert shown["migration"] == shown["newest"]
    assert shown["pending"] == "none"
    assert "password" not in str(shown)


# doctor


def test_all_is_well(rhizome: CommandLine) -> None:
    findings = rhizome.json("doctor")

    assert [one["what"] for one in findings] == [
        "python",
        "dagster",
        "disk",
        "database",
        "storage",
        "embeddings",
        "deployment",
        "downloads",
    ]
    assert all(one["good"] for one in findings)


def test_the_doctor_leaves_nothing_behind(rhizome: CommandLine, services: Services) -> None:
    rhizome("doctor")

    assert list(services.objects.list(f"{DEFAULT_USER}/")) == []


def test_the_doctor_tells_each_fault(rhizome: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHIZOME_EMBEDDING_MODEL", "sentence-transformers:no-such-model")

    done = rhizome("doctor")

    assert done.exit_code == 1
    bad = [line for line in done.stdout.splitlines() if line.startswith("✗")]
    assert len(bad) == 1
    assert "embeddings" in bad[0]


# db purge


def test_old_attempts_are_purged_where_no_deployment_ever_was(
    rhizome: CommandLine, services: Services, failed: UUID
) -> None:
    services.database.execute("update background_jobs set status = 'pending'")
    AttemptRepository(services.database).begin(failed, AttemptTrigger.RETRY)
    GuardedJob(services.database, failed, 2).complete({})
    services.database.execute("update job_attempts set ended_at = now() - interval '31 days'")

    counted = rhizome.json("db", "purge", "--dry-run")
    assert counted == {
        "runs": 0, "runs_kept": 0, "attempts": 1, "partitions": 0, "more": False,
        "days": 30, "dry_run": True,
    }  # fmt: skip
    assert rhizome.lines("db", "purge", "--days", "60") == [
        "Removed 0 runs, 0 attempts, 0 partitions."
    ]
    assert rhizome.lines("db", "purge") == ["Removed 0 runs, 1 attempt, 0 partitions."]
    assert len(AttemptRepository(services.database).list_for_job(failed)) == 1


def test_a_purge_of_everything_is_refused(rhizome: CommandLine) -> None:
    assert rhizome("db", "purge", "--days", "0").exit_code == 2
