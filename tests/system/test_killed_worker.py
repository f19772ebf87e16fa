"""A run's worker is killed in the middle of a long PDF: the job goes on where it was."""

import hashlib
import json
import signal
import urllib.request
from pathlib import Path
from typing import Any
from uuid import UUID

from rhizome_pipelines.database.connection import Database
from tests.system.home import Home, answers, kill, wait_until
from tests.system.long_pdf import long_pdf, parts

EXTRACTION = """{ assetOrError(assetKey: {path: ["extraction"]}) { ... on Asset {
  assetMaterializations(limit: 1) { metadataEntries { label
    ... on IntMetadataEntry { intValue } } } } } }"""


def _results(folder: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("content.md", "chunks.json", "embeddings.parquet")
    }


def _told_of_extraction(port: int) -> dict[str, int]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": EXTRACTION}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        (newest,) = json.load(answer)["data"]["assetOrError"]["assetMaterializations"]
    return {entry["label"]: entry.get("intValue") for entry in newest["metadataEntries"]}


def test_it_goes_on_with_nothing_done_twice(home: Home, port: int, tmp_path: Path) -> None:
    added = home.rhizome("documents", "add", long_pdf(tmp_path / "book.pdf"))
    assert added.returncode == 0, added.stderr
    document_id = UUID(added.stdout.strip())

    with home.start("up", "--port", str(port)) as started, home.database() as database:
        wait_until(lambda: answers(port), "the web server answers")
        row = _first(
            database,
            "insert into background_jobs (user_id, job_type, entity_type, entity_id) "
            "select user_id, 'process_document', 'document', id from documents returning user_id",
        )
        folder = home.path / "objects" / str(row["user_id"]) / str(document_id)
        wait_until(lambda: len(parts(folder)) >= 3, "three windows of pages are kept")
        (worker,) = home.workers()
        kill(worker)
        kept = parts(folder)
        assert not (folder / "content.md").exists()

        wait_until(lambda: _status(database) == "completed", "the job is completed")
        attempts = database.all("select trigger, outcome from job_attempts order by number")
        assert [attempt["outcome"] for attempt in attempts] == ["lost", "completed"]
        assert attempts[1]["trigger"] == "rescue"
        told = _told_of_extraction(port)
        assert told["units_reused"] >= len(kept) - 1
        assert told["units"] > told["units_reused"]
        disturbed = _results(folder)

        database.execute("update background_jobs set status = 'pending'")
        wait_until(
            lambda: (
                _status(database) == "completed"
                and len(database.all("select from job_attempts where outcome = 'completed'")) == 2
            ),
            "the job is completed again, undisturbed",
        )
        assert _told_of_extraction(port)["units_reused"] == 0
        assert _results(folder) == disturbed

        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=60)
    assert home.rhizome("down").returncode == 0
    home.wait_until_empty()


def _status(database: Database) -> Any:
    return _first(database, "select status from background_jobs")["status"]


def _first(database: Database, query: Any) -> dict[str, Any]:
    row = database.first(query)
    assert row is not None
    return row
