"""A long job steered by real processes: paused, resumed, cancelled, deleted, looked at; by SQL
and by the command line. The result is that of a job which nobody disturbed."""

import hashlib
import json
import random
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from tests.system.home import Home, answers, wait_until
from tests.system.long_pdf import long_pdf, parts

RESULTS = ("content.md", "chunks.json", "embeddings.parquet")
MOMENTS = 3
INSERT = (
    "insert into background_jobs (user_id, job_type, entity_type, entity_id) "
    "select user_id, 'process_document', 'document', id from documents returning id, user_id"
)
RESUME = (
    "update background_jobs set status = 'pending', resumed_at = now(), "
    "resume_count = coalesce(resume_count, 0) + 1 where status = 'paused'"
)


def hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in RESULTS}


def first(database: Database, query: Any) -> dict[str, Any]:
    row = database.first(query)
    assert row is not None
    return row


def status(database: Database) -> Any:
    return first(database, "select status from background_jobs")["status"]


def alive(database: Database) -> int:
    return len(database.all("select from job_attempts where ended_at is null"))


def test_paused_and_resumed_at_random_moments_the_result_is_the_same(
    home: Home, port: int, tmp_path: Path
) -> None:
    added = home.rhizome("documents", "add", long_pdf(tmp_path / "book.pdf"))
    assert added.returncode == 0, added.stderr
    document_id = UUID(added.stdout.strip())
    moments = random.Random(4711)

    with home.start("up", "--port", str(port)) as started, home.database() as database:
        wait_until(lambda: answers(port), "the web server answers")
        row = first(database, INSERT)
        folder = home.path / "objects" / str(row["user_id"]) / str(document_id)
        wait_until(lambda: len(parts(folder)) >= 1, "a window of pages is kept")
        for _ in range(MOMENTS):
            time.sleep(moments.uniform(0.05, 0.6))
            paused = database.execute(
                "update background_jobs set status = 'paused', paused_at = now() "
                "where status = 'processing'"
            )
            if not paused:
                break
            wait_until(lambda: alive(database) == 0, "the attempt has ended")
            database.execute(RESUME)
            wait_until(lambda: status(database) != "pending", "the job goes on")
        wait_until(lambda: status(database) == "completed", "the job is completed")

        attempts = database.all("select trigger, outcome, run_id from job_attempts order by number")
        assert [one["outcome"] for one in attempts[:-1]] == ["paused"] * (len(attempts) - 1)
        assert len(attempts) > 1
        assert {one["trigger"] for one in attempts[1:]} == {"resume"}
        disturbed = hashes(folder)

        shown = json.loads(home.rhizome("jobs", "show", row["id"], "--json").stdout)
        assert shown["status"] == "completed"
        assert home.rhizome("jobs", "pause", str(row["id"])).returncode == 2
        assert home.rhizome("jobs", "restart", str(row["id"])).returncode == 0
        wait_until(
            lambda: (
                status(database) == "completed"
                and len(database.all("select from job_attempts where outcome = 'completed'")) == 2
            ),
            "the job is completed again, undisturbed",
        )
        assert hashes(folder) == disturbed

        again = first(database, INSERT)
        wait_until(lambda: len(parts(folder)) >= 1, "another job is at work")
        database.execute(
            "update background_jobs set status = 'cancelled' where id = %s", (again["id"],)
        )
        time.sleep(0.1)
        database.execute("delete from background_jobs where id = %s", (again["id"],))
        wait_until(
            lambda: not database.all("select from job_attempts where job_deleted_at is not null"),
            "the deleted job is cleaned up",
        )
        assert parts(folder) == {}

        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=60)
    assert home.rhizome("down").returncode == 0
    home.wait_until_empty()
