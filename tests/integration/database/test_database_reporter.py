"""Progress of a live attempt: throttled, beating, outliving faults, ending with the ownership."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
import pytest
from psycopg import conninfo

from rhizome_pipelines.database import reporter as reporter_module
from rhizome_pipelines.database.connection import Database
from rhizome_pipelines.database.guarded import GuardedJob
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.database.reporter import ProgressReporter
from rhizome_pipelines.lifecycle.jobs import CheckpointPointer, Job
from rhizome_pipelines.lifecycle.stage_names import DOCUMENT_STAGES, STAGE_WEIGHTS, StageName


def until(holds: Callable[[], bool]) -> None:
    """Wait; what never comes is ended by the test's time limit."""
    pause = threading.Event()
    while not holds():
        pause.wait(0.02)


@pytest.fixture
def reporter(
    monkeypatch: pytest.MonkeyPatch, guarded: GuardedJob, database: Database
) -> Iterator[ProgressReporter]:
    monkeypatch.setattr(reporter_module, "HEARTBEAT_INTERVAL", 0.1)
    monkeypatch.setattr(reporter_module, "RETRY_INTERVAL", 0.1)
    with ProgressReporter(guarded, database, DOCUMENT_STAGES) as made:
        yield made


def writes(database: Database) -> int:
    """How often the row was written, heartbeats included."""
    n: int = database.all("select n from writes")[0]["n"]
    return n


@pytest.fixture
def counted(database: Database, job: Job) -> None:
    with database.connection() as connection:
        connection.execute(
            """
            create table writes as select 0 as n;
            create function count_writes() returns trigger language plpgsql as
                $$ begin
                    if new.progress is distinct from old.progress then
                        update writes set n = n + 1;
                    end if;
                    return null;
                end $$;
            create trigger counting after update on background_jobs
                for each row execute function count_writes();
            """
        )


def progress_of(jobs: JobRepository, job: Job) -> dict[str, object]:
    found = jobs.get(job.id)
    assert found is not None
    return dict(found.progress)


def test_many_reports_are_few_writes_and_the_last_is_written(
    counted: None, guarded: GuardedJob, database: Database, jobs: JobRepository, job: Job
) -> None:
    with ProgressReporter(guarded, database, DOCUMENT_STAGES) as reporter:
        for n in range(2_000):
            reporter.stage("extraction", n / 2_000, f"page {n}\0", {"pages_done": n})
    progress = progress_of(jobs, job)
    assert progress["details"] == "page 1999�"
    assert progress["stage_data"] == {"pages_done": 1999}
    assert (progress["percent"], progress["stage"]) == (
        int(100 * STAGE_WEIGHTS[StageName.EXTRACTION] * 1_999 / 2_000),
        "extraction",
    )
    assert 1 <= writes(database) <= 20


def test_checkpoints_and_finished_stages_are_written_at_once(
    reporter: ProgressReporter, jobs: JobRepository, database: Database, job: Job
) -> None:
    reporter.checkpoint("extraction", "u/d/part", "0123456789abcdef")
    found = jobs.get(job.id)
    assert found is not None
    assert found.checkpoint == CheckpointPointer("extraction", "u/d/part", "0123456789abcdef")
    reporter.stage_finished("extraction")
    progress = progress_of(jobs, job)
    assert progress["completed_stages"] == ["extraction"]
    assert progress["percent"] == round(100 * STAGE_WEIGHTS[StageName.EXTRACTION])
    stamps = progress["stage_timestamps"]
    assert isinstance(stamps, dict)
    assert datetime.fromisoformat(stamps["extraction"]).tzinfo is not None
    assert database.all("select processing_stage as s from documents") == [{"s": "extraction"}]


def test_what_was_done_before_counts(
    guarded: GuardedJob, database: Database, jobs: JobRepository, job: Job
) -> None:
    with ProgressReporter(guarded, database, DOCUMENT_STAGES, done=["extraction"]) as reporter:
        reporter.stage("chunking", 0.5, "", {})
    done = STAGE_WEIGHTS[StageName.EXTRACTION] + STAGE_WEIGHTS[StageName.CHUNKING] / 2
    assert progress_of(jobs, job)["percent"] == int(100 * done)


def test_percent_of_a_resumed_attempt_does_not_fall(
    guarded: GuardedJob, database: Database, jobs: JobRepository, job: Job
) -> None:
    guarded.progress({"percent": 70})
    with ProgressReporter(guarded, database, DOCUMENT_STAGES) as reporter:
        reporter.stage("extraction", 0.1, "again", {})
    progress = progress_of(jobs, job)
    assert (progress["percent"], progress["details"]) == (70, "again")


def test_the_time_left_is_told(
    guarded: GuardedJob, database: Database, jobs: JobRepository, job: Job
) -> None:
    seconds = iter(range(0, 10_000, 10))
    with ProgressReporter(
        guarded, database, ["extraction"], clock=lambda: float(next(seconds))
    ) as reporter:
        for tenth in range(5):
            reporter.stage("extraction", tenth / 10, "", {"pages_done": tenth})
    data = progress_of(jobs, job)["stage_data"]
    assert isinstance(data, dict)
    assert data["pages_done"] == 4 and data["seconds_left"] > 0


def test_the_heart_beats_by_itself(
    reporter: ProgressReporter, database: Database, job: Job
) -> None:
    def beat() -> tuple[datetime, datetime]:
        (row,) = database.all(
            "select j.updated_at, a.heartbeat_at from background_jobs j, job_attempts a"
        )
        return row["updated_at"], row["heartbeat_at"]

    until(lambda: beat()[1] is not None)
    before = beat()
    until(lambda: all(new > old for new, old in zip(beat(), before, strict=True)))


def test_no_more_is_written_once_the_job_is_lost(
    reporter: ProgressReporter, database: Database
) -> None:
    database.execute("update background_jobs set status = 'paused'")
    until(lambda: reporter.ownership_lost)
    before = database.all("select * from background_jobs, job_attempts")
    reporter.stage("chunking", 0.5, "late", {})
    reporter.checkpoint("chunking", "late", "0" * 16)
    reporter.stage_finished("chunking")
    reporter.close()
    assert database.all("select * from background_jobs, job_attempts") == before


def test_a_broken_connection_is_made_again(
    reporter: ProgressReporter, database: Database, database_url: str, jobs: JobRepository, job: Job
) -> None:
    with psycopg.connect(database_url, autocommit=True) as killer:
        for round_ in range(3):
            killer.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
            reporter.stage("extraction", 0.1 * round_, f"round {round_}", {})
            reporter.checkpoint("extraction", f"part-{round_}", "0" * 16)
            until(lambda: progress_of(jobs, job).get("details") == f"round {round_}")  # noqa: B023
            until(lambda: progress_of(jobs, job)["checkpoint"]["path"] == f"part-{round_}")  # noqa: B023


def test_what_an_unreachable_database_did_not_take_is_written_later(
    reporter: ProgressReporter, database_url: str, database: Database, jobs: JobRepository, job: Job
) -> None:
    name = conninfo.conninfo_to_dict(database_url)["dbname"]
    other = conninfo.make_conninfo(database_url, dbname="postgres")
    database.close()
    with psycopg.connect(other, autocommit=True) as admin:
        admin.execute(f'alter database "{name}" allow_connections false')
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        reporter._own_database._patience = 0.2
        reporter.stage("extraction", 0.5, "kept", {})
        database._patience = 0.2
        reporter.checkpoint("extraction", "kept", "0" * 16)
        admin.execute(f'alter database "{name}" allow_connections true')
    until(lambda: progress_of(jobs, job).get("details") == "kept")
    until(lambda: "checkpoint" in progress_of(jobs, job))


def test_closing_twice_is_harmless(reporter: ProgressReporter) -> None:
    reporter.close()
    reporter.close()
